"""Credentials on the wire: headers, cookies, addresses with a password, connection strings, signatures of clouds."""

from __future__ import annotations

import base64
import re

from secft.security.protection.documented import example_password, example_token
from secft.security.protection.rule import Rule

_QUOTE = r"\\?[\"'`]?"


def _secret(value: str) -> bool:
    return not example_token(value) and not _placeholder(value)


def _placeholder(value: str) -> bool:
    return value.startswith(("<", "$", "{", "%", "[", "*")) or example_password(value) or value.lower() in _WORDS


_WORDS = frozenset(
    [
        "password",
        "passwd",
        "pass",
        "secret",
        "token",
        "value",
        "string",
        "null",
        "none",
        "true",
        "false",
        "user",
        "host",
        "port",
        "basic",
        "bearer",
    ]
)


def _header(value: str) -> bool:
    """Accept a value of a header of keys: with a digit, and no name of code such as ``process.env.KEY1``."""
    return _secret(value) and any(map(str.isdigit, value)) and not _NAME.match(value)


_NAME = re.compile(r"^[A-Za-z_]+(?:\.[A-Za-z_]\w*)+$")


def _basic(value: str) -> bool:
    """Accept what decodes to a name and a password that is no example."""
    try:
        pair = base64.b64decode(value, validate=True).decode("utf-8")
    except ValueError:
        return False
    name, colon, password = pair.partition(":")
    return bool(colon) and pair.isprintable() and not (example_password(password) and len(name) < 12)


def _password(value: str) -> bool:
    return len(value) >= 3 and not _placeholder(value)


def _cookie(value: str) -> bool:
    lively = any(map(str.isdigit, value)) or (value.lower() != value and value.upper() != value and len(value) >= 16)
    return lively and not _placeholder(value) and not _ATTRIBUTE.match(value)


# A date, a version or a short word of an attribute of a cookie is no secret.
_ATTRIBUTE = re.compile(r"(?i)^(?:lax|strict|none|/.*|\d{1,8}|[a-z]{2,3},?|\d+(?:\.\d+)+|\.?(?:[\w-]+\.)+[a-z]{2,})$")

BEARER = Rule(
    "BEARER_TOKEN",
    re.compile(r"(?<![\w])(?i:bearer)(?: |%20|\+)(?P<value>[A-Za-z0-9._~+/=-]{16,4000})"),
    ("bearer ", "bearer%20", "bearer+"),
    lambda value: _secret(value) and any(map(str.isdigit, value)),
)

