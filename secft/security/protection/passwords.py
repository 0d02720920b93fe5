"""Passwords, tokens and keys beside the word for them, in English, Spanish and Portuguese.

What stands behind ``password:`` may be a password or prose about one. A value is taken for one by its characters, by
quotes, or by a line that holds nothing else; placeholders, expressions of code, paths and names of algorithms are not.
"""

from __future__ import annotations

import re

from secft.security.protection.password_values import (
    assigned_password,
    assigned_token,
    environment_password,
    line_value,
    long_token,
    owned_word,
    paired_password,
    phrase,
    pin,
    prose_password,
    quoted_password,
)
from secft.security.protection.rule import Check, Finder, Rule, Tail, WordRule

_WORD = (
    r"(?:pass?word|passwd|passwort|pass[_ -]?phrase|passcode|pwd|contrase(?:ñ|n|ni|&ntilde;)a"
    r"|(?<![a-z])clave(?![a-z])(?: de acceso)?"
    r"|(?<![a-z])senha(?![a-z])(?: de acesso)?|palavra[_ -]?(?:passe|chave)|pass?wrd|bind[_-]?pw|(?<![a-z])psk"
    r"|wpa_?key|login_?pw)"
    r"(?!s\b)(?:_?\d{1,2}(?!\d))?(?:-value)?"
)
_OWNERS = (
    *("api", "access", "auth", "private", "client", "encryption", "signing", "signature", "master", "account", "app"),
    *("consumer", "webhook", "shared", "service", "session", "admin", "license", "primary", "secondary"),
    *("subscription", "storage", "hmac", "jwt", "crypto"),
)
_KEY_OF = "|".join(rf"(?<={owner})|(?<={owner}[_ -])" for owner in _OWNERS)
_TOKEN = (
    rf"(?:secret(?:[_ -]?(?:key|token|value))?(?:[_ -]?base)?|token(?:[_ -]?(?:value|secret|de acceso|de acesso))?"
    rf"|(?:{_KEY_OF})key"
    r"|credentials?|secreto|segredo|(?<![a-z])(?:clave|chave|llave)(?: (?:de )?(?:api|secreta|privada|de acceso|de"
    r" acesso|de cifrado))?|(?<![a-z])pat)(?![a-z])"
)
_WORD_STEMS = (
    "pass",
    "pwd",
    "contrase",
    "clave",
    "senha",
    "palavra",
    "bindpw",
    "bind_pw",
    "psk",
    "wpa",
    "login_pw",
    "loginpw",
)
_TOKEN_STEMS = ("secret", "token", "key", "credential", "segredo", "clave", "chave", "llave", "pat")
# ``${NAME:?message}`` of a shell holds no value.
_SEPARATOR = r"\\?[\"'`\]]{0,2}\s{0,4}(?::=|=>|->|==?|:(?!\?))\s{0,4}"
# What ends a value without quotes: a space, a quote, a bracket, the next parameter; a stop at its end is no part of it.
_BARE = r"(?P<value>[^\s\"'`<>]{3,200}?)(?=[.,;:)\]}]{0,3}(?:\s|$)|[&;,|][\w ]{1,40}[=:]|;|[\"'`<>]|\\[nrt\"'])"
_QUOTED = r"\\?(?P<quote>[\"'`])(?P<value>[^\"'`\n\\]{3,200}?)\\?(?P=quote)"
_WHOLE = r"(?P<value>[^\s\"'`<>]{4,200})[ \t]*\r?(?=\n|$)"
_GAP = (
    r"(?:(?! (?:hash|length|policy|manager|field|reset|polic|longitud|pol[ií]tica|strength))["
    r" \w.@'\"()/áéíóúñãõç-]){0,60}?"
)
_STATE = (
    r"(?:temporal|tempor[aá]ria|provisional|provis[oó]ria|inicial|nueva|nova|actual|atual|antigua|antiga|anterior|vieja|velha|filtrada|vazada|leaked|previous|maestra|mestra"
    r"|por defecto|padr[aã]o|wi-?fi|admin|root|default|new|old|temporary|initial|current|master)"
)
_WITH_DIGIT = r"(?=[^\s]{0,100}\d)"
_TELLING = r"(?=[^\s]{0,100}[\d!#$%^*+=?])"
_IS = r"(?:is(?: now| set to)?|(?:was|has been|been) set to|was|es(?: ahora)?|era|ser[áa]|fue|é|foi|to|a|por|para)"
_NAMED = r"(?:\\?[\"'] {0,4}, {0,4}\s{0,40}\\?[\"']?value\\?[\"']?\s{0,4}[:=]\s{0,4}|[\"']\s{1,8}value=)"
_NESTED = r"\\?[\"']\s{0,4}:\s{0,4}\{\s{0,20}\\?[\"']value\\?[\"']\s{0,4}:\s{0,4}"
_IN_TAG = r"(?:[\"']?(?:\s[^<>]{0,80})?\s{0,8}>\s{0,20}(?:<value>)?)(?P<value>[^<>\s]{4,200})\s{0,20}</"
_NEXT_LINE = r"[\"']?[ ]*\n[ ]*value:[ ]{1,4}[\"']?(?P<value>[^\s<>{}\"']{4,200})"
_OPTION = re.compile(r"(?<![\w-])--?[\w-]{0,40}$")
_LINE = re.compile(r"(?i)(?:^|\n)[ \t>+*#;-]{0,20}(?:export |set |env |\$env:|let |const |var )?[\w.\[\]\"'-]{0,40}$")


