"""Is a value behind the word ``password`` a password, or a word, a placeholder, an expression, a name?"""

from __future__ import annotations

import re

from secft.security.identifiers import is_any_id
from secft.security.protection.documented import example_password, example_token

_WORDS = frozenset(
    [
        "admin",
        "alpha",
        "any",
        "array",
        "base64",
        "basic",
        "bcrypt",
        "bearer",
        "blank",
        "bool",
        "boolean",
        "bytes",
        "char",
        "chars",
        "confirm",
        "confirmed",
        "config",
        "cookie",
        "credential",
        "credentials",
        "csrf",
        "custom",
        "database",
        "default",
        "disabled",
        "dynamic",
        "email",
        "empty",
        "enabled",
        "encrypted",
        "env",
        "environment",
        "expired",
        "external",
        "false",
        "file",
        "filled",
        "foreach",
        "form",
        "generated",
        "getpass",
        "given",
        "hash",
        "hashed",
        "header",
        "hidden",
        "idtoken",
        "input",
        "int",
        "integer",
        "invalid",
        "jwt",
        "key",
        "kerberos",
        "ldap",
        "literal",
        "login",
        "manager",
        "masked",
        "missing",
        "must",
        "name",
        "never",
        "new",
        "nil",
        "no",
        "none",
        "not",
        "null",
        "number",
        "oauth",
        "oauth2",
        "object",
        "off",
        "ok",
        "old",
        "omitted",
        "on",
        "optional",
        "param",
        "parameter",
        "passphrase",
        "passwd",
        "password",
        "path",
        "plain",
        "plaintext",
        "prompt",
        "protected",
        "provided",
        "raw",
        "read",
        "reader",
        "redacted",
        "refresh",
        "removed",
        "required",
        "reset",
        "saml",
        "same",
        "secret",
        "secrets",
        "secure",
        "server",
        "session",
        "set",
        "simple",
        "some",
        "static",
        "str",
        "string",
        "strong",
        "subject",
        "suppressed",
        "text",
        "the",
        "this",
        "token",
        "true",
        "type",
        "undefined",
        "unknown",
        "unset",
        "update",
        "updated",
        "user",
        "username",
        "uuid",
        "valid",
        "validate",
        "value",
        "vault",
        "weak",
        "write",
        "wrong",
        "yes",
        "your",
        "obligatorio",
        "obligatoria",
        "requerido",
        "requerida",
        "oculto",
        "oculta",
        "vacio",
        "vacía",
        "caducada",
        "incorrecta",
        "cadena",
        "texto",
        "ninguna",
        "ninguno",
        "nula",
        "nulo",
        "segura",
        "seguro",
        "cifrada",
        "nueva",
        "vieja",
        "obrigatorio",
        "obrigatória",
        "oculta",
        "vazia",
        "incorreta",
        "expirada",
        "nenhuma",
        "nova",
        "segura",
        "debe",
        "deve",
        "minimo",
        "mínimo",
        "para",
        "con",
        "com",
        "una",
        "uma",
        "que",
    ]
)
_CODE = re.compile(
    r"[(){}\[\]]|^[$%@!&*#~^|\\?+.,:;=<-]*$|^[$%]|^\{\{|^!\w|^&|^\*[a-z]|->|::|=>|^[a-z_]\w*(?:\.[A-Za-z_]\w*)+$"
    r"|^(?:self|this|os|sys|args|config|process|"
    r"request|req|env|cfg|settings|params|opts|options|ctx|data|form|input|user|body|var|local|module|each)\b[.\[]"
)
_PLACE = re.compile(
    r"(?i)^(?:[a-z]:)?[\\/.~]{1,3}[\w./\\ -]+$|^[\w.-]+/[\w./-]+$|://|^(?:arn|vault|op|kms|ref|file|env|secret|ssm):"
    r"|^\S+\.(?:txt|pem|key|json|ya?ml|cfg|conf|env|php|py|js|html?|log|xml|md|ini|lst)$"
)
_MASK = re.compile(
    r"^[xX*.•●_#?-]+$|^(.)\1+$|^<|>$|^\$|^%\w+%$|\*{3,}|x{4,}|X{4,}|\.\.\.|…|^ENC[\[(]|REDACTED|redacted"
)
# Names of algorithms, protocols, standards, versions, dates, sizes.
_TERM = re.compile(
    r"(?i)^(?:sha|md|aes|des|3des|rsa|dsa|ec|ed|pbkdf|bcrypt|scrypt|argon|oauth|openid|http|tls|ssl|base|utf|cve|cwe"
    r"|capec|rfc|nist|sp|pci|iso|iec|ntlmv?|net-?ntlm|kerberos|"
    r"ws|saml|jwt|hs|rs|es|ps|hmac|owasp|asvs|wstg|id|top|level|ver|version|windows|win|ipv|web|mfa|2fa|u2f|fido"
    r"|pkcs|crc|rc|dh|ms|cis|iam|ta|ac|ia|sc|layer|type|"
    r"step|phase|tier|phase|figure|table|chapter|section|appendix|page|port|line|row|col|user|usuario|usuário|host"
    r"|server|db|key|token|field|slot|day|week|month|year)[-_./ ]?v?\d[\w.:/-]{0,12}$"
    # One letter is a version, a size or a technique only before a number.
    r"|^[vxplstmghq][-_./ ]?\d[\d.:/_-]{0,12}[a-z]?$"
    r"|^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|^\d{1,2}:\d\d|^v?\d+(?:\.\d+)+|^\d+[-–]\d+$|^\d+(?:[.,]\d+)?(?:%"
    r"|[a-z]{1,10})$|^\d+-?(?:bit|char|byte|day|hour|minute|digit|round|step|factor)\w*|^\d+(?:st|nd|rd|th)$"
    r"|^(?:[0-9a-f]{1,4}:){3,}|^0x[0-9a-f]+$|^#\w+"
)
_LETTERS = re.compile(r"^[^\W\d_]+(?:[-_'’/.,][^\W\d_]+)*[.,:;!?]?$")
_STRONG_SYMBOLS = set("!@#$%^&*+=?~¡¿|")


