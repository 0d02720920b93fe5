"""Whether the rows of a dataset can be trained on: masks, lengths, what the objective needs.

A dataset may be large and a check must be quick, so at most ``LOOKED_AT`` rows are tokenised, evenly spread over the
file: the same ones every time. The runner checks every row again before its first step.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import PairTrainer, TrainerConfig
from secft.errors import InputError, Problem
from secft.models.conversation import TemplateSkills
from secft.models.turns import begin_id
from secft.records import is_bad, message_text
from secft.train.objectives import objective_of
from secft.train.template import IGNORED, TokenisedExample, closing_ids, tokenise_conversation
from secft.train.views import JUDGED, TEXTS

LOOKED_AT = 4000
SHOWN = 5

NO_ANSWER = "no answer"
REFUSED = "template refuses"
ALL_MASKED = "all masked"
ALL_TRAINED = "all trained"
NO_END = "end of turn"
DESCRIBED = {
    NO_ANSWER: "have no answer of the assistant at their end",
    REFUSED: "cannot be rendered by the chat template",
    ALL_MASKED: "have no trained token, so nothing is learned from them",
    ALL_TRAINED: "have every token trained, the question too",
    NO_END: "do not train the end-of-turn token, so the model would not learn to stop",
}


@dataclass
class SeenRows:
    """What was found in the rows of one file.

    Attributes:
        total: rows of the file.
        lengths: tokens of each row that was looked at and could be tokenised.
        trained: trained tokens of all of them.
        faults: kind of fault -> ids.
        reasons: kind of fault -> what the first one of it said.
        with_rejected: rows that bring a worse answer, or are a bad one where answers are judged alone.
        judged: rows that say that their answer is a good one, where answers are judged alone.
        bad: rows whose answer is a bad one and is not learned from.
        with_calls: rows with calls of tools, or their results.
        with_system: rows with a system message.
        with_turns: rows with several questions.
        highest_id: highest token id, -1 without any.
    """

    total: int = 0
    looked_at: int = 0
    lengths: list[int] = field(default_factory=list)
    trained: int = 0
    faults: dict[str, list[str]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    with_rejected: int = 0
    judged: int = 0
    bad: int = 0
    with_calls: int = 0
    with_system: int = 0
    with_turns: int = 0
    highest_id: int = -1


def look_at(path: Path, tokenizer: Any, trainer: TrainerConfig, limit: int = LOOKED_AT) -> SeenRows:
    """Tokenise rows of a frozen dataset.

    Args:
        path: JSONL with ``id``, ``messages`` and perhaps ``rejected``.
        tokenizer: fast tokenizer with a chat template.
        trainer: says what is learned, and how long a piece of plain text is.
        limit: rows that are tokenised at most.

    Raises:
        InputError: the file is absent.
    """
    seen = SeenRows(total=count_rows(path))
    closing = _closing(tokenizer)
    for number, row in spread_rows(path, seen.total, limit):
        judged = objective_of(trainer).rows is JUDGED
        if is_bad(row) and not judged:
            seen.bad += 1
            continue
        seen.looked_at += 1
        seen.with_rejected += bool(row.get("rejected") or row.get("rejected_calls") or (judged and is_bad(row)))
        seen.judged += judged and row.get("label") is True
        if objective_of(trainer).rows is TEXTS:  # no conversation, so no mask
            _look_at_text(seen, row, str(row.get("id", number)), tokenizer, trainer.max_length)
        else:
            _look_at_row(seen, row, str(row.get("id", number)), tokenizer, closing)
    return seen


def count_rows(path: Path) -> int:
    """Return the lines of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return sum(1 for line in stream if line.strip())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def spread_rows(path: Path, total: int, limit: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) of at most ``limit`` rows, evenly spread; a line that is no object is an empty row."""
    step = max(-(-total // limit), 1)
    with path.open("rb") as stream:
        lines = (line for line in stream if line.strip())
        for index, line in enumerate(lines):
            if index % step == 0:
                yield index + 1, _parsed(line)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _closing(tokenizer: Any) -> frozenset[int]:
    try:
        return closing_ids(tokenizer)
    except InputError:
        return frozenset()  # reported with the template itself, once


def _look_at_row(seen: SeenRows, row: dict[str, Any], name: str, tokenizer: Any, closing: frozenset[int]) -> None:
    messages = row.get("messages")
    if not _ends_with_answer(messages):
        _fault(seen, NO_ANSWER, name)
        return
    assert isinstance(messages, list)
    roles = [message.get("role") for message in messages]
    seen.with_system += "system" in roles
    seen.with_turns += roles.count("user") > 1
    seen.with_calls += any(message.get("tool_calls") or message.get("role") == "tool" for message in messages)
    try:
        examples = tokenise_conversation(tokenizer, name, messages, row.get("tools") or ())
    except InputError as error:
        _fault(seen, REFUSED, name, str(error))
        return
    for example in examples:
        _look_at_tokens(seen, name, example, closing)


def _look_at_tokens(seen: SeenRows, name: str, example: TokenisedExample, closing: frozenset[int]) -> None:
    seen.lengths.append(len(example.input_ids))
    seen.trained += example.trained
    seen.highest_id = max(seen.highest_id, *example.input_ids)
    labels = [label for label in example.labels if label != IGNORED]
    if example.trained == 0:
        _fault(seen, ALL_MASKED, name)
    elif len(labels) == len(example.labels):
        _fault(seen, ALL_TRAINED, name)
    elif closing and labels[-1] not in closing:
        _fault(seen, NO_END, name)


def _look_at_text(seen: SeenRows, row: dict[str, Any], name: str, tokenizer: Any, max_length: int) -> None:
    """Count a conversation as plain text without its system turn, cut into pieces: all of it is trained."""
    messages = row.get("messages")
    if not _ends_with_answer(messages):
        _fault(seen, NO_ANSWER, name)
        return
    assert isinstance(messages, list)
    text = "\n".join(message_text(message).strip() for message in messages if message.get("role") != "system")
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    seen.highest_id = max([seen.highest_id, *ids])
    tokens = len(ids) + 1 + (begin_id(tokenizer) is not None)  # with the end of the text, and what begins it
    seen.lengths += [min(max_length, tokens - start) for start in range(0, tokens, max_length)]
    seen.trained += tokens - 1


def _ends_with_answer(messages: Any) -> bool:
    if not isinstance(messages, list) or not messages:
        return False
    if not all(isinstance(message, dict) and isinstance(message.get("content"), str) for message in messages):
        return False
    return bool(messages[-1].get("role") == "assistant")


def _fault(seen: SeenRows, kind: str, name: str, reason: str = "") -> None:
    seen.faults.setdefault(kind, []).append(name)
    seen.reasons.setdefault(kind, reason)


def row_problems(seen: SeenRows, place: Path) -> list[Problem]:
    """Report rows that cannot be trained on."""
    if not seen.total:
        return [Problem("dataset", "has no row to train on", place.name, code="no rows")]
    found = []
    for kind, names in seen.faults.items():
        of = f"{len(names):,} of {seen.looked_at:,} rows looked at"
        shown = f"(first: {', '.join(names[:SHOWN])})"
        why = f": {seen.reasons[kind]}" if seen.reasons[kind] else ""
        found.append(Problem("dataset", f"{of} {DESCRIBED[kind]} {shown}{why}", place.name, code=kind))
    return found


def objective_problems(trainer: TrainerConfig, seen: SeenRows) -> list[Problem]:
    """Report a dataset whose rows lack what the objective needs."""
    if not isinstance(trainer, PairTrainer) or not seen.looked_at:
        return []
    if trainer.pairs.corrupt or seen.with_rejected:
        return _shares(trainer, seen)
    reason = f"{trainer.name} needs worse answers, and none of {seen.looked_at:,} rows looked at brings one (rejected)"
    remedy = "Set trainer.pairs.corrupt=true to make them, or give rows with a rejected answer."
    return [Problem("trainer.pairs.corrupt", reason, False, remedy=remedy, code="no pairs")]


def _shares(trainer: PairTrainer, seen: SeenRows) -> list[Problem]:
    """Tell how many rows bring no worse answer of their own, and what becomes of them."""
    bare = seen.looked_at - seen.with_rejected - (0 if trainer.pairs.corrupt else seen.judged)
    if bare <= 0:
        return []
    of = f"{bare:,} of {seen.looked_at:,} rows looked at ({100 * bare / seen.looked_at:.0f} %) bring no worse answer"
    what = "theirs are made of right ones" if trainer.pairs.corrupt else "nothing is learned from them"
    return [Problem("trainer.pairs.corrupt", f"{of}; {what}", trainer.pairs.corrupt, code="bare rows", stops=False)]


def call_problems(model: ModelConfig, seen: SeenRows, skills: TemplateSkills) -> list[Problem]:
    """Report calls of tools that the model's chat template cannot render."""
    if not seen.with_calls or skills.tools:
        return []
    reason = (
        f"this model's template cannot render tool calls: those of {seen.with_calls:,} of {seen.looked_at:,} rows "
        'looked at are written as text, <tool_call>{"name": ..., "arguments": {...}}</tool_call>'
    )
    remedy = "Serve the model with prompts of the same form (docs/training.md), or choose a model that knows tools."
    stops = model.tool_calls == "template"
    return [Problem("model.tool_calls", reason, model.tool_calls, remedy=remedy, code="tool calls", stops=stops)]


