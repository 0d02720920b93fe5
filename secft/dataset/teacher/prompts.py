"""Prompts: versioned Markdown files, filled from a passage.

A file begins with YAML between ``---`` lines: ``version`` and the JSON ``schema`` of a reply. Then follow
``## system``, examples as ``## user`` and ``## assistant`` in turn, and the last ``## user``, in which ``$subject``,
``$passage``, ``$numbered`` (sentences with numbers), ``$question``, ``$answer`` and ``$claim`` are filled in. A file
may hold several sets of examples, as ``## user [weakness mitigation]``: those that name the kind of the document or the
aspect of the passage are shown, and those that name nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from secft.chat.protocol import Request
from secft.dataset.teacher.passages import Passage
from secft.errors import InputError
from secft.records import Message

OWN = Path(__file__).resolve().parent / "prompts"
_SECTION = re.compile(r"^## (system|user|assistant)(?: \[([\w ]*)\])?\s*$", re.MULTILINE)
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Prompt:
    """One prompt file.

    Attributes:
        name: task, and for quoted answers the suffix ``.quoted``.
        version: raised by its author whenever the wording changes.
        schema: JSON schema of the reply.
        system: the system message.
        examples: (words that it is for, role, text) of the turns shown before.
        ask: the last user message, with places to fill.
    """

    name: str
    version: int
    schema: Mapping[str, Any]
    system: str
    examples: tuple[tuple[frozenset[str], str, str], ...]
    ask: str

    @property
    def purpose(self) -> str:
        """Name and version, for provenance."""
        return f"{self.name}/{self.version}"

    def shown(self, passage: Passage) -> list[Message]:
        """Return the example turns that fit a passage."""
        words = {passage.document.kind, passage.aspect}
        return [
            {"role": role, "content": text}  # type: ignore[typeddict-item]
            for wanted, role, text in self.examples
            if wanted <= words
        ]

    def fill(self, passage: Passage, **more: str) -> Request:
        """Return the request about a passage; texts of the passage are filled in as they are, never interpreted."""
        values = {
            "subject": passage.subject,
            "passage": passage.text,
            "numbered": "\n".join(f"[{number}] {text}" for number, text in enumerate(passage.sentences, start=1)),
            **more,
        }
        turns: list[Message] = [{"role": "system", "content": self.system}, *self.shown(passage)]
        turns.append({"role": "user", "content": Template(self.ask).substitute(values)})
        return Request(tuple(turns), self.schema, purpose=self.purpose)


def load_prompt(task: str, answers: str, folder: str | None) -> Prompt:
    """Read the prompt of a task.

    Args:
        task: for example ``question_answer``.
        answers: ``quoted`` or ``free``; the file ``<task>.quoted.md`` or ``<task>.md``.
        folder: folder with files of one's own; what it lacks is taken from secft's.

    Raises:
        InputError: no such file, or it is not a prompt file.
    """
    name = f"{task}.quoted" if answers == "quoted" else task
    places = [Path(folder)] if folder else []
    path = next((place / f"{name}.md" for place in [*places, OWN] if (place / f"{name}.md").is_file()), None)
    if path is None:
        raise InputError(f"there is no prompt {name}.md in {', '.join(map(str, [*places, OWN]))}.")
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES:,} bytes; not a prompt file.")
    try:
        return _parse(name, path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not a prompt file ({error}).") from None


def has_prompt(task: str, answers: str, folder: str | None) -> bool:
    """Tell whether a task can be asked with this kind of answers."""
    name = f"{task}.quoted" if answers == "quoted" else task
    return any((place / f"{name}.md").is_file() for place in [*([Path(folder)] if folder else []), OWN])


def prompt_files(tasks: list[str], answers: str, folder: str | None) -> dict[str, Path]:
    """Return the prompt files of tasks and of the judge, by name; what is missing is left out."""
    names = [f"{task}.quoted" if answers == "quoted" else task for task in tasks] + ["judge", "claim", "answerable"]
    places = [*([Path(folder)] if folder else []), OWN]
    found = {name: next((p / f"{name}.md" for p in places if (p / f"{name}.md").is_file()), None) for name in names}
    return {name: path for name, path in found.items() if path is not None}


def _parse(name: str, text: str) -> Prompt:
    empty, head, body = text.split("---\n", 2)
    if empty.strip():
        raise ValueError("it does not begin with ---")
    facts = yaml.safe_load(head)
    marks = list(_SECTION.finditer(body))
    ends = [mark.start() for mark in marks[1:]] + [len(body)]
    turns = [
        (frozenset((mark.group(2) or "").split()), mark.group(1), body[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
    ]
    if len(turns) < 2 or turns[0][1] != "system" or turns[-1][1] != "user":
        raise ValueError("it needs ## system first and ## user last")
    ask = turns[-1][2]
    Template(ask).substitute(dict.fromkeys(("subject", "passage", "numbered", "question", "answer", "claim"), ""))
    return Prompt(name, int(facts["version"]), dict(facts["schema"]), turns[0][2], tuple(turns[1:-1]), ask)
