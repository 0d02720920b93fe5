"""Leave secrets and attack payloads out of findings, and keep what says where a finding is.

Reports hold credentials (leaked keys, cookies, passwords that a scanner guessed) and the strings that a scanner sent.
Both are left out when a report is parsed, before anything else sees them. What a credential looks like is known to
``security.protection``; personal data is replaced when documents are scrubbed, as that of all sources.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from secft.security.protection.reports import TRACED, report_findings
from secft.security.protection.rule import Finding

REDACTED, OMITTED = "[redacted]", "[payload omitted]"
_SHOWN = 4
"""Most characters of a secret that are shown."""
_LONG_ENOUGH = 12
"""Shorter secrets are not shown at all: four characters would be too much of them."""

_USER_INFO = re.compile(r"(?<=://)[^\s/@\"'<>]{1,200}@")
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
    """Redact the credentials of a text: keys, tokens, cookies, headers, passwords. Personal data is curation's."""
    return _redacted(text, report_findings(text))


def clean_evidence(text: str) -> str:
    """Redact like clean, and also values of anything named like a password, and long random strings."""
    return _redacted(text, report_findings(text, evidence=True))


def _redacted(text: str, found: list[Finding]) -> str:
    parts, last = [], 0
    for start, end, kind in found:
        parts += [text[last:start], secret(text[start:end]) if kind in TRACED else REDACTED]
        last = end
    return "".join([*parts, text[last:]])


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
