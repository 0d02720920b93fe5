"""A finding of a scanner in one shape for all tools, and how values of tools become that shape.

Every text of a finding passes through ``finding()``: markup becomes plain text, secrets are redacted, lengths are
bounded, severities are words of one scale, and CWE and CVE ids are collected and written in one way.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from secft.dataset.sources.tool_logs.redaction import clean, clean_evidence
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.security.identifiers import cves_in, cwes_in
from secft.security.severity import NAMES, UNKNOWN

SEVERITIES = (*NAMES, UNKNOWN)
MAX_TITLE, MAX_EVIDENCE, MAX_TEXT, MAX_REFERENCES = 300, 2000, 8000, 40

_BLOCK = re.compile(r"(?i)<(?:/?(?:p|div|ul|ol|table|tr|pre|h[1-6])|br|li)\b[^<>]{0,300}>")
_INLINE = re.compile(r"(?i)</?(?:b|i|a|em|strong|code|span|li|td|th|u|tt|font|small)\b[^<>]{0,1000}>")
_UNSHOWN = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Finding:
    """What a tool found, normalised.

    Attributes:
        tool: name of the tool in lower case, for example ``zap``.
        rule: what the tool calls the kind of finding (id of a check, a rule or a plugin).
        title: one line for people.
        severity: one of SEVERITIES; ``unknown`` where the tool states none.
        cwes: ids such as ``CWE-79``, in numeric order.
        cves: ids such as ``CVE-2021-44228``, in order.
        target: where: host and port, URL without values of parameters, ``file:line`` or image.
        evidence: what identifies it there; secrets redacted, payloads left out.
        description: why it matters.
        remediation: how to fix it.
        references: addresses or names of further reading.
        payload_omitted: something that was sent to the target (values, requests, payloads) was left out.
    """

    tool: str
    rule: str
    title: str
    severity: str
    cwes: tuple[str, ...]
    cves: tuple[str, ...]
    target: str
    evidence: str
    description: str
    remediation: str
    references: tuple[str, ...]
    payload_omitted: bool


@dataclass(frozen=True)
class Skipped:
    """A record of a report that becomes no finding: the detail is about this one."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class FailedScan(Skipped):
    """A target that the tool could not scan: a report of nothing else is not one without findings."""

    reason: Reason = Reason("tool_log.failed_scan")


class BrokenReport(Exception):
    """The rest of a report cannot be read; what was found before stands.

    Attributes:
        reason: why not.
        detail: what was wrong here.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.text()}: {detail}")
        self.reason, self.detail = reason, detail


def plain(text: str) -> str:
    """Turn markup and hard line breaks into paragraphs of plain text."""
    text = _UNSHOWN.sub("", text.replace("\r\n", "\n"))
    if "<" in text:
        text = _BLOCK.sub(lambda tag: "\n\n- " if tag.group().lower().startswith("<li") else "\n\n", text)
        text = _INLINE.sub("", text)
    parts = re.split(r"\n[ \t]*(?:\n\s*|(?=[-*] ))", html.unescape(text))
    return "\n\n".join(part for part in map(squeeze, parts) if part not in ("", "-"))


def shortened(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters, cut at a space and marked where it was cut."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 4].rsplit(' ', 1)[0].rstrip()} ..."


def _text(value: str, limit: int) -> str:
    return shortened(clean(plain(value[: 4 * limit])), limit)


def _references(values: Iterable[Any]) -> tuple[str, ...]:
    """Return distinct references in the tool's order; several in one text stand on lines of their own."""
    lines = [line for value in values if isinstance(value, str) for line in plain(value[:MAX_TEXT]).split("\n")]
    words = [word for line in lines for word in (line.split() if "://" in line else [line])]
    together = clean("\n".join(word.strip(" -<>")[:500] for word in words))
    kept = dict.fromkeys(together.split("\n"))
    return tuple(word for word in kept if word)[:MAX_REFERENCES]


def finding(  # noqa: PLR0913  # facts of one record, all by name
    tool: str,
    rule: Any,
    title: str,
    *,
    severity: str = "unknown",
    cwes: Iterable[Any] = (),
    cves: Iterable[Any] = (),
    target: str = "",
    evidence: str = "",
    description: str = "",
    remediation: str = "",
    references: Iterable[Any] = (),
    payload_omitted: bool = False,
) -> Finding:
    """Build a normalised finding from what a tool wrote; see the module for what is done to the texts."""
    name = squeeze(_UNSHOWN.sub("", str(rule)))[:MAX_TITLE]
    return Finding(
        tool=tool,
        rule=clean(name),
        title=shortened(squeeze(_text(title, MAX_TITLE)), MAX_TITLE) or name or "untitled finding",
        severity=severity if severity in SEVERITIES else "unknown",
        cwes=cwes_in(cwes),
        cves=cves_in(cves),
        target=clean(squeeze(_UNSHOWN.sub("", target[: 2 * MAX_TITLE]))),
        evidence=shortened(clean_evidence(_UNSHOWN.sub("", evidence[: 4 * MAX_EVIDENCE]).strip()), MAX_EVIDENCE),
        description=_text(description, MAX_TEXT),
        remediation=_text(remediation, MAX_TEXT),
        references=_references(references),
        payload_omitted=payload_omitted,
    )
