"""Keep what is measured out of what is learned: no shared question, no long shared run of words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secft.dataset.clean import comparable
from secft.records import Example

SAME_QUESTION = "same question as a test example"


def _question(example: Example) -> str:
    asked = [message["content"] for message in example.messages if message["role"] == "user"]
    return comparable(" ".join(asked))


def _answer(example: Example) -> str:
    return comparable(example.messages[-1]["content"])


def word_runs(text: str, words: int) -> set[str]:
    """Return all runs of exactly ``words`` words; none if the text is shorter."""
    parts = text.split()
    return {" ".join(parts[start : start + words]) for start in range(len(parts) - words + 1)}


def contaminated(train: Sequence[Example], test: Iterable[Example], words: int) -> dict[str, str]:
    """Find training examples that give test examples away.

    Args:
        train: examples to be trained on.
        test: held-out examples.
        words: length of a shared run, in words, between a training answer and a test answer; 0 is off.

    Returns:
        Id of a training example -> reason.
    """
    held_out = list(test)
    questions = {_question(example) for example in held_out}
    runs = {run for example in held_out for run in word_runs(_answer(example), words)} if words else set()
    reason = f"shares {words} words in a row with a test answer"
    found: dict[str, str] = {}
    for example in train:
        if _question(example) in questions:
            found[example.id] = SAME_QUESTION
        elif runs and not runs.isdisjoint(word_runs(_answer(example), words)):
            found[example.id] = reason
    return found
