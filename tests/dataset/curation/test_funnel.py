from __future__ import annotations

from pathlib import Path

from secft.config.compose import read_config
from secft.config.schemas.curation import BalanceConfig, CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.curation.funnel import SETTINGS, Funnel, large_drops
from secft.dataset.freeze import CARD, DatasetDescription, freeze

from ..conftest import MakeExample, curate_examples, plain_splits


def test_steps_tell_only_what_they_have(make_example: MakeExample) -> None:
    funnel = Funnel()
    kept = funnel.drop("a", [make_example("x"), make_example("y")], {"y": "bad"}, changed={}, flagged={"odd": 2})
    assert [row.id for row in kept] == ["x"]
    assert funnel.steps == [{"step": "a", "seen": 2, "kept": 1, "dropped": {"bad": 1}, "flagged": {"odd": 2}}]


def test_the_card_shows_replacements_evaluation_sets_and_mixture(make_example: MakeExample, tmp_path: Path) -> None:
    rows = [
        make_example(f"x:{number}", f"Who found flaw {number}?", f"Flaw {number} was found by p{number}@lab-sur.es.")
        for number in range(40)
    ]
    rows.append(make_example("leak", "Rate CVE-2030-0001?", "The flaw CVE-2030-0001 is rated high."))
    settings = CurationConfig(balance=BalanceConfig(temperature=2.0, target=10))
    curated = curate_examples(
        rows, settings, DedupConfig(name="none"), guard_sets={"held": ["Explain CVE-2030-0001"]}, shard_size=7
    )
    steps = {step["step"]: step for step in curated.funnel}
    assert steps["secrets"]["changed"] == {"<EMAIL>": 40}
    assert sum(step["details"][0]["dropped"] for step in [steps["evaluation_sets"]]) in (0, 1)
    assert len(curated.splits["train"]) == 10
    freeze(tmp_path, plain_splits(curated), curated.funnel, curated.tokens, {}, DatasetDescription("a", "b", {}))
    card = (tmp_path / CARD).read_text(encoding="utf-8")
    assert "secrets, changed: &lt;EMAIL>: 40." in card
    assert "| task | before | after | classes | most frequent class |" in card
    assert "| held | 1 | " in card
    assert "lab-sur.es" not in card


def test_steps_that_leave_out_much_are_told_with_their_setting() -> None:
    steps = [
        {"step": "near_duplicates", "seen": 100, "kept": 80, "dropped": {"near_duplicates.similar 0.8": 20}},
        {"step": "length", "seen": 80, "kept": 72, "dropped": {"length.long 512": 5, "length.short 1": 3}},
        {"step": "quality", "seen": 0, "kept": 0, "dropped": {}},
        {"step": "own rule", "seen": 10, "kept": 1, "dropped": {"mine": 9}},
    ]
    assert large_drops(steps) == [
        "near duplicates: 20 of 100 examples left out (20%), mostly: Jaccard similarity to another example is 0.8 or "
        "more; see dedup.threshold, dedup.common_share, dedup=exact",
        "own rule: 9 of 10 examples left out (90%), mostly: mine",
    ]


def test_the_settings_of_steps_exist() -> None:
    schema = read_config([])
    for name in {part for text in SETTINGS.values() for part in text.split(", ")}:
        value: object = schema
        for part in name.split("=")[0].split("."):
            value = getattr(value, part)
