from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from secft.config.schemas.curation import LabelConfig
from secft.dataset.curation.facts import label_keys
from secft.dataset.curation.label_noise import MINORITY, NEAR, TIE, contradicts
from secft.dataset.curation.label_noise import conflicts as conflicts_of_keys
from secft.records import Document, Example

from ..conftest import MakeExample, catalogue_of

TACTICS = ("Persistence", "Execution", "Impact")


def conflicts(examples: Sequence[Example], settings: LabelConfig) -> tuple[dict[str, str], Counter[str]]:
    """Return id -> reason, and the counts."""
    keys = np.array([label_keys(example) for example in examples], np.uint64).reshape(-1, 3)
    found, counted = conflicts_of_keys(keys[:, 0], keys[:, 1], keys[:, 2], settings)
    return {examples[row].id: reason for row, reason in found.items()}, counted


def rows(
    make_example: MakeExample, answers: list[int], question: str = "Which tactic?\nTechnique: Cron"
) -> list[Example]:
    return [
        make_example(f"x:{number}", question, TACTICS[right], task="tactic", choices=TACTICS, right=right)
        for number, right in enumerate(answers)
    ]


def test_the_majority_stays(make_example: MakeExample) -> None:
    examples = rows(make_example, [0, 0, 1])
    found, counted = conflicts(examples, LabelConfig())
    assert found == {"x:2": MINORITY}
    assert counted == {"same question, different labels": 3}
    assert conflicts(examples, LabelConfig(conflicts="drop"))[0] == dict.fromkeys(("x:0", "x:1", "x:2"), TIE)
    assert conflicts(examples, LabelConfig(conflicts="keep"))[0] == {}


def test_a_tie_drops_all(make_example: MakeExample) -> None:
    assert conflicts(rows(make_example, [0, 1]), LabelConfig())[0] == {"x:0": TIE, "x:1": TIE}
    assert conflicts(rows(make_example, [0, 0, 1, 1, 2]), LabelConfig())[0] == dict.fromkeys(
        (f"x:{number}" for number in range(5)), TIE
    )
    assert conflicts(rows(make_example, [2, 2]), LabelConfig()) == ({}, {})


def test_options_in_another_order_are_the_same_question(make_example: MakeExample) -> None:
    first, second = ("A. Encode", "B. Ignore"), ("A. Ignore", "B. Encode")
    same = [
        make_example("a", "What helps?\nA. Encode\nB. Ignore", first[0], choices=first, right=0),
        make_example("b", "What helps?\nA. Ignore\nB. Encode", second[1], choices=second, right=1),
    ]
    assert conflicts(same, LabelConfig()) == ({}, {})
    wrong = [same[0], make_example("b", "What helps?\nA. Ignore\nB. Encode", second[0], choices=second, right=0)]
    assert set(conflicts(wrong, LabelConfig())[0]) == {"a", "b"}


def test_signs_make_a_difference(make_example: MakeExample) -> None:
    examples = [
        make_example("a", 'Which CWE? It lets "../" through.', "CWE-24"),
        make_example("b", 'Which CWE? It lets "..\\" through.', "CWE-28"),
    ]
    assert conflicts(examples, LabelConfig())[0] == {}
    assert set(conflicts([examples[0], replace(examples[0], id="c", messages=(
        *examples[0].messages[:-1], examples[1].messages[-1]))], LabelConfig())[0]) == {"a", "c"}  # fmt: skip


def test_long_answers_do_not_conflict(make_example: MakeExample) -> None:
    examples = [
        make_example("a", "What is XSS?", "A flaw by which a page runs what somebody else wrote."),
        make_example("b", "What is XSS?", "Missing encoding of output lets scripts of others into a page."),
    ]
    assert conflicts(examples, LabelConfig()) == ({}, {})


def test_nearly_the_same_question_is_flagged_or_dropped(make_example: MakeExample) -> None:
    first = rows(make_example, [0], "Which tactic does Cron serve?")
    second = [replace(row, id="y") for row in rows(make_example, [1], "Cron: does serve which tactic?")]
    found, counted = conflicts([*first, *second], LabelConfig())
    assert found == {}
    assert counted == {NEAR.text(): 2}
    assert conflicts([*first, *second], LabelConfig(near="drop"))[0] == {"x:0": NEAR, "y": NEAR}


def test_labels_against_documents(make_example: MakeExample) -> None:
    cron = Document("T1053", "technique", "Cron", "Text.", {"tactics": ["Execution"]}, "attack", "18", "x", "")
    known = catalogue_of([cron])

    def choice(identifier: str, right: int, fields: tuple[str, ...]) -> Example:
        example = make_example(identifier, "Q", TACTICS[right], choices=TACTICS, right=right)
        return replace(example, provenance=replace(example.provenance, document="T1053", fields=fields))

    examples = [choice("right", 1, ("tactics",)), choice("wrong", 0, ("tactics",)), choice("other", 0, ("text",)),
                choice("title", 0, ("title",))]  # fmt: skip
    assert [row.id for row in examples if contradicts(row, known)] == ["wrong", "title"]
    assert not any(contradicts(row, None) for row in examples)


def test_default_examples(examples: list[Example], documents: dict[str, Document]) -> None:
    known = catalogue_of(documents.values())
    assert not any(contradicts(row, known) for row in examples)
    found, counted = conflicts(examples, LabelConfig())
    assert set(found.values()) <= {TIE}
    assert len(found) == counted.total() < 12
    shuffled = examples[:]
    random.Random(3).shuffle(shuffled)
    assert conflicts(shuffled, LabelConfig()) == (found, counted)
