"""How a task asks a model, and what of its reply is kept: one class for each form of answer.

lm-eval runs the requests; each class says so in lm-eval's words (``settings``), and turns lm-eval's sample of one item
into the answer that is kept (``read``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from secft.evaluate.held_out import ROWS_PER_LABEL
from secft.evaluate.late_numpy import np
from secft.records import message_text


class AnswerForm(ABC):
    """One form of answer."""

    by_score: ClassVar[bool] = False
    """Only a model that gives a number to an answer can be asked in this way."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return what lm-eval is told: output type, where the parts of a prompt stand, how one result is read."""

    @abstractmethod
    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one item, of an lm-eval sample, without its id."""

    @abstractmethod
    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return what counts as right, for the line of ``eval/<task>.jsonl``."""

    def judged(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the lines of ``eval/<task>.jsonl`` with what only all of them, and both models, can tell."""
        return list(rows)

    def chance(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the share that guessing gets right, or None where guessing makes no sense."""
        return None

    def majority(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the share that always giving the most frequent right answer gets right, or None without such."""
        return None


class ChooseOne(AnswerForm):
    """The choice with the largest summed log-likelihood is the answer."""

    def settings(self) -> dict[str, Any]:
        """Ask for the log-likelihood of every choice."""
        return {"output_type": "multiple_choice", "doc_to_choice": "continuations", "doc_to_target": "answer"}

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the choice, the one by log-likelihood per token, and all log-likelihoods."""
        doc, sums = sample["doc"], [finite(loglikelihood) for loglikelihood, _ in sample["filtered_resps"]]
        predicted = _best(sums, [1] * len(sums))
        return {
            "prediction": predicted,
            "prediction_normalised": _best(sums, doc["tokens"]),
            # A model whose training diverged answers with NaN: that is no answer, and never a right one.
            "correct": predicted == doc["answer"],
            "loglikelihoods": sums,
        }

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the choices and the right one."""
        return {"choices": question["choices"], "gold": question["answer"], "tokens": question["tokens"]}

    def chance(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the mean of one through the number of choices."""
        return sum(1 / len(row["choices"]) for row in rows) / len(rows)

    def majority(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return the share of the most frequent right choice; None where items have choices of their own."""
        counts = Counter(row["choices"][row["gold"]] for row in rows)
        return max(counts.values()) / len(rows) if ROWS_PER_LABEL * len(counts) <= len(rows) else None


class FindAnswer(ChooseOne):
    """Which answer of a group belongs to a question; all items of a group offer the same answers.

    Chosen is the answer that its question makes likelier than the other questions of the group do, so that short and
    common answers are not chosen for being such.
    """

    def judged(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the lines with ``correct`` by that rule."""
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(tuple(row["choices"]), []).append(row)
        right = {
            (side, row["id"]): found
            for group in groups.values()
            for side in ("base", "candidate")
            for row, found in zip(group, _found([row[side]["loglikelihoods"] for row in group], group), strict=True)
        }
        return [
            {**row, **{side: {**row[side], "correct": right[side, row["id"]]} for side in ("base", "candidate")}}
            for row in rows
        ]


def _found(table: Sequence[Sequence[float | None]], group: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return for each item of a group whether the right answer was found; a missing likelihood finds none."""
    if any(value is None for line in table for value in line):
        return [False] * len(group)
    gains = np.asarray(table, dtype=np.float64)
    gains = gains - gains.mean(axis=0)
    return [bool(best == row["gold"]) for best, row in zip(gains.argmax(axis=1), group, strict=True)]


class PairLikelihood(ChooseOne):
    """The log-likelihoods of a better and of a worse answer: training should make the better one gain more.

    Source: the implicit reward of Rafailov et al. 2023, Direct Preference Optimization.
    """

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell both answers, the better one first."""
        return {"choices": question["choices"], "gold": 0, "tokens": question["tokens"]}

    def judged(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the lines with ``correct``: 1 where the better answer gained more, one half where both gained so."""
        return [
            {
                **row,
                "base": {**row["base"], "correct": 0.5},
                "candidate": {**row["candidate"], "correct": _gained(row["base"], row["candidate"])},
            }
            for row in rows
        ]

    def chance(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return one half."""
        return 0.5

    def majority(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return None: the answers are of their question only."""
        return None


def _gained(base: Mapping[str, Any], candidate: Mapping[str, Any]) -> float:
    before, after = base["loglikelihoods"], candidate["loglikelihoods"]
    if None in before or None in after:
        return 0.0
    margin = (after[0] - before[0]) - (after[1] - before[1])
    return 1.0 if margin > 0 else 0.5 if margin == 0 else 0.0


class HeldOutAnswer(AnswerForm):
    """How surprised a model is by the held-out answer."""

    def settings(self) -> dict[str, Any]:
        """Ask for the log-likelihood of the answer."""
        return {"output_type": "loglikelihood", "doc_to_target": "target"}

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the negative log-likelihood, in nats."""
        return {"nll": finite(-sample["filtered_resps"][0][0])}

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the answer and its number of tokens."""
        return {"gold": question["reference"], "tokens": question["tokens"][0]}


@dataclass(frozen=True)
class Write(AnswerForm):
    """The model writes, and a rule tells whether that is right.

    Attributes:
        right: text -> whether it is what was wanted.
        wanted: what was wanted, in one word.
        notes: text -> what else is kept about an answer.
    """

    right: Callable[[str], bool]
    wanted: str
    notes: Callable[[str], Mapping[str, Any]]

    @staticmethod
    def asked() -> dict[str, Any]:
        """Return how lm-eval is told to let a model write, greedily."""
        return {
            "output_type": "generate_until",
            "doc_to_target": "target",
            "generation_kwargs": {"until": [], "do_sample": False},
        }

    def settings(self) -> dict[str, Any]:
        """Ask for a text, greedily."""
        return self.asked()

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the text and what the rule says of it."""
        text = sample["filtered_resps"][0]
        return {"text": text, **self.notes(text), "correct": self.right(text)}

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell what was wanted."""
        return {"gold": self.wanted}


class WriteLike(AnswerForm):
    """The model writes, and its text is compared with the held-out answer, character by character (chrF).

    Source: Popovic 2015, chrF: character n-gram F-score for automatic MT evaluation; as sacrebleu computes it.
    """

    def settings(self) -> dict[str, Any]:
        """Ask for a text, greedily."""
        return Write.asked()

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the text and how like the held-out answer it is, from 0 to 1."""
        from sacrebleu import sentence_chrf

        text = sample["filtered_resps"][0]
        return {"text": text, "similarity": round(sentence_chrf(text, [sample["doc"]["reference"]]).score / 100, 6)}

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell the held-out answer."""
        return {"gold": question["reference"]}


class ScorePair(AnswerForm):
    """Of two answers the better one is to score higher; measured without lm-eval (secft/evaluate/reward.py)."""

    by_score = True

    def settings(self) -> dict[str, Any]:
        """Refuse: lm-eval knows no scores.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("pairs are scored by secft.evaluate.reward")

    def read(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """Keep both scores; equal ones are half right."""
        better, worse = sample["scores"]
        right = 1.0 if better > worse else 0.5 if better == worse else 0.0
        return {"correct": right, "scores": [better, worse]}

    def gold(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Tell both answers."""
        return {side: message_text(question[side][-1]) for side in ("chosen", "rejected")}

    def chance(self, rows: Sequence[Mapping[str, Any]]) -> float | None:
        """Return one half."""
        return 0.5


def finite(value: float) -> float | None:
    """Return a number as it is kept, or None for what is not finite."""
    return round(value, 6) if math.isfinite(value) else None


def _best(sums: Sequence[float | None], lengths: Sequence[int]) -> int:
    """Return the choice with the largest log-likelihood per length, or -1 where one is missing."""
    scores = [value / length for value, length in zip(sums, lengths, strict=True) if value is not None]
    return scores.index(max(scores)) if len(scores) == len(sums) else -1