def _ruled_out(value: str) -> bool:
    return bool(
        _MASK.search(value)
        or value.casefold() in _WORDS
        or example_password(value)
        or example_token_like(value)
        or _PLACE.search(value)
        or is_any_id(value)
    )


def example_token_like(value: str) -> bool:
    """Return whether a value holds a word of placeholders; short passwords may repeat characters."""
    return len(set(value)) >= 8 and example_token(value)


def _has(value: str, *tests: object) -> bool:
    return all(any(map(test, value)) for test in tests)  # type: ignore[call-overload]


def _mixed(value: str) -> bool:
    """Tell whether a value holds letters and digits, or letters and a symbol that words do not have."""
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    return letters and (digits or bool(_STRONG_SYMBOLS & set(value)))


def any_value(value: str) -> bool:
    """Accept what stands where only a password can stand, but for placeholders and files of them."""
    if value.endswith((".txt", ".lst", ".gz", ".dic")):
        return False
    return not (
        _MASK.search(value) or value.casefold() in _WORDS - {"admin"} or value[0] in "$<{%[" or example_password(value)
    )


def quoted_password(value: str) -> bool:
    """Accept a value in quotes or tags: one word that is neither code nor a term."""
    if " " in value.strip() or len(value) < 4:
        return False
    if _ruled_out(value) or value[0] in "$<{%[(" or value.endswith((":", "()")):
        return False
    # ``config.password`` in quotes is a name; ``hoja.verde7`` ends in a digit as names hardly do.
    if _CODE.match(value) and not (value[-1].isdigit() and value.count(".") == 1):
        return False
    if value.isdigit():
        return len(value) >= 5
    return not _TERM.match(value) and (
        _mixed(value) or (bool(_LETTERS.match(value)) and len(value) >= 6 and "_" not in value)
    )


def assigned_password(value: str) -> bool:
    """Accept a value without quotes behind a separator: mixed characters, no code, no term."""
    if len(value) < 4 or _ruled_out(value) or _CODE.search(value) or _TERM.match(value):
        return False
    return (value.isdigit() and len(value) >= 5) or (_mixed(value) and not _name_with_number(value))


def line_value(value: str) -> bool:
    """Accept a value that fills its line, as in files of settings; one word of letters is enough there."""
    if assigned_password(value) or (_WORD_AND_NUMBER.match(value) and not _ruled_out(value) and not _TERM.match(value)):
        return True
    plain = (
        bool(_LETTERS.match(value))
        and len(value) >= 6
        and value[-1] not in ".,:;!?"
        and "_" not in value
        and "." not in value
    )
    return plain and not _ruled_out(value) and not _CODE.search(value)


def paired_password(value: str) -> bool:
    """Accept a value right behind a name of a user: neither code, nor a term, nor a word about passwords."""
    if len(value) < 4 or _ruled_out(value) or _CODE.search(value) or _TERM.match(value) or _NAMES_ONE.search(value):
        return False
    return _mixed(value) or value.isdigit() or (bool(_LETTERS.match(value)) and "_" not in value and "." not in value)


