"""What a check before training reports."""

from __future__ import annotations

from dataclasses import dataclass

from secft.errors import Problem


@dataclass(frozen=True)
class Flaw:
    """One thing that would go wrong, or that somebody should know before training.

    Attributes:
        kind: what it is, one of few words, for counting and for tests.
        problem: which setting it is about, why, and what to do.
        stops: it keeps the training from being started; otherwise it is a warning.
    """

    kind: str
    problem: Problem
    stops: bool = True

    def __str__(self) -> str:
        return str(self.problem)


def stopping(flaws: list[Flaw]) -> list[Problem]:
    """Return the problems that keep a training from being started, each once."""
    return list(dict.fromkeys(flaw.problem for flaw in flaws if flaw.stops))


def warnings_of(flaws: list[Flaw]) -> list[str]:
    """Return the other ones as text, each once."""
    return list(dict.fromkeys(str(flaw) for flaw in flaws if not flaw.stops))
