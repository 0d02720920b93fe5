"""Rows of a dataset of one's own, whatever file they come from, as documents.

The shapes of conversations are those of shapes.py. They become documents of kind ``record`` with the fields
``messages``, and ``tools``, ``rejected``, ``rejected_calls``, ``label``, ``choices``, ``answer``, ``task``, ``entity``
and ``family`` where the row has them. Where a column is mapped to ``text``, rows are texts instead: documents of kind
``guide`` with the fields ``task``, ``entity`` and ``parent`` (the row's family, or empty).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secft.config.schemas.source import SourceConfig
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.own_records.ranked import IN_ORDER, LISTS, RANKS, SCORES, pairs_of
from secft.dataset.sources.own_records.shapes import (
    ANSWERS,
    BESIDE,
    CONTEXTS,
    PAIR,
    QUESTIONS,
    TURNS,
    Columns,
    shape_of,
)
from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.source import ReadLog
from secft.errors import Problem, did_you_mean
from secft.reasons import Reason
from secft.records import Document, Message, message_text

ABOUT = ("id", "title", "task", "entity", "family", "url", "license")
NO_CHOICE = -1
RANKED = (*IN_ORDER, *LISTS, *RANKS, *SCORES)
CONVERSATION = tuple(dict.fromkeys([*TURNS, *QUESTIONS, *CONTEXTS, *ANSWERS, *PAIR, *BESIDE, *RANKED]))
TARGETS = (*CONVERSATION, "text", *ABOUT, "choices")
"""What a column may be mapped to."""


@dataclass(frozen=True)
class Origin:
    """Where rows come from.

    Attributes:
        source: name of the source, which is the first part of ids.
        version: version of the data.
        license: licence of rows that name none.
        url: where rows come from that do not say it.
        path: the file, as the configuration names it.
        columns: column -> one of TARGETS.
        keep_thoughts: the assistant's reasoning is kept.
        label: put before ids of rows, where several files may use the same.
    """

    source: str
    version: str
    license: str
    url: str
    path: str
    columns: Mapping[str, str]
    keep_thoughts: bool = False
    label: str = ""

    @property
    def gives_texts(self) -> bool:
        """Whether rows are texts rather than conversations."""
        return maps_text(self.columns)


def maps_text(columns: Mapping[str, str]) -> bool:
    """Tell whether a mapping of columns makes rows texts rather than conversations."""
    return "text" in columns.values()


def brings_records(config: SourceConfig) -> bool:
    """Tell whether a source brings conversations, which need no synthesis."""
    return isinstance(config, JsonlSource | ParquetSource) and not maps_text(config.fields)


def columns_problems(columns: Mapping[str, str], key: str) -> list[Problem]:
    """Return what is wrong with a mapping of columns; ``key`` is its place in the configuration."""
    allowed = ", ".join(TARGETS)
    found = [
        Problem(
            f"{key}.{column}", "is not something that a column can be", target, allowed, did_you_mean(target, TARGETS)
        )
        for column, target in columns.items()
        if target not in TARGETS
    ]
    used: dict[str, str] = {}
    for column, target in columns.items():
        if target in used:
            found.append(Problem(f"{key}.{column}", f"the column {used[target]} is the {target} already", target))
        used.setdefault(target, column)
    turns = [target for target in CONVERSATION if target in used]
    if "text" in used and turns:
        reason = "rows are either texts or conversations"
        found.append(Problem(f"{key}.{used['text']}", reason, "text", remedy=f"Leave out text, or {', '.join(turns)}."))
    return found


def renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a row under our names: mapped columns first, then those that are called so already."""
    mapped = {target: row[column] for column, target in columns.items() if column in row}
    return {**{name: value for name, value in row.items() if name not in columns}, **mapped}


def _choice(columns: Columns, messages: list[Message]) -> dict[str, Any]:
    """Return ``choices`` and ``answer`` where the record is a choice; the reply must be the chosen text."""
    choices = columns.get("choices")
    if not choices:
        return {}
    answer = columns.get("answer")
    if not isinstance(choices, list) or not all(isinstance(item, str) for item in choices):
        raise BadRecordError(Reason("chat_record.choices"))
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        raise BadRecordError(Reason("chat_record.answer"))
    if clean(choices[answer]) != messages[-1]["content"]:
        raise BadRecordError(Reason("chat_record.other_choice"))
    return {"choices": [clean(item) for item in choices], "answer": answer}


def _named(columns: Columns, keys: tuple[str, ...]) -> dict[str, str]:
    names = {key: columns.text(key) for key in keys}
    return {key: name for key, name in names.items() if name}


def _conversation(columns: Columns, origin: Origin, log: ReadLog) -> tuple[str, str, dict[str, Any]]:
    """Return title, text and fields of a conversation."""
    shape = shape_of(columns, keep_thoughts=origin.keep_thoughts)
    messages = shape.messages
    worse = {"tools": shape.tools, "rejected": shape.rejected, "rejected_calls": shape.rejected_calls}
    fields = {
        "messages": messages,
        **({} if shape.label is None else {"label": shape.label}),
        **{key: value for key, value in worse.items() if value},
        **_choice(columns, messages),
        **_named(columns, ("task", "entity", "family")),
    }
    asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
    title = columns.text("title") or asked.strip().splitlines()[0][:80]
    columns.used.update(ABOUT)
    if columns.peek("answer") == NO_CHOICE:
        columns.used.add("answer")
    log.unused.update({str(reason): count for reason, count in (shape.unused + columns.unused()).items()})
    return title, "\n\n".join(message_text(message) for message in messages if message["role"] != "system"), fields


def _text(columns: Columns) -> tuple[str, str, dict[str, Any]]:
    """Return title, text and fields of a text."""
    text = columns.text("text").strip()
    if not text:
        raise BadRecordError(Reason("chat_record.no_text"))
    title = " ".join(columns.text("title").split()) or text.splitlines()[0][:80].strip()
    return title, text, {**_named(columns, ("task", "entity")), "parent": columns.text("family")}


def documents_of_row(row: Mapping[str, Any], default_name: str, origin: Origin, log: ReadLog) -> list[Document]:
    """Return the documents of a row: one, or one for each pair where it holds ranked answers.

    Args:
        row: column -> value.
        default_name: last part of the id where the row has none of its own.
        origin: where the row comes from.
        log: is told what of the row is not used.

    Raises:
        BadRecordError: the row has another shape.
    """
    named = renamed(row, origin.columns)
    if origin.gives_texts:
        return [_document(named, default_name, origin, log)]
    parts = enumerate(pairs_of(named))
    return [_document(part, f"{default_name}#{number}" if number else default_name, origin, log)
            for number, part in parts]  # fmt: skip


def _document(row: Mapping[str, Any], default_name: str, origin: Origin, log: ReadLog) -> Document:
    columns = Columns(row)
    if not any(key in columns for key in (*CONVERSATION, "text")) and not any(
        value is not None for key, value in row.items() if key not in ABOUT
    ):
        raise BadRecordError(Reason("record.empty"))
    title, text, fields = _text(columns) if origin.gives_texts else _conversation(columns, origin, log)
    own = columns.get("id")
    has_name = isinstance(own, str | int) and not isinstance(own, bool) and own != ""
    name = f"{origin.label}{clean(str(own))}" if has_name else default_name
    return Document(
        id=f"{origin.source}:{name}",
        kind="guide" if origin.gives_texts else "record",
        title=title,
        text=text,
        fields=fields,
        source=origin.source,
        source_version=origin.version,
        license=columns.text("license") or origin.license,
        url=columns.text("url") or origin.url,
        path=origin.path,
    )