# ``user: ana, password: luna`` and ``define('DB_PASSWORD', 'luna')``: what stands there is the password.
_USER_BEFORE = re.compile(
    r"(?i)(?<![a-z])(?:user(?:[ _-]?(?:name|id))?|login|usuario|usu[áa]rio|utilizador|uid|account|cuenta|conta|e-?mail"
    r"|correo)\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?[^\s\"'<>{}()$\\]{2,60}\\?[\"']?(?:[\s,;/|&-]{1,12}|\\n)\\?[\"']?[\w.-]{0,12}$"
)
_SETTING = re.compile(
    r"(?i)(?:define|putenv|setenv|set|add|put|config|property|setProperty)\(\s{0,4}[\"'][\w.-]{0,40}$"
)
_OWNER = re.compile(r"(?i)(?<![a-z])(?:my|our|mi|nuestra|minha|nossa)(?: [a-záéíóúñ-]{2,12}){0,2} $")


def _tail(kind: str, form: str, real: Check, before: re.Pattern[str] | None = None) -> Tail:
    return Tail(kind, re.compile(f"(?i:{form})"), real, before)


_ASSIGNED: tuple[Tail, ...] = (
    _tail("PASSWORD", _SEPARATOR + _QUOTED, quoted_password),
    _tail("PASSWORD", _SEPARATOR + _WHOLE, line_value, _LINE),
    _tail("PASSWORD", _SEPARATOR + r"(?![\"'`])" + _BARE, assigned_password),
    _tail("PASSWORD", _SEPARATOR + r"(?![\"'`])" + _BARE, paired_password, _USER_BEFORE),
    _tail("PASSWORD", _SEPARATOR + _QUOTED, paired_password, _USER_BEFORE),
    _tail("PASSWORD", r"[\"']\s{0,4},\s{0,4}" + _QUOTED, quoted_password, _SETTING),
    _tail("PASSWORD", _NAMED + _QUOTED, quoted_password),
    _tail("PASSWORD", _NESTED + _QUOTED, quoted_password),
    _tail("PASSWORD", _NEXT_LINE, assigned_password),
    _tail("PASSWORD", _IN_TAG, quoted_password),
    _tail("PASSWORD", r"(?:=|\s{1,2}|:)\\?[\"']?(?P<value>[^\s\"'<>\\]{4,100})", assigned_password, _OPTION),
)
_TOLD: tuple[Tail, ...] = (
    _tail("PASSWORD", rf"{_GAP}(?: {_IS}|:|[ ]?→)[ :]{{1,2}}[\"'`“«]?{_TELLING}{_BARE}", prose_password),
    _tail("PASSWORD", rf"(?:,? {_STATE})?[ \t|,]{{1,8}}[\"'`“«(]?{_WITH_DIGIT}{_BARE}", prose_password),
    _tail("PASSWORD", rf"{_GAP} {_IS} (?P<value>[^\W\d_]{{5,40}})(?=[.,;!]?(?:\s*$|\n)|[.,;] )", owned_word, _OWNER),
    _tail("PASSWORD", rf"{_GAP}(?:\b{_IS}|:) [\"'`“«](?P<value>[^\s\"'`”»]{{4,100}})[\"'`”»]", quoted_password),
)

