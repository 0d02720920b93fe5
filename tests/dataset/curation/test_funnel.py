from __future__ import annotations

from pathlib import Path

from secft.config.schemas.curation import BalanceConfig, CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.curation.funnel import Funnel
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
