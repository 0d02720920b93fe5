"""Rows by objective: what a backend is given is written here, from one frozen dataset, before any backend sees it.

Imitation takes the dataset's own rows (``messages``); the columns of the others stand in the kinds at the end.
``prompt`` and answers are lists of messages, ``label`` is true for a good answer. Every row has an ``id``.

Texts are the conversations of the split, without a chat template: the documents themselves also hold what the test
split asks about, and a model that had read them could not be measured on it any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from secft.errors import InputError
from secft.files import digest, json_line, read_json, read_jsonl, sha256_file, write_json, write_jsonl
from secft.records import OPTIONAL_PARTS, Message, is_bad, message_text
from secft.security.identifiers import IN_ANSWERS
from secft.train.corruption import NUMBER, Rivals, answer_of, draw, worse_answers

VERSION = 3
COUNTS = ".counts.json"
"""Ending of the file beside a view that tells where its pairs come from."""
MADE = "made"
"""Column that tells so while rows are made; it is in no file."""
Row = dict[str, Any]
Conversation = list[Message]


class NothingToLearnError(InputError):
    """A split has no row that an objective could learn from."""


@dataclass(frozen=True)
class PairCounts:
    """Where the answers of a view come from that are learned from as worse or bad ones.

    Attributes:
        given: those that the dataset holds.
        made: those that were made of right ones.
    """

    given: int
    made: int

    def text(self) -> str:
        """Say it in one sentence, or nothing where there is none."""
        total = self.given + self.made
        if not total:
            return ""
        if not self.made:
            return f"All {total:,} worse answers are the dataset's own"
        share = f"{100 * self.made / total:.0f} %" if self.made * 200 > total else "<1 %"
        return (
            f"{self.made:,} of {total:,} worse answers ({share}) are not the dataset's own: they were made of right "
            "ones (trainer.pairs.corrupt=true)"
        )


class Pairs(Protocol):
    """Where pairs come from; secft.config.schemas.training.PairsConfig is one."""

    corrupt: bool
    per_example: int
    max_pairs: int | None


@dataclass(frozen=True)
class RowKind:
    """What the rows of an objective are.

    Attributes:
        name: of the kind.
        columns: of a row besides ``id``.
        answers: those of them that are answers to ``prompt``, each a list of messages.
        packs: whole conversations or texts, learned token by token: several fit into one packed row.
        paired: they come from pairs of better and worse answers.
        make: yields rows of a split: (file, where pairs come from, seed); None takes the rows of the split.
        nothing: why there may be none.
    """

    name: str
    columns: tuple[str, ...]
    answers: tuple[str, ...] = ()
    packs: bool = False
    paired: bool = False
    make: Callable[[Path, Pairs, int], Iterable[Row]] | None = None
    nothing: str = "no row has a text"

    @property
    def counted(self) -> str:
        """Where a runner counts tokens: in what the ``model`` sees, in ``batches``, or in the model's ``answers``."""
        return "model" if self.packs else "batches" if self.answers else "answers"

    def conversations(self, row: Row) -> list[Conversation]:
        """Return the whole conversations of a row: one with each answer.

        Raises:
            InputError: the row lacks what rows of this kind have.
        """
        try:
            if not self.answers:
                return [_messages(row["messages"])]
            return [[*_messages(row["prompt"]), *_messages(row[answer])] for answer in self.answers]
        except (KeyError, TypeError) as error:
            raise InputError(f"row {row.get('id')!r} is no row of {self.name}: {error}") from error


def _messages(value: Any) -> Conversation:
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    messages = [_message(entry) for entry in value]
    if not messages:
        raise KeyError("no messages")
    return messages


def _message(entry: Any) -> Message:
    optional = {part: entry[part] for part in OPTIONAL_PARTS if entry.get(part) is not None}
    return {"role": entry["role"], "content": str(entry["content"]), **optional}  # type: ignore[typeddict-item]


def tools_of_row(row: Row) -> list[dict[str, Any]]:
    """Return the tools that a row offers."""
    return list(row.get("tools") or ())


