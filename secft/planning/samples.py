"""Training examples as the model reads them, one of each of several tasks, with the trained tokens marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.text import Text

from secft.errors import InputError
from secft.files import read_jsonl
from secft.planning.preview import marked
from secft.planning.situation import Situation
from secft.records import is_bad, message_text
from secft.train.template import decode_trained, tokenise_example

TASKS = 3
"""Examples that are shown, each of another task."""
ROWS_READ = 20_000
LONGEST = 1200
"""Characters of an example that are shown."""


def sampled_rows(path: Path, tasks: int = TASKS) -> list[dict[str, Any]]:
    """Return the first row of each of the first tasks of a JSONL file, in the order of the file."""
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(read_jsonl(path)):
        if not is_bad(row):
            found.setdefault(str(row.get("task", "")), row)
        if len(found) >= tasks or number >= ROWS_READ:
            break
    return list(found.values())


def shown_samples(situation: Situation, rows: list[dict[str, Any]]) -> list[tuple[str, Text]]:
    """Return (task, conversation as the model reads it) of rows; plain turns where the tokenizer is not here."""
    tokenizer, model = situation.tokenizer, situation.config.model.name
    return [(str(row.get("task", "")), _shown(model, tokenizer, row)) for row in rows]


def _shown(model: str, tokenizer: Any, row: dict[str, Any]) -> Text:
    messages = row["messages"]
    plain = "\n".join(f"{message['role']}: {message_text(message)}" for message in messages)
    if tokenizer is None:
        return Text(f"{plain}\n(the tokenizer of {model} is not here: not rendered)")
    try:
        parts = decode_trained(tokenizer, tokenise_example(tokenizer, "example", messages, row.get("tools") or ()))
    except InputError as error:
        return Text(f"{plain}\n(cannot be rendered: {error})")
    text = marked(parts)
    if len(text) > LONGEST:
        text = text[:LONGEST] + Text(f" ... ({len(text) - LONGEST:,} more characters)")
    return text
