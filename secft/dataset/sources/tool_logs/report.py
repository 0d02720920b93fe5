"""Open the bytes of a report: which notation it is in, and its records, within bounds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.xml import Head, XmlError, outermost, xml_head
from secft.dataset.sources.tool_logs.finding import BrokenReport, Skipped
from secft.reasons import Reason

TRUNCATED, BROKEN = Reason("tool_log.truncated"), Reason("tool_log.broken")
_ENCODING = re.compile(rb"^\s*<\?xml[^>]{0,200}encoding\s*=\s*[\"']([\w.-]{1,40})")
_LOOKED_AT = 50
"""Lines behind the first one that are looked at to see whether they are records."""
_SPACE = re.compile(r"\s*")
_LOG_LINE = re.compile(r"\[(?!\s*(?:true|false|null)\b)[A-Za-z*+!-][^\n]{0,500}\n|\[\d[\d:. T/+-]*[:/T-][^\n]{0,500}\n")
"""``[INFO] start`` or ``[10:30:00] start``, which is no list."""
_NEAR_THE_END = 12
"""Characters: a JSON error this close to the end means that the rest is missing."""


@dataclass
class Report:
    """An opened report.

    Attributes:
        kind: ``empty``, ``xml``, ``object`` or ``list`` (JSON), ``lines`` (JSON lines), ``table`` (CSV) or ``text``.
        data: the bytes, for XML.
        head: root element and first element names, for XML.
        value: the parsed value, for JSON; the values for several that follow each other.
        between: lines before and between values, such as those of a program's log.
        lines: the lines, for JSON lines.
        header: the first row, for tables.
        delimiter: what stands between the cells of tables.
        text: the characters, for tables and text.
        max_line: longest line of JSON lines (characters).
        replaced: characters that were no valid UTF-8.
    """

    kind: str
    data: bytes = b""
    head: Head = field(default_factory=Head)
    value: Any = None
    between: int = 0
    lines: list[str] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    delimiter: str = ","
    text: str = ""
    max_line: int = 0
    replaced: int = 0

    def elements(self, names: Collection[str]) -> Iterator[Element]:
        """Yield the outermost elements of some names, for XML; each is emptied after use.

        Raises:
            BrokenReport: the rest cannot be read; what came before was whole.
        """
        try:
            yield from outermost(self.data, names)
        except XmlError as error:
            raise _broken_xml(error) from None

    def record(self) -> dict[str, Any]:
        """Return the object of a JSON report, by which its tool can be recognised, or an empty one."""
        return self.value if isinstance(self.value, dict) else {}

    def records(self) -> Iterator[dict[str, Any] | Skipped]:
        """Yield the objects of a JSON list or of JSON lines; lists in it are taken apart, others have a reason."""
        if self.kind == "lines":
            yield from self._line_records()
            return
        for item in self.value:
            yield from _objects(item, type(item).__name__)

    def _line_records(self) -> Iterator[dict[str, Any] | Skipped]:
        for number, line in enumerate(self.lines, start=1):
            if not line.strip():
                continue
            if len(line) > self.max_line:
                yield Skipped(
                    Reason("record.long_line"),
                    f"line {number}: {len(line):,} characters, max_line is {self.max_line:,}",
                )
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                cut = number == len(self.lines) and line.lstrip()[0] in "{["
                yield Skipped(TRUNCATED if cut else Reason("tool_log.not_json"), f"line {number}: {error}")
                continue
            yield from _objects(record, f"line {number}")

    def rows(self, header: list[str] | None = None) -> Iterator[dict[str, str] | Skipped]:
        """Yield the rows of a table as column -> cell; columns in lower case.

        Args:
            header: the columns, where the table itself names none; its first row is left out all the same.

        Raises:
            BrokenReport: not a table, or its last row is incomplete.
        """
        reader = csv.reader(io.StringIO(self.text, newline=""), strict=True, delimiter=self.delimiter)
        columns: list[str] = []
        missing = 0
        try:
            for row in reader:
                if missing:
                    yield Skipped(Reason("tool_log.short_row"), f"row before line {reader.line_num}")
                    missing = 0
                if not columns:
                    columns = header or [cell.strip().lower() for cell in row]
                elif len(row) < len(columns):
                    missing = len(row)
                elif row:
                    yield dict(zip(columns, row, strict=False))
        except csv.Error as error:
            reason = TRUNCATED if "unexpected end" in str(error) else BROKEN
            raise BrokenReport(reason, f"line {reader.line_num}: {error}") from None
        if missing:
            raise BrokenReport(TRUNCATED, f"the last row has {missing} of {len(columns)} columns")


def _objects(value: Any, detail: str) -> Iterator[dict[str, Any] | Skipped]:
    for item in value if isinstance(value, list) else [value]:
        yield item if isinstance(item, dict | Skipped) else Skipped(Reason("record.not_object"), detail)


def _decode(data: bytes) -> tuple[str, int]:
    """Return the text of a report and how many characters were replaced because they are no valid UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), 0
    try:
        return data.decode("utf-8-sig"), 0
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", errors="replace")
        return text, text.count("\ufffd")