def environment_password(value: str) -> bool:
    """Accept the value of a variable such as ``DB_PASSWORD``, unless it names a password itself."""
    if len(value) < 4 or _ruled_out(value) or _CODE.search(value) or _NAMES_ONE.search(value):
        return False
    return _mixed(value) or value.isdigit() or bool(re.match(r"^[a-z]+(?:[-_][a-z0-9]+)*$", value) and len(value) >= 6)


_NAMES_ONE = re.compile(r"(?i)pass|pwd|secret|token|key|senha|clave|contrase|value|placeholder|change")


def owned_word(value: str) -> bool:
    """Accept a plain word behind ``my password is``, unless it says of what kind the password is."""
    return len(value) >= 5 and bool(_LETTERS.match(value)) and not _ruled_out(value) and not _DESCRIBING.search(value)


_DESCRIBING = re.compile(
    r"(?i)(?:ed|ing|[ai]ble|ive|ous|ful|less|ly|al|ad[ao]s?|id[ao]s?|os[ao]|(?:[fi]ci|fer|ist|rt|nd)[ea]nte|mente"
    r"|(?:rr?ec|ecre|pues|uel|ier|cor|scri|pron|per|xac)t[ao]s?|ct|ak|ong|ort|ure|own|new|ost|olen|aken|ere|ways?|early"
    r"|mple|ique|ome|not?|rg[ao]|bil|ác?il|bre|úblic[ao]|[gs]ur[ao])$"
)


def prose_password(value: str) -> bool:
    """Accept a word in a sentence that looks like a password and like nothing else."""
    if _SIGN_INSIDE.match(value):
        return not (_ruled_out(value) or _CODE.search(value) or _ADDRESS.search(value))
    if len(value) < 6 or _ruled_out(value) or _CODE.search(value) or _TERM.match(value) or _ADDRESS.search(value):
        return False
    if not _has(value, str.isalpha):
        return False
    digits, symbols = any(map(str.isdigit, value)), bool(_STRONG_SYMBOLS & set(value))
    upper, lower = any(map(str.isupper, value)), any(map(str.islower, value))
    return (digits and (symbols or (upper and lower) or len(value) >= 8)) and not _name_with_number(value)


# A sign between letters that no word has there.
_SIGN_INSIDE = re.compile(r"^(?=.{6,40}$)[^\W_]{2,}[!#$%^*+=?][^\W_]\S*$")
_ADDRESS = re.compile(r"@[\w-]+\.\w")
_NAME_WITH_NUMBER = re.compile(
    r"^[a-z]+(?:[-_.][a-z0-9]+)+$|^[A-Z]+(?:_[A-Z0-9]+)+$|^[a-z]{3,}[-_]?\d$|^[A-Z][a-z]+\d$|^[A-Z]{2,}[-_]\d+$"
)


_WORD_AND_NUMBER = re.compile(r"^[a-z]{4,}\d{1,4}$|^(?:[a-z]{2,}-){1,3}\d{2,4}$")
"""A name of code, unless it fills the line behind the word for a password."""


def phrase(value: str) -> bool:
    """Accept three to twenty-four words none of which is a word of sentences."""
    parts = re.split(r"[ -]", value.lower())
    return (len(parts) <= 8 or len(parts) in (12, 15, 18, 21, 24)) and not any(
        part in _WORDS or _SENTENCE.match(part) for part in parts
    )


_SENTENCE = re.compile(
    r"(?:the|and|for|with|that|this|are|was|has|have|must|may|can|not|from|you|your|its|their|which|when|used|stored|than"
    r"|los|las|del|por|uno|sin|sus|esta|este|puede|ser|son|como|más|usada"
    r"|dos|das|não|pode|sem|sua|seu|são|foi)\Z"
)


def _name_with_number(value: str) -> bool:
    """Tell whether a value is a name of code or of a thing, such as ``db-credentials-v2`` or ``TOKEN_2``."""
    return bool(_NAME_WITH_NUMBER.match(value)) and sum(map(str.isdigit, value)) <= 4


def assigned_token(value: str) -> bool:
    """Accept a token behind its word: letters and digits that look drawn, no path, no name."""
    if len(value) < 8 or _ruled_out(value) or _CODE.search(value) or _TERM.match(value) or example_token_like(value):
        return False
    share = sum(map(str.isdigit, value)) / len(value)
    return _has(value, str.isalpha, str.isdigit) and (share >= 0.1 or len(value) >= 20) and not _name_with_number(value)


def long_token(value: str) -> bool:
    """Accept a token in a sentence: long, and drawn from capitals, small letters and digits, or hexadecimal."""
    return len(value) >= 16 and assigned_token(value) and len(set(value)) >= 10


def pin(value: str) -> bool:
    """Accept a PIN that neither counts up nor is a year."""
    return value not in {"1234", "0000", "12345678", "1111"} and not value.startswith(("19", "20"))
