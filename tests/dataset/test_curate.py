from __future__ import annotations

import itertools
import json
import random
import shutil
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secft.config.schemas.curation import CoherenceConfig, CurationConfig, QualityConfig, SplitConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.clean import comparable
from secft.dataset.curate import curate
from secft.dataset.curation.screening import Screening
from secft.dataset.split import TEST, TRAIN, assign, balance_key, over_cap, rank
from secft.errors import InputError
from secft.executor import InProcess, Workplace
from secft.files import digest
from secft.records import Example

from .conftest import MakeExample, Result, WordTokens, curate_examples


def run(examples: list[Example], shard_size: int = 2000, **settings: Any) -> Result:
    rules = CurationConfig(name="standard", **{"max_examples_per_task": {}, **settings})
    return curate_examples(examples, rules, DedupConfig(name="minhash"), shard_size=shard_size)


@pytest.fixture(scope="module")
def curated(examples: list[Example]) -> Result:
    return run(examples, max_examples_per_task={"tactic": 200, "refuse": 50, "multiple_choice": 80})


def reasons(curated: Result, step: str) -> dict[str, int]:
    return next(dict(row["dropped"]) for row in curated.funnel if row["step"] == step)


def test_funnel_chains(examples: list[Example], curated: Result) -> None:
    steps = curated.funnel
    assert steps[0]["seen"] == len(examples)
    for before, after in itertools.pairwise(steps):
        assert before["kept"] == after["seen"]
    for step in steps:
        assert step["seen"] == step["kept"] + sum(step["dropped"].values())
    assert steps[-1]["kept"] == sum(map(len, curated.splits.values()))
    assert [step["step"] for step in steps] == [
        "injection",
        "normalise",
        "secrets",
        "quality",
        "toxicity",
        "coherence",
        "labels",
        "length",
        "exact_duplicates",
        "near_duplicates",
        "split.by.entity",
        "decontamination",
        "balance",
    ]


def test_no_entity_is_in_two_splits(curated: Result) -> None:
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


def test_test_items_are_independent_and_unseen(curated: Result) -> None:
    test = [example for example in curated.splits["test"] if example.choices]
    assert max(Counter((example.task, example.entity) for example in test).values()) == 1
    held_out = set().union(*(word_runs(row.messages[-1]["content"], 13) for row in curated.splits["test"]))
    learned = [row.messages[-1]["content"] for row in curated.splits["train"]]
    assert held_out
    assert not [text for text in learned if word_runs(text, 13) & held_out]
    singles = [example for example in test if example.task == "tactic"]
    assert len(singles) > 90
    assert len({example.answer for example in singles}) >= 12


def word_runs(text: str, count: int) -> set[str]:
    parts = comparable(text).split()
    return {" ".join(parts[start : start + count]) for start in range(len(parts) - count + 1)}


def test_caps_balance_labels(curated: Result) -> None:
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
    assert reasons(found, "length") == {"length.short 2": 1, "length.long 300": 1}


def test_split_is_stable_when_entities_are_added() -> None:
    fractions = SplitConfig(test_fraction=0.2, validation_fraction=0.1)
    ranks = np.array([rank(7, f"CWE-{number}") for number in range(600)])
    few, more = assign(ranks[:300], fractions), assign(ranks, fractions)
    assert (more[:300] == few).all()
    assert abs((more == TEST).sum() / 600 - 0.2) < 0.05
    assert (few != assign(np.array([rank(8, f"CWE-{number}") for number in range(300)]), fractions)).any()
    assert (assign(np.repeat(ranks, 3), fractions) == np.repeat(more, 3)).all()


def test_tiny_datasets_still_get_every_split() -> None:
    for count in range(1, 8):
        found = assign(np.array([rank(7, f"e{number}") for number in range(count)]), SplitConfig()).tolist()
        assert TRAIN in found
        assert len(set(found)) == min(count, 3)


def test_what_is_beyond_the_largest_test_split_is_trained_on() -> None:
    ranks = np.repeat(np.array([rank(7, f"e{number}") for number in range(1000)]), 2)
    splits = assign(ranks, SplitConfig(test_fraction=0.3, validation_fraction=0.1, most=50))
    counts = np.bincount(splits, minlength=3).tolist()
    assert counts == [1900, 50, 50]
    assert (splits == np.repeat(splits[::2], 2)).all(), "entities stay whole"
    assert np.median(ranks[splits == TEST]) < 0.03, "of the lowest ranks, so that a larger split holds a smaller one"


def test_like_texts_fall_into_one_split(make_example: MakeExample) -> None:
    """A chain of texts, each like the next: what is left of it would give away what is measured."""
    words = ["".join(letters) for letters in itertools.product("abcdefghij", repeat=3)]

    def link(chain: int, start: int) -> Example:
        own = words[100 * chain + start :][:60]
        return make_example(f"c{chain}:{start}", f"what of {own[0]}", f"{' '.join(own)}.")

    rows = [link(chain, start) for chain in range(8) for start in range(0, 36, 2)]
    found = run(rows, split=SplitConfig(test_fraction=0.4, validation_fraction=0.1), decontamination_words=0)
    places = defaultdict(set)
    for split, kept in found.splits.items():
        for example in kept:
            places[example.id.split(":")[0]].add(split)
    assert len(places) == 8
    assert all(len(splits) == 1 for splits in places.values())
    assert sum(map(len, found.splits.values())) > 16, "the ends of a chain are not like its beginning"


