from __future__ import annotations

import itertools
import json
import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.config.curation import CurationConfig, SplitConfig
from secft.config.dedup import DedupConfig
from secft.dataset.curate import Curated, curate, read_examples
from secft.dataset.decontaminate import SAME_QUESTION, contaminated
from secft.dataset.split import assign, over_caps
from secft.errors import InputError
from secft.files import digest
from secft.records import Example

from .conftest import MakeExample, answer_words, words


def run(examples: list[Example], **settings: Any) -> Curated:
    rules = CurationConfig(name="standard", **{"max_examples_per_task": {}, **settings})
    return curate(examples, rules, DedupConfig(name="minhash"), words, answer_words, 300, 7)


@pytest.fixture(scope="module")
def curated(examples: list[Example]) -> Curated:
    return run(examples, max_examples_per_task={"tactic": 200, "refuse": 50, "multiple_choice": 80})


def reasons(curated: Curated, step: str) -> dict[str, int]:
    return next(dict(row["dropped"]) for row in curated.funnel if row["step"] == step)


def test_funnel_chains(examples: list[Example], curated: Curated) -> None:
    steps = curated.funnel
    assert steps[0]["seen"] == len(examples)
    for before, after in itertools.pairwise(steps):
        assert before["kept"] == after["seen"]
    for step in steps:
        assert step["seen"] == step["kept"] + sum(step["dropped"].values())
    assert steps[-1]["kept"] == sum(map(len, curated.splits.values()))
    assert [step["step"] for step in steps] == [
        "prompt injection",
        "normalise and check",
        "secrets",
        "quality",
        "toxicity",
        "coherence",
        "labels",
        "length",
        "exact duplicates",
        "near duplicates",
        "split by entity",
        "decontamination",
        "balance of tasks",
    ]


def test_no_entity_is_in_two_splits(curated: Curated) -> None:
    places = defaultdict(set)
    for split, rows in curated.splits.items():
        for example in rows:
            places[example.entity].add(split)
    assert all(len(found) == 1 for found in places.values())
    assert all(curated.splits.values())


def test_order_of_the_input_does_not_matter(examples: list[Example]) -> None:
    some = examples[::4]
    shuffled = some[:]
    random.Random(1).shuffle(shuffled)
    assert digest(run(some)) == digest(run(shuffled))


def test_test_items_are_independent_and_unseen(curated: Curated) -> None:
    test = [example for example in curated.splits["test"] if example.choices]
    assert max(Counter((example.task, example.entity) for example in test).values()) == 1
    assert not contaminated(curated.splits["train"], curated.splits["test"], 13)
    singles = [example for example in test if example.task == "tactic"]
    assert len(singles) > 90
    assert len({example.answer for example in singles}) >= 12


def test_caps_balance_labels(curated: Curated) -> None:
    train = curated.splits["train"]
    counts = Counter(example.task for example in train)
    assert (counts["tactic"], counts["refuse"], counts["multiple_choice"]) == (200, 50, 80)
    kinds = Counter(example.id.rsplit(":", 1)[-1] for example in train if example.task == "refuse")
    assert kinds == {"harmful": 50}
    tactics = Counter(example.answer for example in train if example.task == "tactic" and example.choices)
    assert sum(count >= 14 for count in tactics.values()) >= 11, "rare tactics lose least"
    letters = Counter(example.answer for example in train if example.task == "multiple_choice")
    assert set(letters.values()) == {20}


def test_lengths_are_counted(make_example: MakeExample) -> None:
    rows = [make_example(f"x:{number}", f"question {number}", f"answer {number}") for number in range(40)]
    rows.append(make_example("long", "word " * 400, "fine answer"))
    rows.append(make_example("short", "why", "because"))
    found = run(rows, min_answer_tokens=2, split=SplitConfig(test_fraction=0.2, validation_fraction=0.1))
    assert reasons(found, "length") == {"answer shorter than 2 tokens": 1, "longer than 300 tokens": 1}


def test_split_is_stable_when_entities_are_added() -> None:
    fractions = SplitConfig(test_fraction=0.2, validation_fraction=0.1)
    few = assign([f"CWE-{number}" for number in range(300)], fractions, 7)
    more = assign([f"CWE-{number}" for number in range(600)], fractions, 7)
    assert all(more[entity] == split for entity, split in few.items())
    assert abs(sum(split == "test" for split in more.values()) / 600 - 0.2) < 0.05
    assert few != assign(few, fractions, 8)


def test_tiny_datasets_still_get_every_split() -> None:
    for count in range(1, 8):
        found = assign([f"e{number}" for number in range(count)], SplitConfig(), 7)
        assert "train" in found.values()
        assert len(set(found.values())) == min(count, 3)


def test_family_split_keeps_relatives_together(examples: list[Example]) -> None:
    some = [example for example in examples if example.task == "explain"]
    found = run(some, split=SplitConfig(by="family"))
    places = defaultdict(set)
    for split, rows in found.splits.items():
        for example in rows:
            places[example.family].add(split)
    assert all(len(one) == 1 for one in places.values())


def test_decontamination(make_example: MakeExample) -> None:
    shared = "one two three four five six seven eight nine ten eleven twelve thirteen"
    test = [make_example("t", "What now?", f"Start. {shared} end.")]
    train = [
        make_example("same", "what NOW", "Something else."),
        make_example("run", "Other?", f"Before {shared.upper()} after"),
        make_example("clean", "Third?", shared.replace("six", "6")),
    ]
    assert contaminated(train, test, 13) == {
        "same": SAME_QUESTION,
        "run": "shares 13 words in a row with a test answer",
    }
    assert contaminated(train, test, 0) == {"same": SAME_QUESTION}


def test_caps_do_not_depend_on_order(examples: list[Example]) -> None:
    rows = [example for example in examples if example.task == "consequence"]
    assert over_caps(rows, {"consequence": 100}, 7) == over_caps(rows[::-1], {"consequence": 100}, 7)
    assert len(over_caps(rows, {"consequence": 100}, 7)) == len(rows) - 100
    assert not over_caps(rows, {"explain": 1}, 7)


def test_broken_example_files_are_named(tmp_path: Path, make_example: MakeExample) -> None:
    row = make_example("a").record()
    path = tmp_path / "examples.jsonl"
    path.write_text("{broken\n")
    with pytest.raises(InputError, match=r"examples\.jsonl:1"):
        read_examples(path)
    path.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match="lacks a column"):
        read_examples(path)
    line = json.dumps({**row, "provenance": row["provenance"].__dict__})
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError, match="twice"):
        read_examples(path)


def test_what_a_model_wrote_is_not_used_to_measure(examples: list[Example]) -> None:
    some = [example for example in examples if example.task == "explain"][:60]
    told = [
        ("user", "Which one is numbered {}?"),
        ("assistant", "The one with the number {} is meant, and no other one."),
    ]
    taught = [
        replace(
            row,
            id=f"{row.id}:t",
            provenance=replace(row.provenance, teacher="teacher-1"),
            messages=tuple({"role": role, "content": text.format(number)} for role, text in told),  # type: ignore[misc]
        )
        for number, row in enumerate(some)
    ]
    curated = run([*some, *taught])
    assert not [row for row in curated.splits["test"] if row.provenance.teacher]
    assert [row for row in curated.splits["train"] if row.provenance.teacher]
    assert reasons(curated, "split by entity")["written by a model: not used to measure"] > 0
