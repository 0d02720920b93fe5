"""Examples of a dataset as a model reads them: the rendered conversation, with the tokens that are trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from secft.errors import InputError
from secft.files import read_jsonl
from secft.reports.rendering import render
from secft.train.template import decode_trained, tokenise_example


@dataclass(frozen=True)
class PreviewRow:
    """One example.

    Attributes:
        id: of the example.
        task: its kind.
        source: where it comes from.
        tokens: in all.
        trained: that carry loss.
        parts: (text, whether it is trained on), in order.
        problem: why it cannot be rendered, or an empty string.
    """

    id: str
    task: str
    source: str
    tokens: int
    trained: int
    parts: Sequence[tuple[str, bool]]
    problem: str = ""

    def text(self) -> Text:
        """Return it for a terminal."""
        if self.problem:
            return Text(f"(cannot be rendered: {self.problem})")
        return marked(self.parts)


def marked(parts: Sequence[tuple[str, bool]]) -> Text:
    """Return a conversation with its trained parts marked by brackets, and by colour where there is any."""
    text = Text()
    for part, trained in parts:
        # A plan is also read in a file, or by somebody who does not see colours.
        text.append(f"[[{part}]]" if trained else part, style="black on green" if trained else "")
    text.rstrip()
    return text


def previewed(path: Path, tokenizer: Any, count: int, seed: int) -> list[PreviewRow]:
    """Draw examples of all tasks in turn.

    Args:
        path: rows of a split.
        tokenizer: with its chat template.
        count: how many.
        seed: of the draw.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    kinds: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for row in read_jsonl(path):
        drawn = hashlib.sha256(f"{seed}:{row['id']}".encode()).hexdigest()
        best = kinds.setdefault(row["task"], [])
        best.append((drawn, row))
        if len(best) > 2 * count:
            best[:] = sorted(best, key=lambda pair: pair[0])[:count]
    queues = [[row for _, row in sorted(rows, key=lambda pair: pair[0])] for _, rows in sorted(kinds.items())]
    turns = [queue[turn] for turn in range(count) for queue in queues if turn < len(queue)]
    return [_rendered(row, tokenizer) for row in turns[:count]]


def _rendered(row: dict[str, Any], tokenizer: Any) -> PreviewRow:
    head = {"id": row["id"], "task": row["task"], "source": row.get("source", "")}
    try:
        example = tokenise_example(tokenizer, row["id"], row["messages"])
    except InputError as error:
        return PreviewRow(**head, tokens=0, trained=0, parts=(), problem=str(error))
    parts = decode_trained(tokenizer, example)
    return PreviewRow(**head, tokens=len(example.input_ids), trained=example.trained, parts=parts)


def preview_page(dataset: str, model: str, rows: Sequence[PreviewRow]) -> str:
    """Return the page of some examples; it runs and loads nothing."""
    return render("preview.html.jinja", {"dataset": dataset, "model": model, "rows": rows})
