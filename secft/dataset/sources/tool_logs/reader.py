"""Reports of scanners as normalised findings; the tool is recognised by the content of a report, never by its name.

The formats are in ``detect.py``, and for readers in ``docs/data.md``.

Fields of a document (kind ``finding``): ``tool``, ``rule``, ``title``, ``severity`` (info, low, medium, high, critical
or unknown), ``cwes``, ``cves``, ``target``, ``evidence``, ``description``, ``remediation``, ``references``,
``payload_omitted`` (something that was sent to the target was left out) and ``parent`` (tool and rule, which all
findings of one kind share). Secrets are redacted and payloads left out when a report is parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from secft.dataset.sources.reading.input_files import UnreadableInputError, paths_problems, read_input
from secft.dataset.sources.reading.paths import is_refused_link, named_files, parts_of, shown_name
from secft.dataset.sources.source import Reader, ReadLog
from secft.dataset.sources.tool_logs import REPEATED, ToolLogsSource
from secft.dataset.sources.tool_logs.detect import FORMATS, recognise
from secft.dataset.sources.tool_logs.finding import BrokenReport, FailedScan, Finding, Skipped
from secft.dataset.sources.tool_logs.mixed import findings_of_records, surrounded
from secft.dataset.sources.tool_logs.redaction import clean
from secft.dataset.sources.tool_logs.report import Report, open_report
from secft.errors import InputError, Problem
from secft.files import digest, sha256_file
from secft.reasons import Reason, counted_text
from secft.records import Document

EXPECTED = "a report of a scanner"
_SHOWN = 300
"""Most characters of a detail."""
_EXPECTED_FORMATS = f"expected reports of {', '.join(sorted({form.tool for form in FORMATS} - {'plain'}))}."
_UNREADABLE = {
    "too_large": Reason("file.too_large"),
    "broken_gzip": Reason("file.broken_gzip"),
    "unreadable": Reason("file.unreadable"),
}


def identity(found: Finding) -> str:
    """Return the document id of a finding; findings that agree in what, where and evidence share it."""
    same = [found.tool, found.rule, found.title, found.target, found.evidence]
    return f"tool_logs:{found.tool}:{digest(same)[:20]}"


def text_of(found: Finding) -> str:
    """Return a finding as text: what, where, how bad, why, and how to fix it."""
    named = ", ".join([*found.cwes, *found.cves])
    facts = [
        f"Found by {found.tool} (rule {found.rule})." if found.rule else f"Found by {found.tool}.",
        f"Severity: {found.severity}." if found.severity != "unknown" else "",
        f"Weaknesses and vulnerabilities: {named}." if named else "",
    ]
    parts = [
        found.title,
        " ".join(fact for fact in facts if fact),
        f"Where: {found.target}" if found.target else "",
        f"Evidence:\n{found.evidence}" if found.evidence else "",
        found.description,
        f"How to fix it: {found.remediation}" if found.remediation else "",
        "References:\n" + "\n".join(found.references) if found.references else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _document(found: Finding, config: ToolLogsSource, part: str, version: str) -> Document:
    fields = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(found).items()}
    return Document(
        id=identity(found),
        kind="finding",
        title=found.title,
        text=text_of(found),
        fields={**fields, "parent": f"tool_logs:{found.tool}:{found.rule}"},
        source="tool_logs",
        source_version=version,
        license=config.license,
        url="",
        path=_writable(part),
    )


def findings_of(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the findings of an opened report, and what of it is left with a reason.

    Raises:
        BrokenReport: the format is unknown, or the rest cannot be read.
    """
    if report.kind == "empty":
        return
    form = recognise(report)
    inner = surrounded(report, report.max_line) if form is None and report.kind in ("table", "text") else None
    report, form = (inner, recognise(inner)) if inner else (report, form)
    if form is None and report.kind not in ("list", "lines"):
        root = f", root element {report.head.root}" if report.head.root else ""
        raise BrokenReport(Reason("tool_log.unknown_format"), f"{report.kind}{root}")
    if report.replaced:
        yield Skipped(Reason("tool_log.replaced"), f"{report.replaced} characters; the report was read all the same")
    yield from form.parse(report) if form else findings_of_records(report)
    yield from [Skipped(Reason("tool_log.not_json"), "a line before or between records")] * report.between


def _writable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold: a file's name, or the message about a hostile record."""
    return clean(text.encode("utf-8", "replace").decode())


def _load(config: ToolLogsSource, part: str) -> Report:
    try:
        data = read_input(Path(part), EXPECTED, config.max_bytes)
    except UnreadableInputError as error:
        if error.kind == "empty":
            return Report("empty")
        raise BrokenReport(_UNREADABLE[error.kind], str(error)) from None
    return open_report(data, config.max_line)


def read_part(config: ToolLogsSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the documents of one report, each once."""
    shown = _writable(shown_name(config.paths, part))
    if is_refused_link(config.paths, part):
        log.refuse(shown, Reason("file.link_outside"))
        return
    found = failed = 0
    seen: set[str] = set()
    try:
        report = _load(config, part)
        version = "" if report.kind == "empty" else f"sha256:{sha256_file(Path(part))[:12]}"
        for item in findings_of(report):
            if isinstance(item, Skipped):
                log.refuse(shown, item.reason, _writable(item.detail[:_SHOWN]))
                failed += isinstance(item, FailedScan)
                continue
            found += 1
            document = _document(item, config, part, version)
            if document.id in seen:
                log.refuse(document.id, REPEATED, shown)
                continue
            seen.add(document.id)
            yield document
    except BrokenReport as problem:
        kept = f"; the {found} findings before are kept" if found else ""
        log.refuse(shown, problem.reason, _writable(f"{problem.detail[:_SHOWN]}{kept}"))
        return
    if not found and not failed:
        log.refuse(shown, Reason("tool_log.no_findings"))


def without_duplicates(documents: Iterable[Document], log: ReadLog) -> Iterator[Document]:
    """Yield documents, counting those whose id came before; in the order of the parts, the first one stays."""
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            log.refuse(document.id, REPEATED, document.path)
            continue
        seen.add(document.id)
        yield document


def parts(config: ToolLogsSource) -> list[str]:
    """Return the reports in natural order, and the links that are left out, so that they are counted."""
    return parts_of(config.paths)


def _read(config: ToolLogsSource, log: ReadLog) -> Iterator[Document]:
    """Yield the findings of all reports, each once.

    Raises:
        InputError: a path does not exist, or there is no finding at all.
    """
    names = parts(config)
    documents = (document for part in names for document in read_part(config, part, log))
    yielded = 0
    for document in without_duplicates(documents, log):
        yielded += 1
        yield document
    if not yielded:
        dropped = counted_text(log.tally.dropped) or "nothing"
        raise InputError(
            f"{', '.join(config.paths)}: no finding in {len(names)} file(s), {dropped}; {_EXPECTED_FORMATS}"
        )


def _external_files(config: ToolLogsSource) -> dict[str, Path]:
    return named_files(config.paths)


def _problems(config: ToolLogsSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = Reader(
    read=_read,
    external_files=_external_files,
    problems=_problems,
    parts=parts,
    read_part=read_part,
)
"""The same finding in two reports is one document."""