FOOTER = "If the problem persists please open a ticket with the operations center and attach all of the log files."


def test_answers_that_end_in_a_standard_sentence_are_no_copies(make_example: MakeExample) -> None:
    dice = random.Random(5)
    words = [f"w{number}" for number in range(4000)]

    def answer() -> str:
        return " ".join([*dice.choices(words, k=11), dice.choice(["system.", "host."]), FOOTER])

    rows = [make_example(f"t:{number}", f"ticket {number} is about what", answer()) for number in range(300)]
    shown = rows[0].messages[-1]["content"].removesuffix(FOOTER)
    rows += [replace(row, id=f"{row.id}:copy", entity="copy") for row in rows[:40]]
    rows = [replace(row, messages=(*row.messages[:-1], {"role": "assistant", "content": f"{answer()} {shown}"}))
            if row.id == "t:7" else row for row in rows]  # fmt: skip
    split = SplitConfig(test_fraction=0.3, validation_fraction=0.02)
    kept, strict = run(rows, split=split), run(rows, split=split, common_share=1)
    assert reasons(strict, "decontamination")["decontamination.words 13"] > 150
    assert reasons(kept, "decontamination").get("decontamination.words 13", 0) <= 1
    assert len(kept.splits["train"]) > 180


def test_a_copied_run_is_found_beside_common_text(make_example: MakeExample) -> None:
    copied = " ".join(f"secret{number}" for number in range(14))
    rows = [
        make_example(f"t:{number}", f"ticket {number}", f"{' '.join(f'n{number}x{k}' for k in range(12))} {FOOTER}")
        for number in range(60)
    ]
    marked = [
        make_example(f"m:{number}", f"other {number}", f"{copied} m{number} {number * 'm '}{FOOTER}")
        for number in range(8)
    ]
    found = run([*rows, *marked], split=SplitConfig(test_fraction=0.4, validation_fraction=0.02))
    tested = [example.id for example in found.splits["test"] if example.id.startswith("m:")]
    trained = [example.id for example in found.splits["train"] if example.id.startswith("m:")]
    assert not (tested and trained)


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
    told = "decontamination.words 13"
    assert decontaminated(train, test, 13) == ({"clean"}, {"decontamination.question": 1, told: 1})
    assert decontaminated(train, test, 0) == ({"clean", "run"}, {"decontamination.question": 1})
    # More words than any answer has, and than one of them has.
    assert decontaminated(train, test, 400) == ({"clean", "run"}, {"decontamination.question": 1})
    assert decontaminated(train, test, 14)[0] == {"clean", "run"}


def decontaminated(train: list[Example], test: list[Example], run_words: int) -> tuple[set[str], dict[str, int]]:
    """Return what is kept, and the reasons, when the split is given."""
    ranks = {example.id: 0.0 for example in test} | {example.id: 0.9 for example in train}
    off = {"coherence": CoherenceConfig(drop=False), "quality": QualityConfig(drop=False)}
    split = SplitConfig(test_fraction=0.5, validation_fraction=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("secft.dataset.curation.facts.rank", lambda seed, name: ranks[name])
        settings = CurationConfig(decontamination_words=run_words, split=split, max_examples_per_task={}, **off)  # type: ignore[arg-type]
        found = curate_examples([*test, *train], settings, DedupConfig(name="none"), shard_size=2)
    return {row.id for row in found.splits["train"]}, reasons(found, "decontamination")


def test_caps_do_not_depend_on_order(examples: list[Example]) -> None:
    rows = [example for example in examples if example.task == "consequence"]
    labels = np.array([sum(balance_key(row).encode()) for row in rows])
    ranks = np.array([rank(7, row.id) for row in rows])
    over = over_cap(labels, ranks, 100)
    assert (over == over_cap(labels[::-1], ranks[::-1], 100)[::-1]).all()
    assert over.sum() == len(rows) - 100
    assert not over_cap(labels, ranks, len(rows)).any()


def test_broken_example_files_are_named(tmp_path: Path, make_example: MakeExample) -> None:
    row = make_example("a").record()
    path = tmp_path / "examples.jsonl"
    path.write_text("{broken\n")
    with pytest.raises(InputError, match=r"examples\.jsonl:1"):
        curate_file(path)
    path.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match="lacks a column"):
        curate_file(path)
    line = json.dumps({**row, "provenance": row["provenance"].__dict__})
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError, match="'a'"):
        curate_file(path)


def curate_file(path: Path) -> None:
    shutil.rmtree(path.parent / "shards", ignore_errors=True)
    place = Workplace(InProcess(), path.parent / "shards", 1)
    curate(Screening(path, CurationConfig(), WordTokens(), 300, 7, None), DedupConfig(), place)


def test_the_size_of_shards_changes_nothing(examples: list[Example]) -> None:
    some = examples[::9]
    assert digest(run(some)) == digest(run(some, shard_size=17))


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
    assert reasons(curated, "split.by.entity")["split.taught"] > 0
