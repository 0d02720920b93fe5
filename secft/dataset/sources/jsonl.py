"""A dataset of your own: chat records, one JSON object a line, plain or gzipped.

Accepted shapes of a line: ``messages`` [{role, content}]; ``user`` and ``assistant`` (and ``system``);
``instruction``, ``input`` and ``output`` (Alpaca); ``conversations`` [{from, value}] (ShareGPT). Fields of a document
(kind ``record``): ``messages``, and ``choices``, ``answer``, ``task`` and ``entity`` where the record has them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.config.source_files import JsonlSource
from secft.dataset.sources.intake import Intake, Reader
from secft.dataset.sources.opening import path_problems, read_input
from secft.errors import InputError, Problem
from secft.files import sha256_file
from secft.records import Document, Message

EXPECTED = "chat records, one JSON object a line, with `messages`, or `user` and `assistant`"
MAX_LINE = 4 << 20
_SHOWN = 5
_SHAREGPT_ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}


class _BadLine(ValueError):
    """A line that cannot become a record; the message is the reason."""


def _string(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _BadLine(f"{key} is not a string")
    return value


def _turns(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (role, content) pairs of a record of any accepted shape."""
    for key, role, content in (("messages", "role", "content"), ("conversations", "from", "value")):
        turns = record.get(key)
        if turns is not None:
            if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
                raise _BadLine(f"{key} is not a list of objects")
            head = [("system", _string(record, "system"))] if key == "conversations" else []
            pairs = [(_string(turn, role), _string(turn, content)) for turn in turns]
            return [pair for pair in head if pair[1]] + pairs
    if "assistant" in record:
        pairs = [(role, _string(record, role)) for role in ("system", "user", "assistant")]
    elif "output" in record:
        asked = "\n\n".join(part for part in (_string(record, "instruction"), _string(record, "input")) if part)
        pairs = [("system", _string(record, "system")), ("user", asked), ("assistant", _string(record, "output"))]
    else:
        raise _BadLine("no messages, user/assistant, instruction/output or conversations")
    return [pair for pair in pairs if pair[0] != "system" or pair[1]]


def _messages(record: dict[str, Any]) -> list[Message]:
    """Return a conversation of the form [system] (user assistant)+.

    Raises:
        _BadLine: the conversation has another form, or an empty turn.
    """
    turns = [(_SHAREGPT_ROLES.get(role, role), content) for role, content in _turns(record)]
    roles = [role for role, _ in turns]
    body = roles[1:] if roles[:1] == ["system"] else roles
    if not body or len(body) % 2 or body != ["user", "assistant"] * (len(body) // 2):
        raise _BadLine("roles do not alternate user, assistant (after an optional system)")
    if not all(content.strip() for _, content in turns):
        raise _BadLine("an empty message")
    return [{"role": role, "content": content} for role, content in turns]  # type: ignore[typeddict-item]


def _choice(record: dict[str, Any], messages: list[Message]) -> dict[str, Any]:
    """Return ``choices`` and ``answer`` where the record is a choice; the reply must be the chosen text."""
    choices, answer = record.get("choices"), record.get("answer")
    if not choices:
        return {}
    if not isinstance(choices, list) or not all(isinstance(item, str) for item in choices):
        raise _BadLine("choices is not a list of strings")
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        raise _BadLine("answer is not the index of a choice")
    if choices[answer] != messages[-1]["content"]:
        raise _BadLine("the reply is not the choice that answer names")
    return {"choices": choices, "answer": answer}


def _fields(record: dict[str, Any]) -> dict[str, Any]:
    messages = _messages(record)
    names = {key: _string(record, key) for key in ("task", "entity", "family")}
    return {"messages": messages, **_choice(record, messages), **{key: name for key, name in names.items() if name}}


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise _BadLine(f"longer than {MAX_LINE:,} bytes")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise _BadLine("not valid JSON") from None
    if not isinstance(record, dict):
        raise _BadLine("not a JSON object")
    return record


def _document(record: dict[str, Any], number: int, config: JsonlSource, version: str) -> Document:
    fields = _fields(record)
    own = record.get("id")
    name = str(own) if isinstance(own, str | int) and not isinstance(own, bool) and own != "" else f"{number:07d}"
    return Document(
        id=f"jsonl:{name}",
        kind="record",
        title=_string(record, "title") or fields["messages"][-2]["content"].strip().splitlines()[0][:80],
        text="\n\n".join(message["content"] for message in fields["messages"] if message["role"] != "system"),
        fields=fields,
        source="jsonl",
        source_version=version,
        license=config.license,
        url=config.url,
    )


def _read(config: JsonlSource, intake: Intake) -> Iterator[Document]:
    """Yield one document per good line; bad lines are counted by reason.

    Raises:
        InputError: the file is missing or empty, or has more bad lines than ``max_bad_lines``.
    """
    path = Path(config.path)
    lines = read_input(path, EXPECTED).split(b"\n")
    version = f"sha256:{sha256_file(path)[:12]}"
    documents: list[Document] = []
    ids: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = _document(_parse(line), number, config, version)
            if document.id in ids:
                raise _BadLine("its id was used before")
        except _BadLine as reason:
            intake.refuse(f"line {number}", str(reason))
            continue
        ids.add(document.id)
        documents.append(document)
    _check_bad_lines(path, config.max_bad_lines, intake)
    yield from documents


def _check_bad_lines(path: Path, allowed: int, intake: Intake) -> None:
    if len(intake.refused) <= allowed:
        return
    shown = "".join(f"\n  {row['record']}: {row['reason']}" for row in intake.refused[:_SHOWN])
    more = f"\n  and {len(intake.refused) - _SHOWN} more" if len(intake.refused) > _SHOWN else ""
    counts = f"{len(intake.refused)} bad line(s), {allowed} allowed (max_bad_lines)"
    raise InputError(f"{path}: {counts}; expected {EXPECTED}:{shown}{more}")


def _external_files(config: JsonlSource) -> dict[str, Path]:
    return {"records": Path(config.path)}


def _problems(config: JsonlSource, key: str) -> list[Problem]:
    return path_problems(config.path, f"{key}.path")


READER = Reader(read=_read, external_files=_external_files, problems=_problems, version=1)
