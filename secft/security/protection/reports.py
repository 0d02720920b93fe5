"""Credentials in the report of a tool, where more is taken for one than in prose.

A report quotes what a scanner guessed, met or sent, so that what stands in a header of credentials, beside a word for
a password or before the @ of an address is cut whatever it looks like: ``admin`` that let a scanner in is no example.
All other forms are those of ``scan``; published example keys are cut as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from secft.security.protection.provider_keys import FORMS
from secft.security.protection.rule import Finding, Rule, always
from secft.security.protection.scan import PERSONAL, TOKENS, scan
from secft.security.protection.web_credentials import BEARER

_RANDOM = "RANDOM"
TRACED: frozenset[str] = (TOKENS - {"PASSWORD_HASH"}) | {_RANDOM}
"""Kinds whose first characters say whose they are, and give nothing away."""

_HEX = re.compile(r"(?i)[0-9a-f]{32,}")


def _drawn(run: str) -> bool:
    if run.startswith(("TLS_", "SSL_")):  # Names of cipher suites are long and mixed, too.
        return False
    mixed = any(map(str.isdigit, run)) and any(map(str.islower, run)) and any(map(str.isupper, run))
    return mixed or _HEX.search(run) is not None


_EVERYWHERE: tuple[Rule, ...] = (
    Rule("PRIVATE_KEY", re.compile(r"(?s)-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END[^-]{0,60}-----|\Z)")),
    *(replace(rule, real=always) for rule in (*FORMS, BEARER)),
    Rule("PASSWORD", re.compile(r"(?<=://)[^\s/@\"'<>]{1,200}(?=@)"), ("://",)),
    Rule(
        "SECRET",
        re.compile(
            r"(?i)\b(?:(?:proxy-)?authorization|x-(?:api-key|auth-token)|api-key)\s*[:=]\s*(?P<value>[^\r\n]{1,4000})"
        ),
        ("authorization", "api-key", "auth-token"),
    ),
    Rule(
        "COOKIE", re.compile(r"(?i)\b(?:set-)?cookie2?\s*:\s*[^=;\s]{1,200}\s*=(?P<value>[^\r\n]{1,4000})"), ("cookie",)
    ),
    Rule(
        "COOKIE",
        re.compile(
            r"(?i)\b[\w.-]{0,40}(?:sess(?:ion)?(?:_?id)?|sid|csrf\w{0,20}|token|auth)=(?!\[redacted\])"
            r"(?P<value>[^\s;&\"'<>]{1,4000})"
        ),
        ("=",),
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)\b(?:pass(?:word|phrase|wd)?|pwd|secret|credentials?)\s*(?:[:=]|\bis\b|\bwas\b)?\s*(?P<quote>['\"])"
            r"(?!\[redacted\])(?P<value>[^'\"\r\n]{1,200})(?P=quote)"
        ),
        ("pass", "pwd", "secret", "credential"),
    ),
)
_IN_EVIDENCE: tuple[Rule, ...] = (
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?:pass(?:word|phrase|wd)?|pwd|secret|token|api_?-?key|access_?-?key|credentials?)\w{0,20}[\"']?\s{0,4}"
            r"[:=]\s{0,40}[\"']?(?![\[({])(?P<value>[^\s\"'&;,<>]{3,4000})"
        ),
        ("pass", "pwd", "secret", "token", "key", "credential"),
    ),
    Rule(_RANDOM, re.compile(r"[A-Za-z0-9_+=-]{24,4000}"), (), _drawn),
)


def report_findings(text: str, evidence: bool = False) -> list[Finding]:
    """Return the credentials of a text of a report, in order and without overlaps; personal data is left to ``scan``.

    Args:
        text: one field of a report.
        evidence: the field shows what was found, so that values of anything named like a password, and long drawn
            strings, are taken as well.
    """
    found: list[Finding] = []
    for start, end, kind in _candidates(text, evidence):
        if all(end <= other[0] or start >= other[1] for other in found):
            found.append((start, end, kind))
    return sorted(found)


def _candidates(text: str, evidence: bool) -> Iterator[Finding]:
    lower, whole = text.lower(), [(0, len(text))]
    for rule in (*_EVERYWHERE, *(_IN_EVIDENCE if evidence else ())):
        if not rule.hints or any(hint in lower for hint in rule.hints):
            yield from rule.spans(text, lower, whole)
    yield from (one for one in scan(text) if one[2] not in PERSONAL)
