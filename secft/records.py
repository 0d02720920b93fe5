"""The records that travel between stages: documents (raw) and examples (trainable)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from secft.reasons import Reason

Role = Literal["system", "user", "assistant"]


class Message(TypedDict):
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Document:
    """One piece of knowledge as its owner published it.

    Attributes:
        id: identifier in its source, for example ``CWE-79`` or ``T1059.001``; unique within a run.
        kind: what it is: ``weakness``, ``technique``, ``attack_pattern``, ``vulnerability``, ``rule`` (detection),
            ``control``, ``guide`` (a section of a PDF, a web page or a manual), ``finding`` (of a scanner),
            ``trajectory`` (of an agent) or ``record`` (a conversation that is an example already).
        title: name.
        text: the whole text for people, paragraphs separated by empty lines.
        fields: structured parts, plain JSON; each source documents its own keys.
        source: name of the source, for example ``cwe``.
        source_version: version of the source's data, for example ``4.14``.
        license: licence or terms of the text.
        url: public page of this entry, or an empty string.
        path: local file that it was read from, as the configuration names it, or an empty string.
        fetched: when it was fetched (ISO 8601, UTC); empty for what was read from a local file.
        digest: SHA-256 of title, text and fields; filled in when the sources are collected.
    """

    id: str
    kind: str
    title: str
    text: str
    fields: dict[str, Any]
    source: str
    source_version: str
    license: str
    url: str
    path: str = ""
    fetched: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where an example's answer comes from.

    Attributes:
        document: id of the document.
        fields: parts of the document that the answer comes from.
        source: name of the source.
        source_version: version of the source's data.
        license: licence or terms of the text.
        url: public page of the document, or an empty string.
        teacher: model that wrote the example; empty for templates and for records that were brought along.
        prompt: name and version of the prompt file, for example ``question_answer/1``.
        parameters: settings of the request as canonical JSON.
        response: SHA-256 of the raw response.
    """

    document: str
    fields: tuple[str, ...]
    source: str
    source_version: str
    license: str
    url: str
    teacher: str = ""
    prompt: str = ""
    parameters: str = ""
    response: str = ""


@dataclass(frozen=True)
class Example:
    """One conversation to learn from, or to be measured on.

    Attributes:
        id: unique and stable, for example ``cwe:CWE-79:explain:0``.
        task: kind of example, one of secft.config.schemas.synthesis.TEMPLATE_TASKS for templates.
        entity: what the example is about, for example ``CWE-79``; all examples of an entity share a split.
        family: the entity's parent where it has one (``T1059`` of ``T1059.001``), else the entity.
        messages: the conversation; the last message is the assistant's.
        provenance: where the answer comes from.
        choices: candidate answers where the example is a choice, else empty.
        answer: index of the right choice, or -1.
        rejected: for a preference pair, the worse answer to the same question; the assistant's message is the better.
    """

    id: str
    task: str
    entity: str
    family: str
    messages: tuple[Message, ...]
    provenance: Provenance
    choices: tuple[str, ...] = ()
    answer: int = -1
    rejected: str = ""

    def record(self) -> dict[str, Any]:
        """Return the row that is written to JSONL and Parquet.

        ``system``, ``user`` and ``assistant`` hold a single-turn conversation for tools that want columns;
        ``messages`` holds the same conversation, or one of several turns.
        """
        last = {message["role"]: message["content"] for message in self.messages}
        return {
            "id": self.id,
            "task": self.task,
            "entity": self.entity,
            "family": self.family,
            "system": last.get("system", ""),
            "user": last.get("user", ""),
            "assistant": last.get("assistant", ""),
            "messages": list(self.messages),
            "choices": list(self.choices),
            "answer": self.answer,
            "rejected": self.rejected,
            "source": self.provenance.source,
            "provenance": self.provenance,
        }


@dataclass
class Tally:
    """Counts of what a step took in, kept, and dropped by reason; every dropped record is counted.

    Attributes:
        seen: records that came in.
        kept: records that went out.
        dropped: spelling of a reason -> number of records.
    """

    seen: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def keep(self) -> None:
        """Count one record that came in and goes on."""
        self.seen += 1
        self.kept += 1

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the same step."""
        self.seen += other.seen
        self.kept += other.kept
        for reason, count in other.dropped.items():
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def drop(self, reason: Reason) -> None:
        """Count one record that came in and ends here."""
        self.seen += 1
        self.dropped[str(reason)] = self.dropped.get(str(reason), 0) + 1


def example_from_record(row: dict[str, Any]) -> Example:
    """Rebuild an example from a row that Example.record wrote.

    Raises:
        KeyError: the row lacks a column.
    """
    provenance = row["provenance"]
    return Example(
        id=row["id"],
        task=row["task"],
        entity=row["entity"],
        family=row["family"],
        messages=tuple(row["messages"]),
        provenance=Provenance(**{**provenance, "fields": tuple(provenance["fields"])}),
        choices=tuple(row["choices"]),
        answer=row["answer"],
        rejected=row["rejected"],
    )
