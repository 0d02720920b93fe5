"""Rows by objective: what a backend is given is written here, from one frozen dataset, before any backend sees it.

sft takes the dataset's own rows (``messages``). dpo, orpo, simpo and reward: ``prompt``, ``chosen``, ``rejected``,
each a list of messages. kto: ``prompt``, ``completion``, ``label`` (true for good). grpo and ppo: ``prompt``,
``answer``, ``choices``. continue: ``text``. Every row has an ``id``.

The texts of ``continue`` are the conversations of the split, without a chat template: the documents themselves also
hold what the test split asks about, and a model that had read them could not be measured on it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from secft.errors import InputError
from secft.files import digest, json_line, read_jsonl, sha256_file, write_jsonl
from secft.security.identifiers import IN_ANSWERS
from secft.train.corruption import NUMBER, Rivals, answer_of, draw, worse_answers

VERSION = 1
PAIRED = ("dpo", "orpo", "simpo", "reward")
SAMPLED = ("grpo", "ppo")
Row = dict[str, Any]


class NothingToLearnError(InputError):
    """A split has no row that an objective could learn from."""


class Pairs(Protocol):
    """Where pairs come from; secft.config.training.PairsConfig is one."""

    corrupt: bool
    per_example: int
    max_pairs: int | None


def write_view(source: Path, objective: str, pairs: Pairs, out: Path, seed: int) -> Path:
    """Write the rows that an objective learns from.

    Args:
        source: a split of a frozen dataset, one row of Example.record() a line.
        objective: one of TrainJob's objectives.
        pairs: where pairs come from; read by dpo, orpo, simpo, reward and kto.
        out: folder of views; the file's name tells what it was made of and how.
        seed: of everything that is drawn.

    Returns:
        The file; for sft the source itself.

    Raises:
        NothingToLearnError: the split has no row that this objective could learn from.
        InputError: there is no such objective.
    """
    if objective == "sft":
        return source
    makers: dict[str, Callable[[], Iterable[Row]]] = {
        **dict.fromkeys(PAIRED, lambda: pair_rows(source, pairs, seed)),
        **dict.fromkeys(SAMPLED, lambda: question_rows(source)),
        "kto": lambda: judged_rows(pair_rows(source, pairs, seed)),
        "continue": lambda: text_rows(source),
        "pretrain": lambda: text_rows(source),
    }
    if objective not in makers:
        raise InputError(f"trainer: there are no rows for {objective!r}; there are for {', '.join(makers)}")
    kind = "pairs" if objective in PAIRED else "questions" if objective in SAMPLED else objective
    facts: dict[str, Any] = {"version": VERSION, "source": sha256_file(source), "kind": kind}
    if kind in ("pairs", "kto"):
        facts |= {"seed": seed, "pairs": [pairs.corrupt, pairs.per_example, pairs.max_pairs]}
    path = out / f"{kind}-{digest(facts)[:20]}.jsonl"
    if path.is_file():
        return path
    out.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    if write_jsonl(partial, makers[objective]()) == 0:
        partial.unlink()
        raise NothingToLearnError(f"{source}: {_nothing(kind, pairs)}")
    partial.replace(path)
    return path


def _nothing(kind: str, pairs: Pairs) -> str:
    if kind in ("pairs", "kto"):
        hint = "" if pairs.corrupt else "; trainer.pairs.corrupt=true makes worse answers"
        return f"no row has a worse answer (`rejected`) to learn from{hint}"
    if kind == "questions":
        return "no row has an answer that can be checked: a choice, an identifier or a number"
    return "no row has a text"


def pair_rows(source: Path, pairs: Pairs, seed: int) -> Iterator[Row]:
    """Yield pairs in the order of the split: its own, else made ones."""
    rivals = Rivals.of(read_jsonl(source), seed) if pairs.corrupt else Rivals()
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
    for row in read_jsonl(source):
        messages = row["messages"]
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            continue
        for number, worse in enumerate(_worse(row, rivals, pairs, seed)):
            yield {
                "id": row["id"] if number == 0 else f"{row['id']}#{number}",
                "prompt": messages[:-1],
                "chosen": [messages[-1]],
                "rejected": [{"role": "assistant", "content": worse}],
            }


def _worse(row: Row, rivals: Rivals, pairs: Pairs, seed: int) -> Iterator[str]:
    own = row.get("rejected")
    if own:
        yield own
    elif pairs.corrupt:
        for number, worse in enumerate(worse_answers(row, rivals, seed)):
            if number == pairs.per_example:
                return
            yield worse


def judged_rows(paired: Iterable[Row]) -> Iterator[Row]:
    """Yield each answer of pairs alone; the better answer to a question once."""
    told = ""
    for row in paired:
        head = {"prompt": row["prompt"]}
        question = json_line([row["prompt"], row["chosen"]])
        if question != told:
            yield {"id": f"{row['id']}+", **head, "completion": row["chosen"], "label": True}
            told = question
        yield {"id": f"{row['id']}-", **head, "completion": row["rejected"], "label": False}


def question_rows(source: Path) -> Iterator[Row]:
    """Yield questions whose answers can be checked without a judge."""
    for row in read_jsonl(source):
        messages = row["messages"]
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            continue
        choices, right, answer = list(row.get("choices") or ()), row.get("answer", -1), answer_of(row)
        if choices and 0 <= right < len(choices):
            yield {"id": row["id"], "prompt": messages[:-1], "answer": choices[right], "choices": choices}
        elif IN_ANSWERS.search(answer) or NUMBER.search(answer):
            yield {"id": row["id"], "prompt": messages[:-1], "answer": answer, "choices": []}


def text_rows(source: Path) -> Iterator[Row]:
    """Yield conversations as plain text: what is said, turn after turn, without roles."""
    for row in read_jsonl(source):
        said = [message["content"].strip() for message in row["messages"] if message["role"] != "system"]
        text = "\n".join(part for part in said if part)
        if text:
            yield {"id": row["id"], "text": text}
