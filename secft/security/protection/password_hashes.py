"""Hashes of passwords: of crypt(3), frameworks, directories. Digests of files are indicators and stay."""

from __future__ import annotations

import re

from secft.security.protection.rule import CLOSE, Rule, words

_KIND = "PASSWORD_HASH"
_B64 = r"[./A-Za-z0-9]"
_FORMS = (
    rf"\$2[abxy]\$\d\d\${_B64}{{53}}",
    rf"\$(?:1|apr1)\${_B64}{{1,8}}\${_B64}{{22}}",
    rf"\$5\$(?:rounds=\d+\$)?{_B64}{{1,16}}\${_B64}{{43}}",
    rf"\$6\$(?:rounds=\d+\$)?{_B64}{{1,16}}\${_B64}{{86}}",
    rf"\$g?y\${_B64}{{1,8}}\${_B64}{{1,86}}\${_B64}{{43}}",
    rf"\$7\${_B64}{{11,97}}\${_B64}{{43}}",
    r"\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,90}\$[A-Za-z0-9+/]{20,90}",
    r"\$scrypt\$ln=\d+,r=\d+,p=\d+\$[A-Za-z0-9+/=]{8,90}\$[A-Za-z0-9+/=]{20,120}",
    r"scrypt:\d+:\d+:\d+\$[A-Za-z0-9]{4,40}\$[0-9a-f]{40,140}",
    r"\$s0\$[0-9a-f]{5,8}\$[A-Za-z0-9+/=]{16,60}\$[A-Za-z0-9+/=]{30,90}",
    r"(?:django:)?pbkdf2_sha(?:1|256|512)\$\d+\$[A-Za-z0-9./+=]{4,40}\$[A-Za-z0-9+/=]{20,100}",
    r"pbkdf2:sha(?:1|256|512)(?::\d+)?\$[A-Za-z0-9]{4,40}\$[0-9a-f]{40,140}",
    r"\$pbkdf2(?:-sha(?:1|256|512))?\$\d+\$[A-Za-z0-9./+=]{8,60}\$[A-Za-z0-9./+=]{20,100}",
    r"(?:argon2|bcrypt_sha256|bcrypt)\$+(?:argon2id\$v=|2b\$)[^\s\"']{40,120}",
    r"\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT|PBKDF2[\w-]*|ARGON2|x-issha[\w, ]*)\}[A-Za-z0-9+/=.$,]{20,200}",
    r"SCRAM-SHA-(?:1|256)\$\d+:[A-Za-z0-9+/=]{16,60}\$[A-Za-z0-9+/=]{20,60}:[A-Za-z0-9+/=]{20,60}",
    rf"\$[PH]\${_B64}{{31}}",
    rf"\$S\${_B64}{{52}}",
    r"\$DCC2\$\d+#[^\s#]{1,64}#[0-9a-f]{32}",
    r"\$krb5(?:tgs|asrep|pa)\$[^\s\"']{60,6000}",
    r"(?:0x)?0[12]00[0-9A-Fa-f]{52,140}(?=[\"'\s,;]|\Z)",
    r"S:[0-9A-F]{60}",
    r"T:[0-9A-F]{160}",
    r"\$8\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}",
    r"\$9\$[./A-Za-z0-9]{14}\$[./A-Za-z0-9]{43}",
    r"\$sha1\$\d+\$[./A-Za-z0-9]{8,64}\$[./A-Za-z0-9]{28}",
    r"\$(?:md5|sha1|sha256|sha512)\$[A-Za-z0-9]{4,40}\$[0-9a-f]{32,128}",
    r"(?<![\w$])(?:md5|sha1|sha256)\$[A-Za-z0-9]{4,40}\$[0-9a-f]{32,128}",
)

RULES: tuple[Rule, ...] = (
    Rule(
        _KIND,
        re.compile(r"(?<![\w$])(?:" + "|".join(_FORMS) + r")(?![\w/+=])"),
        ("$", "{s", "{m", "{c", "{p", "{a", "{x", "0x0", "s:", "t:"),
    ),
    # Lines of pwdump, secretsdump and Responder; the hash of an empty LM password tells the rest.
    Rule(
        _KIND,
        re.compile(
            r":\d{1,10}:(?:NO PASSWORD\*{1,30}:)?(?P<value>[0-9A-Fa-f]{32}(?::[0-9A-Fa-f]{32})?)(?::NO"
            r" PASSWORD\*{1,30})?:::"
        ),
        (":::",),
    ),
    Rule(
        _KIND,
        re.compile(
            r"(?<![\w])[^\s:]{1,64}::[^\s:]{1,64}:(?P<value>[0-9A-Fa-f]{16}:[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32,2000}"
            r"|[0-9A-Fa-f]{48}:[0-9A-Fa-f]{48}:[0-9A-Fa-f]{16})"
        ),
        ("::",),
    ),
    Rule(
        _KIND,
        re.compile(r"(?i)(?<![\w])(?:aad3b435b51404eeaad3b435b51404ee|[0-9a-f]{32}):[0-9a-f]{32}(?![\w])"),
        ("aad3b435b51404ee", "hashes", "-h ", "lm", "nt"),
        near=re.compile(r"(?i)aad3b435|-hashes|--?h(?:ash)? |\bntlm\b|\blm\b|\bnt\b|pass"),
        reach=CLOSE,
    ),
    Rule(_KIND, re.compile(r"(?i)aad3b435b51404eeaad3b435b51404ee:[0-9a-f]{32}(?![\w])"), ("aad3b435b51404ee",)),
    Rule(
        _KIND,
        re.compile(r"(?i)(?<![\w])(?<!=)[0-9a-f]{32}(?![\w])"),
        ("ntlm", "nthash", "nt hash", "nt-hash", "hash nt", "lm hash", "rc4", "-hashes :", "-h :"),
        near=re.compile(
            r"(?i)(?<![a-z])(?:ntlm|nt[ _-]?hash|hash nt|lm[ _-]?hash|rc4|-hashes|-h)(?:(?!md5|sha|file|sample"
            r"|dropper|tool)[^\n.;]){0,40}$"
        ),
        reach=48,
    ),
    Rule(_KIND, re.compile(r"(?<![\w*])\*[0-9A-F]{40}(?![\w*])"), ("*",)),
    Rule(_KIND, re.compile(r"(?<![\w])md5[0-9a-f]{32}(?![\w])"), ("md5",)),
    Rule(_KIND, re.compile(r"(?m)^[a-z_][\w.-]{0,31}:(?P<value>[./A-Za-z0-9]{13}):\d{3,6}:\d*:\d*:")),
    # A digest beside the words for a hash of a password.
    Rule(
        _KIND,
        re.compile(r"(?<![\w])[0-9a-fA-F]{32,128}(?![\w])"),
        ("password", "passwd", "contrase", "senha", "pwd", "pass_"),
        lambda value: len(value) in (32, 40, 56, 64, 96, 128),
        words(
            r"(?:password|passwd|pwd|pass)[ _-]?(?:hash|digest|md5|sha\d*)(?:es)?",
            r"hash(?:ed)? (?:of the )?password",
            r"hash de (?:la |su )?contrase[nñ]a",
            r"hash da senha",
        ),
        CLOSE,
    ),
)