def write_view(source: Path, kind: RowKind, pairs: Pairs, out: Path, seed: int) -> Path:
    """Write the rows that an objective learns from.

    Args:
        source: a split of a frozen dataset, one row of Example.record() a line.
        kind: of the rows.
        pairs: where pairs come from; read where rows come from pairs.
        out: folder of views; the file's name tells what it was made of and how.
        seed: of everything that is drawn.

    Returns:
        The file; the source itself where its rows are the kind.

    Raises:
        NothingToLearnError: the split has no such row.
    """
    if kind.make is None and not _holds_bad_answers(source):
        return source
    make = kind.make or learned_rows
    facts: dict[str, Any] = {"version": VERSION, "source": sha256_file(source), "kind": kind.name}
    if kind.paired:
        facts |= {"seed": seed, "pairs": [pairs.corrupt, pairs.per_example, pairs.max_pairs]}
    path = out / f"{kind.name}-{digest(facts)[:20]}.jsonl"
    if path.is_file():
        return path
    out.mkdir(parents=True, exist_ok=True)
    partial, counts = path.with_suffix(".partial"), {True: 0, False: 0}
    if write_jsonl(partial, _counted(make(source, pairs, seed), counts)) == 0:
        partial.unlink()
        hint = "; trainer.pairs.corrupt=true makes worse answers" if kind.paired and not pairs.corrupt else ""
        raise NothingToLearnError(f"{source}: {kind.nothing}{hint}")
    if kind.paired:
        write_json(path.with_suffix(COUNTS), {"given": counts[False], "made": counts[True]})
    partial.replace(path)
    return path


def _counted(rows: Iterable[Row], counts: dict[bool, int]) -> Iterator[Row]:
    """Pass rows on without the column that tells where a worse answer comes from, and count by it."""
    for row in rows:
        made = row.pop(MADE, None)
        if made is not None:
            counts[made] += 1
        yield row


def counts_of_view(view: Path) -> PairCounts | None:
    """Return where the pairs of a view come from, or None for a file that is no view of pairs."""
    path = view.with_suffix(COUNTS)
    return PairCounts(**read_json(path)) if path.is_file() else None


def _holds_bad_answers(source: Path) -> bool:
    """Tell whether a split has rows that nothing may imitate; most have none, so lines are looked at, not parsed."""
    with source.open("rb") as stream:
        return any(b'"label": false' in line and is_bad(json.loads(line)) for line in stream)


def learned_rows(source: Path, pairs: Pairs | None = None, seed: int = 0) -> Iterator[Row]:
    """Yield the rows of a split but those whose answer is a bad one."""
    return (row for row in read_jsonl(source) if not is_bad(row))


def pair_rows(source: Path, pairs: Pairs, seed: int) -> Iterator[Row]:
    """Yield pairs in the order of the split: its own, else made ones."""
    rivals = Rivals.of(learned_rows(source), seed) if pairs.corrupt else Rivals()
    limit = _limit(source, rivals, pairs, seed)
    for row in _all_pairs(source, rivals, pairs, seed):
        if limit is None or draw(seed, "pair", row["id"]) <= limit:
            yield row


def _limit(source: Path, rivals: Rivals, pairs: Pairs, seed: int) -> int | None:
    """Return the highest draw of a pair that is taken, or None to take all."""
    if pairs.max_pairs is None:
        return None
    draws = sorted(draw(seed, "pair", row["id"]) for row in _all_pairs(source, rivals, pairs, seed))
    return draws[pairs.max_pairs - 1] if len(draws) > pairs.max_pairs else None


def _all_pairs(source: Path, rivals: Rivals, pairs: Pairs, seed: int) -> Iterator[Row]:
    for row in learned_rows(source):
        messages = row["messages"]
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            continue
        made = not (row.get("rejected") or row.get("rejected_calls"))
        for number, worse in enumerate(_worse(row, rivals, pairs, seed)):
            yield {
                MADE: made,
                "id": row["id"] if number == 0 else f"{row['id']}#{number}",
                "prompt": messages[:-1],
                "chosen": [messages[-1]],
                "rejected": [worse],
                **_offered(row),
            }


