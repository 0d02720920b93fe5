"""Who is asked, what was asked, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from secft.chat.protocol import Failure, Reply, Request
from secft.dataset.teacher.passages import Passage
from secft.dataset.teacher.replies import Written
from secft.reasons import Reason


class Asker(Protocol):
    """Asks many questions; see secft.chat.session."""

    def ask_all(self, requests: Iterable[Request], on_progress: Any = None) -> Iterator[Reply | Failure]:
        """Yield a reply or a failure for every request, in order."""
        ...


@dataclass(frozen=True)
class PairAttempt:
    """One thing that was asked and what became of it.

    Attributes:
        task: kind of example.
        passage: what it was about.
        prompt: name and version of the prompt.
        written: what the teacher wrote, or None where the reply could not be read.
        reply: the reply, or None where there was none.
        reason: why it was rejected, or None.
        score: what the judge gave, or None.
    """

    task: str
    passage: Passage
    prompt: str
    written: Written | None
    reply: Reply | None
    reason: Reason | None = None
    score: int | None = None

    def row(self) -> dict[str, Any]:
        """Return what is kept of a rejected attempt, for audits."""
        first = self.written.pairs[0] if self.written else None
        return {
            "document": self.passage.document.id,
            "task": self.task,
            "prompt": self.prompt,
            "reason": self.reason.text() if self.reason else "",
            "score": self.score,
            "question": first.question if first else "",
            "answer": first.answer if first else (self.reply.text if self.reply else ""),
            "passage": self.passage.text,
            "teacher": self.reply.model if self.reply else "",
        }


@dataclass
class TeacherLog:
    """What was asked, accepted and rejected.

    Attributes:
        asked: task -> passages asked about.
        accepted: task -> accepted examples.
        rejected: reason -> number.
        rows: one row per rejected attempt.
        requests: questions that were put, to the judge as well; a kept reply was asked for at an earlier time.
        characters: of all their messages.
        passages: keys of the passages that they hold.
    """

    asked: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    rejected: Counter[Reason] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    characters: int = 0
    passages: set[str] = field(default_factory=set)

    def sending(self, requests: Iterable[tuple[Passage, Request]]) -> Iterator[Request]:
        """Count questions while they are taken to be sent."""
        for passage, request in requests:
            self.requests += 1
            self.characters += sum(len(message["content"]) for message in request.messages)
            self.passages.add(passage.key)
            yield request

    def sent(self) -> dict[str, int]:
        """Return what was sent, as numbers."""
        return {"requests": self.requests, "passages": len(self.passages), "characters": self.characters}

    def summary(self) -> dict[str, Any]:
        """Return the counts, for manifests and reports."""
        return {
            "asked": dict(sorted(self.asked.items())),
            "accepted": dict(sorted(self.accepted.items())),
            "rejected": {str(reason): count for reason, count in sorted(self.rejected.items())},
        }