RULES: tuple[Finder, ...] = (
    WordRule(_WORD_STEMS, re.compile(f"(?i:{_WORD})"), (*_ASSIGNED, *_TOLD)),
    # The verb stands in prose all the time; behind a separator it is a password as well.
    WordRule(
        ("pass", "pw"),
        re.compile(
            r"(?i)(?:(?<![a-z])|(?<=store)|(?<=key)|(?<=user)|(?<=db)|(?<=root)|(?<=admin))(?:pass"
            r"|pw)(?![a-z])(?:_?\d{1,2}(?!\d))?"
        ),
        (
            *_ASSIGNED,
            _tail("PASSWORD", rf" (?:is|was|es|era|é)[ :]{{1,2}}[\"'`“«]?{_WITH_DIGIT}{_BARE}", prose_password),
        ),
    ),
    WordRule(
        _TOKEN_STEMS,
        re.compile(f"(?i:{_TOKEN})"),
        (
            _tail("SECRET", _SEPARATOR + r"\\?[\"'`](?P<value>[^\s\"'`\\]{8,500})\\?[\"'`]", assigned_token),
            _tail("SECRET", _SEPARATOR + r"(?![\"'`])" + _BARE, assigned_token),
            _tail("SECRET", _NAMED + _QUOTED, assigned_token),
            _tail("SECRET", _NEXT_LINE, assigned_token),
            _tail("SECRET", _IN_TAG, assigned_token),
            _tail("SECRET", r"(?:=|\s{1,2})\\?[\"']?(?P<value>[^\s\"'<>\\]{8,300})", assigned_token, _OPTION),
            _tail("SECRET", rf"{_GAP} {_IS}[ :]{{1,2}}[\"'`“«]?{_BARE}", long_token),
            _tail("SECRET", rf" [\"'`(]?{_BARE}", long_token),
        ),
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?:(?<![\w.])PIN|(?<![\w.])pin)(?: (?:de|del|do|da|for|is|es|é|code|c[oó]digo)[ \w]{0,20})?[:="
            r" ]{1,3}(?P<value>\d{4,8})(?![\w.-])"
        ),
        ("pin",),
        pin,
        at_hints=True,
    ),
    # A variable of an environment: what is no ``$NAME`` there is the value itself.
    Rule(
        "PASSWORD",
        re.compile(
            r"(?<![\w$.])(?:[A-Z][A-Z0-9]{0,20}_?){0,4}(?:PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SENHA|CLAVE|CONTRASENA)="
            r"[\"']?(?P<value>[^\s\"'`<>;&|]{4,100})(?=[\"';&|]|\s|$)"
        ),
        ("password=", "passwd=", "phrase=", "pass=", "pwd=", "senha=", "clave=", "contrasena="),
        environment_password,
    ),
    # ``the old password X and the new one Y``: the word stands before the first one only.
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?<![a-z])(?:nueva|nova|new|actual|atual|current|antigua|antiga|anterior|vieja|old|previous)"
            r"(?: one| es| é| is)?:? "
            r"[\"'`“«]?(?P<value>[^\s\"'`<>,;”»]{6,60})(?=[\"'`”»]?[.,;)]?(?:\s|$))"
        ),
        ("contrase", "password", "senha", "clave"),
        prose_password,
        re.compile(r"(?i)contrase(?:ñ|n)a|password|senha|clave"),
    ),
    # Passphrases of several words; a wallet's has twelve to twenty-four (BIP 39).
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?:pass[ _-]?phrase|frase[ _-](?:de )?(?:contrase[ñn]a|paso|acceso|semilla|senha|secreta)"
            r"|seed[ _-]phrase|mnemonic(?: phrase)?|recovery[ _-]phrase|frase de recupera\w+)"
            r"[\"']?\s{0,3}(?:[:=]|is|es|é)\s{0,3}[\"'`]?"
            r"(?P<value>[a-záéíóúñç]{3,12}(?:[ -][a-záéíóúñç]{3,12}){2,23})(?=[\"'`]?[.]?\s*(?:\n|$))"
        ),
        ("phrase", "frase", "mnemonic"),
        phrase,
    ),
    # One-time passwords: their seed (RFC 6238, Base32), their digits, and the codes that stand in for them.
    Rule(
        "SECRET",
        re.compile(
            r"(?i)(?<![a-z])(?:t?otp|2fa|mfa|authenticator)[ _-](?:seed|secret|key|semilla|clave|chave|segredo)"
            r"[ :=\"']{1,4}"
            r"(?P<value>(?-i:[A-Z2-7]){16,64}=*|(?-i:[A-Z2-7]{4}(?: [A-Z2-7]{4}){3,12}))(?![\w])"
        ),
        ("otp", "2fa", "mfa", "authenticator"),
    ),
    Rule(
        "PIN",
        re.compile(
            r"(?i)(?<![a-z])(?:otp|2fa code|(?:verification|one[- ]time|sms|login) (?:code|password|pin)"
            r"|c[óo]digo (?:de verificaci[óo]n|de verifica[çc][ãa]o|sms|de un solo uso|de acceso))"
            r"(?: is| es| é)?[ :=]{1,3}"
            r"(?P<value>\d{3}[ -]?\d{3}|\d{8})(?![\w.-])"
        ),
        ("otp", "2fa", "code", "digo", "one-time", "one time"),
        pin,
    ),
    Rule(
        "SECRET",
        re.compile(r"(?<![\w-])(?=[a-zA-Z0-9-]*\d)[a-zA-Z0-9]{4,6}(?:-[a-zA-Z0-9]{4,6}){1,4}(?![\w-])"),
        ("recovery code", "backup code", "digos de recupera", "digos de respaldo", "digo de recupera"),
        within=re.compile(
            r"(?i)(?:(?:recovery|backup) codes?|c[óo]digos? de (?:recuperaci[óo]n|recupera[çc][ãa]o|respaldo))"
            r"[^\n:=]{0,20}[:=]"
            r"[^\n]{1,300}"
        ),
    ),
)