def _worse(row: Row, rivals: Rivals, pairs: Pairs, seed: int) -> Iterator[Message]:
    """Yield worse answers: the row's own where it has one, else made ones. A call of a tool is not corrupted."""
    own, calls = row.get("rejected") or "", row.get("rejected_calls")
    if calls:
        yield {"role": "assistant", "content": own, "tool_calls": calls}
    elif own:
        yield {"role": "assistant", "content": own}
    elif pairs.corrupt and not row["messages"][-1].get("tool_calls"):
        for number, worse in enumerate(worse_answers(row, rivals, seed)):
            if number == pairs.per_example:
                return
            yield {"role": "assistant", "content": worse}


def _offered(row: Row) -> Row:
    tools = tools_of_row(row)
    return {"tools": tools} if tools else {}


def judged_rows(source: Path, pairs: Pairs, seed: int) -> Iterator[Row]:
    """Yield each answer of pairs alone, the better answer to a question once; then answers with a label."""
    last = ""
    for row in pair_rows(source, pairs, seed):
        head = {"prompt": row["prompt"], **_offered(row)}
        question = json_line([row["prompt"], row["chosen"]])
        if question != last:
            yield {"id": f"{row['id']}+", **head, "completion": row["chosen"], "label": True}
            last = question
        yield {"id": f"{row['id']}-", **head, "completion": row["rejected"], "label": False, MADE: row[MADE]}
    for row in read_jsonl(source):
        messages, label = row["messages"], row.get("label")
        if (
            label is None
            or len(messages) < 2
            or (label and pairs.corrupt and not row["messages"][-1].get("tool_calls"))
        ):
            continue  # of a good answer a pair was made
        bad = {} if label else {MADE: False}
        yield {
            "id": row["id"],
            "prompt": messages[:-1],
            **_offered(row),
            "completion": messages[-1:],
            "label": label,
            **bad,
        }


def question_rows(source: Path, pairs: Pairs, seed: int) -> Iterator[Row]:
    """Yield questions whose answers can be checked without a judge."""
    for row in learned_rows(source):
        messages = row["messages"]
        if len(messages) < 2 or messages[-1]["role"] != "assistant" or messages[-1].get("tool_calls"):
            continue
        choices, right, answer = list(row.get("choices") or ()), row.get("answer", -1), answer_of(row)
        if choices and 0 <= right < len(choices):
            yield {
                "id": row["id"],
                "prompt": messages[:-1],
                "answer": choices[right],
                "choices": choices,
                **_offered(row),
            }
        elif IN_ANSWERS.search(answer) or NUMBER.search(answer):
            yield {"id": row["id"], "prompt": messages[:-1], "answer": answer, "choices": [], **_offered(row)}


def text_rows(source: Path, pairs: Pairs, seed: int) -> Iterator[Row]:
    """Yield conversations as plain text: turn after turn, without roles."""
    for row in learned_rows(source):
        parts = [message_text(message).strip() for message in row["messages"] if message["role"] != "system"]
        text = "\n".join(part for part in parts if part)
        if text:
            yield {"id": row["id"], "text": text}


_NO_PAIR = "no row has a worse answer (`rejected`) to learn from"
CONVERSATIONS = RowKind("conversations", ("messages",), packs=True)
TEXTS = RowKind("texts", ("text",), packs=True, make=text_rows)
PAIRS = RowKind(
    "pairs", ("prompt", "chosen", "rejected"), ("chosen", "rejected"), paired=True, make=pair_rows, nothing=_NO_PAIR
)
JUDGED = RowKind(
    "judged", ("prompt", "completion", "label"), ("completion",), paired=True, make=judged_rows,
    nothing=_NO_PAIR,
)  # fmt: skip
QUESTIONS = RowKind(
    "questions", ("prompt", "answer", "choices"), make=question_rows,
    nothing="no row has an answer that can be checked: a choice, an identifier or a number",
)  # fmt: skip
FROM_PAIRS = "of better and worse answers."
REWARDED = "Loss on the model's own answers, rewarded by checks against the right ones."
"""What cards say of the loss of objectives over pairs, and of those over questions."""