def _xml(data: bytes, text: str, replaced: int) -> Report:
    declared = _ENCODING.match(data)
    if replaced and declared and declared.group(1).lower() not in (b"utf-8", b"utf8"):
        replaced = 0  # Another encoding, which the parser knows.
    elif replaced:
        data = text.encode()
    data = data.lstrip()
    try:
        head = xml_head(data, doctype=True)
    except XmlError as error:
        raise _broken_xml(error) from None
    return Report("xml", data=data, head=head, replaced=replaced)


def _broken_xml(error: XmlError) -> BrokenReport:
    reasons = {"truncated": TRUNCATED, "entities": Reason("tool_log.entities")}
    return BrokenReport(reasons.get(error.kind, BROKEN), str(error))


def _is_truncated(error: Exception | None, text: str) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - _NEAR_THE_END


def _starts_lines(text: str, max_line: int) -> bool:
    """Say whether one of the next lines is another object, although the first one cannot be read (or is too long)."""
    first, _, rest = text[: _LOOKED_AT * (max_line + 1)].partition("\n")
    second, *later = rest.lstrip().split("\n", _LOOKED_AT)
    if second.startswith("{") and len(second) > max_line and len(first) > max_line:
        return True
    # Lines of an object that stands on several lines are indented.
    return any(map(_is_object, [second, *(line for line in later[:_LOOKED_AT] if text[0] == line[:1] == "{")]))


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json(text: str, max_line: int) -> Report:
    """Open JSON or JSON lines.

    Raises:
        BrokenReport: truncated, broken or nested too deeply.
    """
    lines = Report("lines", max_line=max_line)
    first_end = text.find("\n")
    if first_end > max_line and _starts_lines(text, max_line):
        lines.lines = text.splitlines()
        return lines
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except RecursionError:
        raise BrokenReport(BROKEN, "nested too deeply") from None
    except ValueError as error:
        if _starts_lines(text, max_line):
            lines.lines = text.split("\n")
            return lines
        raise BrokenReport(TRUNCATED if _is_truncated(error, text) else BROKEN, str(error)) from None
    if not text[end:].strip():
        return Report("object" if isinstance(value, dict) else "list" if value else "empty", value=value)
    if "\n" in text[:end]:
        return values_report(text, 0)
    lines.lines = text.split("\n")
    return lines


def values_report(text: str, start: int) -> Report:
    """Open JSON values that follow each other over several lines, with lines of something else before and between.

    Args:
        text: the whole text.
        start: where the first value begins.

    Raises:
        BrokenReport: the first value is cut off or broken; a later one is left out with the reason.
    """
    report = Report("list", value=[], between=len(text[:start].splitlines()))
    decoder = json.JSONDecoder()
    while start < len(text):
        problem = None
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            problem = error
        if problem is None and isinstance(value, dict | list):
            report.value.append(value)
        elif text[start] == "{" or (text[start] == "[" and _breaks_later(problem, text, start)):
            reason = TRUNCATED if _is_truncated(problem, text) else BROKEN
            if not report.value:
                raise BrokenReport(reason, str(problem))
            report.value.append(Skipped(reason, str(problem)))
            break
        else:
            line = text.find("\n", start)
            end, report.between = len(text) if line < 0 else line, report.between + 1
        space = _SPACE.match(text, end)
        start = space.end() if space else end
    return report


def _breaks_later(error: Exception | None, text: str, start: int) -> bool:
    """Say whether a list goes wrong behind its first line; ``[INFO] start`` is none at all."""
    return not isinstance(error, json.JSONDecodeError) or "\n" in text[start : error.pos]


def open_report(data: bytes, max_line: int) -> Report:
    """Open a report by its content.

    Args:
        data: the bytes, unpacked.
        max_line: longest line of JSON lines (characters).

    Raises:
        BrokenReport: truncated or broken before anything of it can be read, or refused.
    """
    text, replaced = _decode(data)
    body = text.strip()
    if not body:
        return Report("empty")
    if body[0] == "<":
        return _xml(data.removeprefix(b"\xef\xbb\xbf"), text, replaced)
    if body == "null" or (body[0] in "{[" and not _LOG_LINE.match(body)):
        report = _json(body, max_line)
        report.replaced = replaced
        return report
    return table_report(body, max_line, replaced)


def table_report(text: str, max_line: int, replaced: int = 0) -> Report:
    """Open a table, or a text that is none, by its first line; commas, semicolons and tabs may stand between cells."""
    if text[:4].lower() == "sep=":  # A line for spreadsheets.
        text = text.partition("\n")[2]
    first = text.partition("\n")[0][:max_line]
    delimiter = max(",;\t", key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        header = []
    cells = [cell.strip().lower() for cell in header]
    kind = "table" if len(cells) > 2 else "text"
    return Report(kind, header=cells, text=text, delimiter=delimiter, replaced=replaced, max_line=max_line)