RULES: tuple[Rule, ...] = (
    # Digest authentication (RFC 7616): the response is a hash of the password.
    Rule(
        "PASSWORD_HASH",
        re.compile(r"(?<![\w])(?:response|nonce)=\\?\"?(?P<value>[0-9a-f]{32,64})"),
        ("digest ",),
        within=re.compile(r"(?i)digest [^\n]{0,600}"),
    ),
    Rule(
        "COOKIE",
        re.compile(
            r"(?i)(?<![a-z])(?:php|j|asp[.]net_?)?sess(?:ion)?[_-]?id\\?[\"']?\s{0,2}:\s{0,2}\\?[\"']?"
            r"(?P<value>(?=[\w-]*\d)[a-z0-9_]{20,128})(?![\w-])"
        ),
        ("sessionid", "session_id", "session-id", "sessid"),
        _secret,
    ),
    Rule(
        "BASIC_AUTH",
        re.compile(r"(?i)\bbasic\s+(?P<value>[A-Za-z0-9+/]{8,400}={0,2})(?![\w+/=])"),
        ("authorization", "-h "),
        _basic,
        within=re.compile(r"(?i)authorization[^\n]{1,500}"),
    ),
    Rule(
        "BASIC_AUTH",
        re.compile(
            r"(?<![\w])[Bb]asic (?P<value>(?=[A-Za-z0-9+/]*[A-Z0-9])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{12,400}={0,2"
            r"})(?![\w+/=])"
        ),
        ("basic ",),
        _basic,
    ),
    Rule(
        "BEARER_TOKEN",
        re.compile(
            rf"(?i)\b(?:bearer|token|apikey|negotiate|splunk|snowflake token=)[\s=:]+{_QUOTE}(?P<value>[A-Za-z0-9._~+"
            rf"/=-]{{12,4000}})"
        ),
        ("authorization",),
        lambda value: _secret(value) and (any(map(str.isdigit, value)) or value[1:].lower() != value[1:]),
        within=re.compile(r"(?i)authorization[^\n]{1,4000}"),
    ),
    BEARER,
    Rule(
        "API_KEY",
        re.compile(
            r"(?i)(?<![\w-])(?:x-(?:[a-z0-9]+-){0,3}?(?:api-?key|auth-?token|access-?token|vault-token|functions-key"
            r"|token|secret|key|csrf-token|xsrf-token|subject-token)"
            r"|api-?key|private-token|job-token|ocp-apim-subscription-key|dd-api-key|dd-application-key|circle-token"
            r"|deploy-token)"
            rf"{_QUOTE}\s{{0,3}}[:=]\s{{0,3}}{_QUOTE}(?P<value>[\w.+/=~:-]{{8,2000}})"
        ),
        ("x-", "api-key", "apikey", "-token", "-key"),
        _header,
    ),
    Rule(
        "COOKIE",
        re.compile(r"(?<![\w])[\w.\-%]{1,80}=\"?(?P<value>[^;,\s\"'&]{8,4000})"),
        ("cookie", "-b "),
        _cookie,
        within=re.compile(r"(?i)(?:(?:set-)?cookie2?\\?[\"']?\s{0,2}[:=]|(?:-b|--cookie)\s)[^\r\n]{1,4000}"),
    ),
    Rule(
        "COOKIE",
        re.compile(
            r"(?i)(?<![\w])(?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid|session_?id|sessid|sess|sid"
            r"|laravel_session|_?csrf_?token"
            r"|xsrf-token|auth_?cookie|remember_?token)=\"?(?P<value>[\w.%+/~:-]{12,1000})"
        ),
        (
            "sessionid=",
            "session_id=",
            "sessid=",
            "sess=",
            "sid=",
            "session=",
            "csrf_token=",
            "csrftoken=",
            "xsrf-token=",
            "cookie=",
            "token=",
        ),
        lambda value: _secret(value) and any(map(str.isdigit, value)),
    ),
    # scheme://name:password@host; the password may hold what should have been escaped.
    Rule(
        "PASSWORD",
        re.compile(r"://[^\s/:@\"'<>]{0,100}:(?P<value>[^\s/\"'<>]{3,200}?)@(?=\[?[\w.-]+\]?(?:[:/?,\s\"'>)\\]|$))"),
        ("://",),
        _password,
        at_hints=True,
    ),
    Rule("TOKEN", re.compile(r"://(?P<value>[A-Za-z0-9_-]{20,200})@(?=[\w.-]+)"), ("://",), _secret, at_hints=True),
    Rule(
        "PASSWORD",
        re.compile(r"(?i)jdbc:oracle:thin:\w{1,60}/(?P<value>[^\s@\"']{3,100})@"),
        ("jdbc:oracle",),
        _password,
    ),
    Rule("CLOUD_SIGNATURE", re.compile(r"(?i)x-(?:amz|goog)-signature=(?P<value>[0-9a-f]{40,600})"), ("-signature=",)),
    Rule(
        "CLOUD_SIGNATURE",
        re.compile(r"(?i)x-(?:amz|goog)-credential=(?P<value>[^\s&\"'<>]{16,200})"),
        ("-credential=",),
        _secret,
    ),
    Rule(
        "CLOUD_SIGNATURE",
        re.compile(r"(?i)x-(?:amz)-security-token=(?P<value>[^\s&\"'<>]{16,3000})"),
        ("-security-token=",),
        _secret,
    ),
    Rule(
        "CLOUD_SIGNATURE",
        re.compile(r"(?i)AWS4-HMAC-SHA256[^\n]{0,400}?Signature=(?P<value>[0-9a-f]{64})"),
        ("aws4-hmac",),
    ),
    Rule(
        "CLOUD_SIGNATURE",
        re.compile(r"(?i)AWS4-HMAC-SHA256[^\n]{0,40}?Credential=(?P<value>[^\s,]{16,200})"),
        ("aws4-hmac",),
        _secret,
    ),
    Rule("CLOUD_SIGNATURE", re.compile(r"(?<![\w-])AWS [A-Z0-9]{16,24}:(?P<value>[A-Za-z0-9+/]{27}=)"), ("aws ",)),
    Rule("CLOUD_SIGNATURE", re.compile(r"(?i)[?&;]sig=(?P<value>[A-Za-z0-9%+/=_-]{30,200})"), ("sig=",), _secret),
    Rule(
        "CLOUD_SIGNATURE",
        re.compile(r"(?i)(?<![\w])sig=(?P<value>[A-Za-z0-9+/]{43}=|[A-Za-z0-9%+/]{40,60}%3D)"),
        ("sig=",),
        _secret,
    ),
    Rule(
        "CLOUD_SIGNATURE", re.compile(r"[?&]Signature=(?P<value>[A-Za-z0-9%+/=~_-]{27,800})"), ("signature=",), _secret
    ),
    # .pgpass, .netrc, lines of combination lists.
    Rule(
        "PASSWORD",
        re.compile(r"(?m)^[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w.*-]{1,60}:[\w.*-]{1,60}:(?P<value>[^\s:]{4,100})$"),
        (":5432:", ":*:", ":5433:", "pgpass"),
        _password,
    ),
    Rule(
        "PASSWORD",
        re.compile(r"(?i)machine\s+\S{1,100}\s+login\s+\S{1,100}\s+password\s+(?P<value>\S{3,100})"),
        ("machine",),
        _password,
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"@(?:[\w-]{1,60}\.)+[a-z]{2,10}[:;|](?P<value>(?=\S*[A-Za-z])(?=\S*[\d!@#$%^&*])[^\s:;|,/]{5,64})(?=\s|$)"
        ),
        ("@",),
        _password,
        at_hints=True,
    ),
)
