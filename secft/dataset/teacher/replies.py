"""From the JSON of a teacher's reply to pairs: what each task's reply holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secft.dataset.teacher.checks import Pair
from secft.dataset.teacher.passages import Passage


@dataclass(frozen=True)
class Written:
    """What a teacher wrote about a passage.

    Attributes:
        pairs: question and answer of each turn, one for all tasks but ``multi_turn``.
        opening: a situation that stands before the first question, or an empty string.
        rejected: the worse answer of a preference pair, or an empty string.
    """

    pairs: tuple[Pair, ...]
    opening: str = ""
    rejected: str = ""


def _pair(value: Mapping[str, Any], passage: Passage) -> Written:
    return Written((Pair(_tidy(value["question"]), _tidy(value["answer"]), quoted=False),))


def _scenario(value: Mapping[str, Any], passage: Passage) -> Written:
    return Written(_pair(value, passage).pairs, opening=_tidy(value["situation"]))


def _turns(value: Mapping[str, Any], passage: Passage) -> Written:
    return Written(tuple(pair for turn in value["turns"] for pair in _pair(turn, passage).pairs))


def _preference(value: Mapping[str, Any], passage: Passage) -> Written:
    pair = Pair(_tidy(value["question"]), _tidy(value["better"]), quoted=False)
    return Written((pair,), rejected=_tidy(value["worse"]))


def _tidy(text: str) -> str:
    return text.strip()


_FREE: Mapping[str, Callable[[Mapping[str, Any], Passage], Written]] = {
    "scenario": _scenario,
    "multi_turn": _turns,
    "preference": _preference,
}


def written(task: str, answers: str, value: Mapping[str, Any], passage: Passage) -> Written:
    """Return what a reply holds.

    Args:
        task: what was asked for.
        answers: ``quoted`` or ``free``.
        value: the reply, already checked against the schema of the prompt.
        passage: what it was asked about.

    Raises:
        KeyError: a prompt file of one's own asks for other keys than its task needs.
    """
    return (
        Written((Pair(_tidy(value["question"]), passage.text, quoted=True),))
        if answers == "quoted"
        else _FREE.get(task, _pair)(value, passage)
    )
