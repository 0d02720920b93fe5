"""Rows of a dataset of one's own, whatever file they come from, as documents.

Accepted shapes of a row: ``messages`` [{role, content}]; ``user`` and ``assistant`` (and ``system``);
``instruction``, ``input`` and ``output`` (Alpaca); ``conversations`` [{from, value}] (ShareGPT). They become documents
of kind ``record`` with the fields ``messages``, and ``choices``, ``answer``, ``task``, ``entity`` and ``family`` where
the row has them. Where a column is mapped to ``text``, rows are texts instead: documents of kind ``guide`` with the
fields ``task``, ``entity`` and ``parent`` (the row's family, or empty).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secft.config.schemas.source import SourceConfig
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.reading.json_values import clean
from secft.errors import Problem, did_you_mean
from secft.reasons import Reason
from secft.records import Document, Message

TURNS = ("messages", "conversations")
SINGLE = ("system", "user", "assistant", "instruction", "input", "output")
ABOUT = ("id", "title", "task", "entity", "family", "url", "license")
CHOICE = ("choices", "answer")
TARGETS = (*TURNS, *SINGLE, "text", *ABOUT, *CHOICE)
"""What a column may be mapped to."""

_SHAREGPT_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


class BadRecordError(ValueError):
    """A row that cannot become a document.

    Attributes:
        reason: why not.
    """

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.text())


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
    """

    source: str
    version: str
    license: str
    url: str
    path: str
    columns: Mapping[str, str]

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
    turns = [target for target in (*TURNS, *SINGLE) if target in used]
    if "text" in used and turns:
        reason = "rows are either texts or conversations"
        found.append(Problem(f"{key}.{used['text']}", reason, "text", remedy=f"Leave out text, or {', '.join(turns)}."))
    return found


def renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a row under our names: mapped columns first, then those that are called so already."""
    mapped = {target: row[column] for column, target in columns.items() if column in row}
    return {**{name: value for name, value in row.items() if name not in columns}, **mapped}


def _string(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRecordError(Reason("chat_record.not_string", key))
    return clean(value)


def _rows(turns: Any, key: str) -> list[dict[str, Any]]:
    """Return turns as a list of objects; columns of equal length, as some datasets store them, are turned around."""
    if isinstance(turns, dict) and turns and all(isinstance(column, list) for column in turns.values()):
        lengths = {len(column) for column in turns.values()}
        if len(lengths) == 1:
            return [dict(zip(turns, values, strict=True)) for values in zip(*turns.values(), strict=True)]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise BadRecordError(Reason("chat_record.not_objects", key))
    return turns


def _turns(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (role, content) pairs of a record of any accepted shape."""
    for key, role, content in (("messages", "role", "content"), ("conversations", "from", "value")):
        turns = record.get(key)
        if turns is not None:
            head = [("system", _string(record, "system"))] if key == "conversations" else []
            pairs = [(_string(turn, role), _string(turn, content)) for turn in _rows(turns, key)]
            return [pair for pair in head if pair[1]] + pairs
    if "assistant" in record:
        pairs = [(role, _string(record, role)) for role in ("system", "user", "assistant")]
    elif "output" in record:
        asked = "\n\n".join(part for part in (_string(record, "instruction"), _string(record, "input")) if part)
        pairs = [("system", _string(record, "system")), ("user", asked), ("assistant", _string(record, "output"))]
    else:
        raise BadRecordError(Reason("chat_record.shape"))
    return [pair for pair in pairs if pair[0] != "system" or pair[1]]


def messages_of(record: Mapping[str, Any]) -> list[Message]:
    """Return a conversation of the form [system] (user assistant)+.

    Raises:
        BadRecordError: the conversation has another form, or an empty turn.
    """
    turns = [(_SHAREGPT_ROLES.get(role, role), content) for role, content in _turns(record)]
    roles = [role for role, _ in turns]
    body = roles[1:] if roles[:1] == ["system"] else roles
    if not body or len(body) % 2 or body != ["user", "assistant"] * (len(body) // 2):
        raise BadRecordError(Reason("chat_record.roles"))
    if not all(content.strip() for _, content in turns):
        raise BadRecordError(Reason("chat_record.empty_turn"))
    return [{"role": role, "content": content} for role, content in turns]  # type: ignore[typeddict-item]


def _choice(record: Mapping[str, Any], messages: list[Message]) -> dict[str, Any]:
    """Return ``choices`` and ``answer`` where the record is a choice; the reply must be the chosen text."""
    choices, answer = record.get("choices"), record.get("answer")
    if not choices:
        return {}
    if not isinstance(choices, list) or not all(isinstance(item, str) for item in choices):
        raise BadRecordError(Reason("chat_record.choices"))
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        raise BadRecordError(Reason("chat_record.answer"))
    if clean(choices[answer]) != messages[-1]["content"]:
        raise BadRecordError(Reason("chat_record.other_choice"))
    return {"choices": [clean(item) for item in choices], "answer": answer}


def _named(record: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, str]:
    names = {key: _string(record, key) for key in keys}
    return {key: name for key, name in names.items() if name}


def _conversation(record: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return title, text and fields of a conversation."""
    messages = messages_of(record)
    fields = {"messages": messages, **_choice(record, messages), **_named(record, ("task", "entity", "family"))}
    title = _string(record, "title") or messages[-2]["content"].strip().splitlines()[0][:80]
    return title, "\n\n".join(message["content"] for message in messages if message["role"] != "system"), fields


def _text(record: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return title, text and fields of a text."""
    text = _string(record, "text").strip()
    if not text:
        raise BadRecordError(Reason("chat_record.no_text"))
    title = " ".join(_string(record, "title").split()) or text.splitlines()[0][:80].strip()
    return title, text, {**_named(record, ("task", "entity")), "parent": _string(record, "family")}


def document_of_row(row: Mapping[str, Any], default_name: str, origin: Origin) -> Document:
    """Return the document of a row.

    Args:
        row: column -> value.
        default_name: last part of the id where the row has none of its own.
        origin: where the row comes from.

    Raises:
        BadRecordError: the row has another shape.
    """
    record = renamed(row, origin.columns)
    title, text, fields = _text(record) if origin.gives_texts else _conversation(record)
    own = record.get("id")
    has_name = isinstance(own, str | int) and not isinstance(own, bool) and own != ""
    return Document(
        id=f"{origin.source}:{clean(str(own)) if has_name else default_name}",
        kind="guide" if origin.gives_texts else "record",
        title=title,
        text=text,
        fields=fields,
        source=origin.source,
        source_version=origin.version,
        license=_string(record, "license") or origin.license,
        url=_string(record, "url") or origin.url,
        path=origin.path,
    )