def length_problems(
    trainer: TrainerConfig, seen: SeenRows, too_long_before: int, examples_before: int, limit_before: int | None = None
) -> list[Problem]:
    """Report that more examples than allowed are too long for a row.

    Args:
        trainer: says how long a row is and how much may be lost.
        seen: the training split.
        too_long_before: examples that curation already left out for their length.
        examples_before: examples that curation had to judge.
        limit_before: tokens that curation let through; None where it is not known.
    """
    over = sum(length > trainer.max_length for length in seen.lengths)
    here = over / len(seen.lengths) if seen.lengths else 0.0
    before = too_long_before / examples_before if examples_before else 0.0
    share = 1 - (1 - before) * (1 - here)
    if share == 0:
        return []
    key, value, longer = _limit(trainer.max_length, limit_before if too_long_before else None, over)
    parts = [f"{too_long_before:,} of {examples_before:,} examples in curation"] if too_long_before else []
    parts += [f"{over:,} of {len(seen.lengths):,} rows looked at"] if over else []
    reason = f"{share:.1%} of the examples are longer than {longer} ({' and '.join(parts)})"
    if share > trainer.max_dropped_share:
        remedy = f"Raise {key} or trainer.max_dropped_share."
        limit = f"at most {trainer.max_dropped_share:.1%} (trainer.max_dropped_share)"
        return [Problem(key, reason, value, limit, remedy=remedy, code="too long")]
    return [Problem(key, reason, value, code="too long", stops=False)]


def _limit(row: int, curated: int | None, over: int) -> tuple[str, int, str]:
    """Return the setting that examples are too long for, its value, and both limits where both left some out."""
    if curated is None or curated >= row:
        return "trainer.max_length", row, f"{row} tokens"
    training = f", or than {row} tokens in training" if over else ""
    return "curation.max_tokens", curated, f"{curated} tokens{training}"
