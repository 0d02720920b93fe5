"""Leave secrets and attack payloads out of findings, and keep what says where a finding is.

Reports hold credentials (leaked keys, cookies, passwords that a scanner guessed) and the strings that a scanner sent.
Both are left out when a report is parsed, before anything else sees them.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

REDACTED, OMITTED = "[redacted]", "[payload omitted]"
_SHOWN = 4
"""Most characters of a secret that are shown."""
_LONG_ENOUGH = 12
"""Shorter secrets are not shown at all: four characters would be too much of them."""

_PRIVATE_KEY = re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END[^-]{0,60}-----|\Z)", re.DOTALL)
_TOKENS = re.compile(
    r"\b(?:(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AIDA|AROA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,255}"
    r"|github_pat_\w{20,255}|glpat-[\w-]{20,64}|xox[abprs]-[\w-]{10,255}|AIza[\w-]{35}|sk_(?:live|test)_\w{16,255}"
    r"|eyJ[\w-]{8,4000}\.[\w-]{8,4000}(?:\.[\w-]{0,4000})?)"
)
_USER_INFO = re.compile(r"(?<=://)[^\s/@\"'<>]{1,200}@")
_AUTHORIZATION = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-(?:api-key|auth-token)|api-key)(\s*[:=]\s*)[^\r\n]{1,4000}"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.+/=~-]{16,4000}")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie2?\s*:\s*)([^=;\s]{1,200})\s*=[^\r\n]{0,4000}")
_SESSION = re.compile(
    r"(?i)\b([\w.-]{0,40}(?:sess(?:ion)?(?:_?id)?|sid|csrf\w{0,20}|token|auth))=(?!\[redacted\])[^\s;&\"'<>]{1,4000}"
)
_QUOTED_PASSWORD = re.compile(
    r"(?i)\b(pass(?:word|phrase|wd)?|pwd|secret|credentials?)(\s*(?:[:=]|\bis\b|\bwas\b)?\s*)(['\"])(?!\[redacted\])"
    r"[^'\"\r\n]{1,200}\3"
)
_PASSWORD = re.compile(
    r"(?i)((?:pass(?:word|phrase|wd)?|pwd|secret|token|api_?-?key|access_?-?key|credentials?)\w{0,20}[\"']?\s{0,4}[:=]\s{0,40}"
    r"[\"']?)(?![\[({])[^\s\"'&;,<>]{3,4000}"
)
_RUN = re.compile(r"[A-Za-z0-9_+=-]{24,4000}")
_HEX = re.compile(r"(?i)[0-9a-f]{32,}")

_SUSPECT_IN_PATH = re.compile(r"[<>'\"`;|$\\(){}^\x00-\x1f]|\.\.")
_PARAMETER = re.compile(r"[\w.\-\[\]: ]{1,64}")
_PAYLOAD = re.compile(
    r"(?i)<\s*/?\s*(?:script|svg|img|iframe|body|font|style)|\bon\w{3,20}\s*=|\.\.[/\\]|%2e%2e|%00|%3c|%27|%22"
    r"|/etc/passwd|win\.ini|\bunion\b.{0,40}\bselect\b|alert\(|javascript:|\bor\b\W{0,3}\d+\W{0,3}=|\$\{|\{\{|`|\bsleep\("
    r"|;\s*(?:cat|id|ls|ping|wget|curl)\b|<!entity|\$(?:ne|gt|regex|where)\b"
)


def secret(value: str) -> str:
    """Return the trace of a secret that may be shown: at most its first four characters."""
    value = value.strip()
    return f"{value[:_SHOWN] if len(value) >= _LONG_ENOUGH else ''}{REDACTED}"


def clean(text: str) -> str:
    """Redact what is a secret by its form: keys, tokens, cookies, authorization headers, quoted passwords."""
    text = _PRIVATE_KEY.sub(REDACTED, text)
    text = _TOKENS.sub(lambda match: secret(match.group()), text)
    text = _USER_INFO.sub(f"{REDACTED}@", text)
    text = _AUTHORIZATION.sub(rf"\1\2{REDACTED}", text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    text = _COOKIE.sub(rf"\1\2={REDACTED}", text)
    if "=" in text:
        text = _SESSION.sub(rf"\1={REDACTED}", text)
    return _QUOTED_PASSWORD.sub(rf"\1\2{REDACTED}", text)


def _looks_random(run: str) -> bool:
    if run.startswith(("TLS_", "SSL_")):  # Names of cipher suites are long and mixed, too.
        return False
    mixed = any(map(str.isdigit, run)) and any(map(str.islower, run)) and any(map(str.isupper, run))
    return mixed or _HEX.search(run) is not None


def clean_evidence(text: str) -> str:
    """Redact like clean, and also values of anything named like a password, and long random strings."""
    text = _PASSWORD.sub(rf"\1{REDACTED}", clean(text))
    return _RUN.sub(lambda match: secret(match.group()) if _looks_random(match.group()) else match.group(), text)


def parameter_names(query: str) -> list[str]:
    """Return the names of the parameters of a query or a form, without their values."""
    names = [unquote(part.partition("=")[0]).strip() for part in query[:8000].split("&")]
    return [name if _PARAMETER.fullmatch(name) else OMITTED for name in names if name]


def place(url: str) -> tuple[str, bool]:
    """Return where a URL points to: its path and the names of its parameters, and whether anything was left out.

    Values of parameters, fragments, user names and everything from the first suspicious part of the path on are
    left out.
    """
    url = url.strip()[:8000]
    head, _, query = _USER_INFO.sub("", url).partition("?")
    head, _, fragment = head.partition("#")
    parts = head.split("/")
    suspect = next((i for i, part in enumerate(parts) if _SUSPECT_IN_PATH.search(unquote(unquote(part)))), None)
    path = head if suspect is None else "/".join([*parts[:suspect], OMITTED])
    names = dict.fromkeys(parameter_names(query))
    left_out = suspect is not None or "=" in query or bool(fragment) or OMITTED in names
    return f"{path}?{'&'.join(names)}" if names else path, left_out


def without_payloads(text: str) -> tuple[str, bool]:
    """Replace the words of a message that look like something sent to attack; also say whether there were any."""
    words = text[:8000].split()
    kept: list[str] = []
    for word in words:
        found = OMITTED if _PAYLOAD.search(unquote(word)) or _PAYLOAD.search(word) else word
        if found != OMITTED or kept[-1:] != [OMITTED]:
            kept.append(found)
    return " ".join(kept), OMITTED in kept
