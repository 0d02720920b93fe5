from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from secft.dataset.templates import WRITERS
from secft.dataset.templates.writing import DraftExample, Setting, Skip, dice
from secft.records import Document

MakeDocument = Callable[..., Document]
Write = Callable[..., list[DraftExample]]
Refuse = Callable[..., str]


@pytest.fixture
def make_document() -> MakeDocument:
    def make(kind: str, identifier: str, title: str, source: str = "test", text: str = "", **fields: Any) -> Document:
        return Document(identifier, kind, title, text, fields, source, "1", "cc0-1.0", "")

    return make


def _ask(
    task: str, document: Document, limit: int, others: Mapping[str, Document], seed: int
) -> list[DraftExample] | Skip:
    setting = Setting(limit, {}, others)
    return WRITERS[document.kind][task](document, setting, dice(seed, document.id, task))


@pytest.fixture
def write() -> Write:
    """Write the drafts of a task; a skip is a failure."""

    def run(task: str, document: Document, limit: int = 700, others: Any = None, seed: int = 7) -> list[DraftExample]:
        drafts = _ask(task, document, limit, others or {}, seed)
        assert not isinstance(drafts, Skip), drafts.reason
        for draft in drafts:
            assert draft.question == draft.question.strip()
            assert draft.answer
            assert not draft.choices or draft.choices[draft.right] == draft.answer
        return drafts

    return run


@pytest.fixture
def reason() -> Refuse:
    """Return why a task gives no example of a document."""

    def run(task: str, document: Document, limit: int = 700, others: Any = None) -> str:
        drafts = _ask(task, document, limit, others or {}, 7)
        assert isinstance(drafts, Skip), drafts
        return str(drafts.reason)

    return run


@pytest.fixture
def questions(write: Write) -> Callable[[str, Document], set[str]]:
    """Return the questions that different seeds ask."""

    def run(task: str, document: Document) -> set[str]:
        return {write(task, document, seed=seed)[0].question for seed in range(40)}

    return run
