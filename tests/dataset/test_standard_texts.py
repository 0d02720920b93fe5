"""Records that consist of standard texts: guarding the test split does not eat up what is learned."""

from __future__ import annotations

import random

import numpy as np
import pytest

from secft.config.schemas.curation import SplitConfig
from secft.dataset.decontaminate import MANY, NEVER, common_limits, common_pieces, fewer_held_out
from secft.dataset.dedup.common import FEWEST
from secft.dataset.dedup.words import shingle_hashes

from .conftest import MakeExample
from .test_curate import reasons, run

WORDS = [f"{a}{b}{c}en" for a in "bdfglmprst" for b in "aeiou" for c in "klmnrst"]


def sentences(count: int, words: int, seed: int) -> list[str]:
    random_ = random.Random(seed)
    return [" ".join(random_.choices(WORDS, k=words)) for _ in range(count)]


def word_runs(text: str, count: int = 13) -> set[str]:
    parts = text.split()
    return {" ".join(parts[start : start + count]) for start in range(len(parts) - count + 1)}


@pytest.mark.parametrize("standard", [20, 60, 150])
def test_tickets_that_end_in_one_of_many_standard_texts_are_trained_on(
    make_example: MakeExample, standard: int
) -> None:
    """However many standard texts there are, whether each stands in fifty tickets or in seven."""
    own, ends = sentences(1000, 12, 1), sentences(standard, 25, 2)
    rows = [
        make_example(f"t:{n}", f"What became of {own[n][:20]}?", f"{own[n]} {ends[n % standard]}") for n in range(1000)
    ]
    found = run(rows, split=SplitConfig())
    assert len(found.splits["train"]) >= 600
    assert len(found.splits["test"]) >= 200


def test_mixtures_of_sentences_hold_out_less_and_stay_clear_of_it(make_example: MakeExample) -> None:
    random_, pool = random.Random(3), sentences(4000, 18, 4)
    rows = []
    for number in range(6000):
        text = f"{random_.choice(WORDS)} ".join(random_.choices(pool, k=2))
        rows.append(make_example(f"m:{number}", f"What follows {text[:20]}?", text))
    found = run(rows, split=SplitConfig(least=100))
    train, test = found.splits["train"], found.splits["test"]
    assert len(train) >= 0.7 * len(rows)
    assert len(test) >= 100
    held_out = set().union(*(word_runs(example.reply) for example in test))
    repeating = sum(not word_runs(example.reply).isdisjoint(held_out) for example in train)
    told = {step["step"]: step for step in found.funnel}["decontamination"]["flagged"]
    assert told["decontamination.spared"] > 0
    assert repeating <= told.get("decontamination.common 10", 0) + told.get("decontamination.common 3", 0)


def test_copies_of_test_answers_still_go(make_example: MakeExample) -> None:
    texts = sentences(400, 30, 5)
    rows = [make_example(f"a:{n}", f"question {n} about {texts[n][:20]}", texts[n]) for n in range(400)]
    rows += [make_example(f"b:{n}", f"other {n} of {texts[n][-20:]}", f"{WORDS[n % 300]} " * 25 + texts[n][:120])
             for n in range(0, 400, 4)]  # fmt: skip
    found = run(rows, split=SplitConfig(test_fraction=0.3))
    held_out = set().union(*(word_runs(example.reply) for example in found.splits["test"]))
    assert not [one for one in found.splits["train"] if not word_runs(one.reply).isdisjoint(held_out)]
    assert reasons(found, "decontamination")


def test_common_limits_fall_from_the_usual_number() -> None:
    assert common_limits(0.05, 100) == [FEWEST, 3]
    assert common_limits(0.05, 1000) == [50, 10, 3]
    assert common_limits(0.05, 5_000_000) == [MANY, 10, 3]
    assert common_limits(1, 1000) == [float("inf")]


def test_pieces_are_counted_once_in_an_answer() -> None:
    answers = ["one two three four five one two three four five", *["six seven eight nine ten"] * 5]
    common = common_pieces(answers, len(answers), 4)
    known = shingle_hashes(["six seven eight nine ten", "one two three four five"], 5)[0]
    assert common.of(known).tolist() == [True, False]
    assert not common_pieces(answers, len(answers), float("inf")).any


def test_as_many_are_held_out_as_the_budget_allows() -> None:
    sizes = np.array([2, 2, 2, 2, 2])
    first = np.array([0, 1, 2, 2, 3, 4, *[NEVER] * 4])
    assert fewer_held_out(first, sizes, 1.0, 1) == 5
    assert fewer_held_out(first, sizes, 0.4, 1) == 3, "entities 0 to 2 are repeated by four of ten"
    assert fewer_held_out(first, sizes, 0.3, 1) == 2, "so many repeat entity 2 that it goes as a whole"
    assert fewer_held_out(first, sizes, 0.0, 1) == 1, "one entity stays: the least is one example"
    assert fewer_held_out(first, sizes, 0.0, 7) == 4, "seven examples are in four entities"
