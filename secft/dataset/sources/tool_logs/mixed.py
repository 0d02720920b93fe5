"""Reports of several records, each of which may tell its tool, and reports among lines of something else.

A report may begin with lines of the tool's log or with figures of the scan, several tools may have written into one
file, and whole reports may stand one after the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from secft.dataset.sources.reading.safe_yaml import BadYaml, load_yaml
from secft.dataset.sources.tool_logs.detect import recognise
from secft.dataset.sources.tool_logs.finding import BrokenReport, Finding, Skipped
from secft.dataset.sources.tool_logs.report import BROKEN, Report, open_report, values_report
from secft.reasons import Reason

_BEGINS = re.compile(r"^[ \t]*(?=[{\[])|^[ \t]*(?=<\?xml\s)", re.MULTILINE)
_MANIFEST = re.compile(r"^(?:- |---\s+)?apiVersion:", re.MULTILINE)
_TRIED = 1000
"""Most places at which a report may begin that are looked at."""


def findings_of_records(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the findings of a list or of lines, each record in the format that it is in.

    Raises:
        BrokenReport: no record is in a known format.
    """
    form = None
    known = False
    waiting: list[Skipped] = []
    for record in report.records():
        inner = Report("object", value=record)
        if isinstance(record, Skipped):
            form, left = None, record
        else:
            form = form if form and form.certain and form.matches(inner) else recognise(inner)
            left = Skipped(Reason("tool_log.no_finding"), "a record in no known format")
        if form is None:
            waiting.append(left)
            continue
        known = True
        yield from waiting
        waiting.clear()
        yield from form.parse(inner)
    if not known:
        raise BrokenReport(Reason("tool_log.unknown_format"), report.kind)
    yield from waiting


def surrounded(report: Report, max_line: int) -> Report | None:
    """Return the report that a text of no known format holds: JSON or XML behind other lines, or manifests as YAML.

    Raises:
        BrokenReport: it is cut off or broken.
    """
    text = report.text
    if _MANIFEST.search(text):
        try:
            return Report("list", value=load_yaml(text))
        except BadYaml as error:
            raise BrokenReport(BROKEN, str(error)) from None
    decoder = json.JSONDecoder()
    for tried, match in enumerate(_BEGINS.finditer(text)):
        start = match.end()
        if tried == _TRIED:
            break
        if text[start] == "<":
            return open_report(text[start:].encode(), max_line)
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            if text[start] == "{":
                return values_report(text, start)
            continue
        if isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            continue
        if "\n" in text[start:end]:
            return values_report(text, start)
        return Report("lines", lines=text.split("\n"), max_line=max_line)
    return None
