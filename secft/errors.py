"""Every error that secft raises on purpose, and the exit code that each one ends the process with.

Exit codes: 0 ok, 1 anything unforeseen, 2 bad configuration or input, 3 a gate failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from secft.reasons import Reason
from secft.redaction import without_credentials


class SecftError(Exception):
    """Base of all errors of this package."""

    exit_code = 1


class InputError(SecftError, ValueError):
    """What was given to a run (a file, a dataset, a directory) cannot be used as it is."""

    exit_code = 2


class StorageError(InputError):
    """The disk is full, or a place cannot be written."""


class ModelNotFoundError(InputError):
    """A base model is not on this machine; the message says where it was looked for and how to get it."""


class DownloadError(InputError):
    """Files of a model could not be brought here from the Hub; the message says what to do."""


class MissingExtraError(InputError):
    """An optional dependency is not installed; the message carries the install command."""


class FetchError(InputError):
    """An address was not fetched.

    Attributes:
        reason: why not.
        detail: what it is about: the address, and what was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = without_credentials(detail)
        super().__init__(f"{reason.text()}: {self.detail}")

    def __reduce__(self) -> tuple[type[FetchError], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)


class FetchRefused(FetchError):
    """An address that may not be fetched: a rule of ours forbids it."""


class FetchFailed(FetchError):
    """An address that could not be fetched: the network or the server did not let us."""


class LockedError(SecftError):
    """Another process is doing the same thing right now."""


class WorkerError(SecftError):
    """Worker processes or machines died again and again, or a cluster cannot be reached."""


class TrainingError(SecftError):
    """The training engine failed; the message shows its command, exit code, last lines and log path."""


class Interrupted(SecftError):
    """The user stopped the run (Ctrl-C or SIGTERM); what is finished is kept and the run can be resumed."""

    exit_code = 130


class GateFailedError(SecftError):
    """The candidate did not pass its gates; nothing was registered."""

    exit_code = 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration, or that somebody should know before work starts.

    Every check reports these: of the command line, of this machine, of a model, of a dataset.

    Attributes:
        key: dotted path in the configuration, for example ``trainer.lora.r``.
        value: the offending value as the user wrote it, or None where the key itself is the problem.
        reason: what is wrong.
        allowed: what would be accepted, or an empty string.
        suggestion: a likely intended key or value, or None.
        remedy: a command or an action that solves it, or an empty string.
        code: what kind of problem it is, one of few words, for counting and for tests; "" where nobody asks.
        stops: it keeps the run from being started; otherwise it is a warning.
    """

    key: str
    reason: str
    value: object = None
    allowed: str = ""
    suggestion: str | None = None
    remedy: str = ""
    code: str = ""
    stops: bool = True

    def __str__(self) -> str:
        shown = f" = {self.value!r}" if self.value is not None else ""
        parts = [f"{self.key}{shown}: {self.reason}."]
        if self.suggestion:
            parts.append(f"Did you mean {self.suggestion!r}?")
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}.")
        if self.remedy:
            parts.append(self.remedy)
        return without_credentials(" ".join(parts))


def unique(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems in their order, each once; what reads the same is the same."""
    return list({(str(problem), problem.code, problem.stops): problem for problem in problems}.values())


def stopping(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that keep a run from being started, each once."""
    return unique(problem for problem in problems if problem.stops)


def warnings_of(problems: Iterable[Problem]) -> list[str]:
    """Return the other ones as text, each once."""
    return list(dict.fromkeys(str(problem) for problem in problems if not problem.stops))


def told(error: Exception) -> str:
    """Return the message of an error; of one that was not raised on purpose, its class and the first line."""
    if isinstance(error, SecftError):
        return str(error)
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


class ConfigError(InputError):
    """A configuration has one or more problems; all of them are listed.

    Attributes:
        problems: every problem found, in the order of the configuration.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the configuration:"
        super().__init__("\n".join([count, *(f"  - {problem}" for problem in self.problems)]))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest to a misspelt one, or None if none is close."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
