"""Rows with several answers to one question, ranked or scored: each worse answer becomes a pair with the best one.

The answers are a list of texts, of turns, or of objects that hold a text and its rank or score; ranks and scores may
also stand in a column beside them. A rank of 1 is the best, a high score is; texts in a column whose name says that it
is ranked stand in their order, the best first. Answers that are as good as the best one make no pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError
from secft.reasons import Reason

IN_ORDER = ("ranked", "ranked_responses", "ranked_answers", "ranked_completions", "ranked_outputs")
LISTS = ("completions", "responses", "answers", "outputs", "candidates", "replies", "generations")
SINGLE = ("output", "completion", "response", "answer")
"""Columns that mostly hold one answer."""
RANKS = ("ranks", "rank")
SCORES = ("scores", "score", "ratings", "rating", "overall_score", "rewards", "reward")
TEXTS = ("response", "completion", "answer", "output", "text", "content", "messages")


def pairs_of(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row as it is, or, where it holds ranked answers, as pairs of the best one with each that is worse.

    Args:
        row: column -> value, under our names.

    Raises:
        BadRecordError: ranks or scores do not belong to the answers, or say that all are equally good.
    """
    key = _column(row)
    if not key:
        yield dict(row)
        return
    answers, beside = _answers(row, key)
    goods = [good for _, good in answers]
    best = max(range(len(answers)), key=lambda place: goods[place])
    worse = [text for text, good in answers if good < goods[best]]
    if not worse:
        raise BadRecordError(Reason("chat_record.no_best", key))
    rest = {name: value for name, value in row.items() if name not in (key, beside)}
    for number, text in enumerate(worse):
        own = row.get("id")
        name = {"id": own if number == 0 else f"{own}#{number}"} if own not in (None, "") else {}
        yield {**rest, **name, "chosen": answers[best][0], "rejected": text}


def _column(row: Mapping[str, Any]) -> str:
    """Return the column that holds ranked answers, or an empty string."""
    if row.get("chosen") is not None and row.get("rejected") is not None:
        return ""
    for key in (*IN_ORDER, *LISTS, *SINGLE):
        value = row.get(key)
        if isinstance(value, list) and len(value) > 1 and (key in IN_ORDER or _measures(row, value)):
            return key
    return ""


def _measures(row: Mapping[str, Any], answers: list[Any]) -> bool:
    """Tell whether something says how good each answer is."""
    inside = [isinstance(one, Mapping) and any(name in one for name in (*RANKS, *SCORES)) for one in answers]
    return all(inside) or any(isinstance(row.get(name), list) for name in (*RANKS, *SCORES))


def _answers(row: Mapping[str, Any], key: str) -> tuple[list[tuple[Any, float]], str]:
    """Return (answer, how good it is) of each, and the column that said so, if it was one of the row."""
    answers = list(row[key])
    for sign, names in ((-1.0, RANKS), (1.0, SCORES)):
        for name in names:
            if all(isinstance(one, Mapping) and name in one for one in answers):
                return [(_text(one, key), sign * _number(one[name], key)) for one in answers], ""
            beside = row.get(name)
            if isinstance(beside, list):
                if len(beside) != len(answers):
                    raise BadRecordError(Reason("chat_record.ranks", key))
                values = zip(answers, beside, strict=True)
                return [(_text(one, key), sign * _number(value, key)) for one, value in values], name
    return [(_text(one, key), -float(place)) for place, one in enumerate(answers)], ""


def _text(answer: Any, key: str) -> Any:
    if not isinstance(answer, Mapping) or "role" in answer or "from" in answer:
        return answer
    found = next((answer[name] for name in TEXTS if answer.get(name) is not None), None)
    if found is None:
        raise BadRecordError(Reason("chat_record.not_string", key))
    return found


def _number(value: Any, key: str) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
        raise BadRecordError(Reason("chat_record.ranks", key))
    return float(value)
