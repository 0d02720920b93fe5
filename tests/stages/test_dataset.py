from __future__ import annotations

from typing import Any

import pytest

from secft.config.schemas.curation import SplitConfig
from secft.config.schemas.synthesis import HybridSynthesis, TemplateSynthesis
from secft.dataset.split import is_held_out, rank
from secft.dataset.synthesise import is_taught
from secft.records import Document
from secft.stages.dataset import headline, missed_share


def summary(rows: int = 200, **mixture: int) -> dict[str, Any]:
    splits = {"train": {"examples": rows, "tokens": 5000}, "test": {"examples": 20, "tokens": 500}}
    return {"splits": splits, "mixture": {"label": 0, "model": 0, "added": 0, **mixture},
            "teacher": {"asked": {"question_answer": 90}}}  # fmt: skip


def test_the_headline_tells_what_is_trained_on() -> None:
    assert headline(summary(label=100, model=4)) == (
        "200 train, 20 test; 5,000 tokens to train on; 50% choices, 2% by a model"
    )
    assert headline(summary()).endswith("tokens to train on")


def test_a_share_that_was_not_reached_is_told_with_its_settings() -> None:
    line = missed_share(summary(model=4), HybridSynthesis(share=0.05))
    assert line is not None
    assert "4 of 200 training rows (2.0%)" in line
    assert "synthesis.writing.passages" in line
    assert missed_share(summary(model=10), HybridSynthesis(share=0.05)) is None
    assert missed_share(summary(model=0), TemplateSynthesis()) is None
    assert missed_share({**summary(), "teacher": {"asked": {}}}, HybridSynthesis()) is None, "nothing could be asked"


@pytest.mark.parametrize("by", ["entity", "family"])
def test_no_model_is_asked_about_what_is_held_out(by: str) -> None:
    split = SplitConfig(by=by, test_fraction=0.3, validation_fraction=0.1)
    documents = [
        Document(f"T{n}.1", "technique", "t", "x", {"parent": f"T{n}"}, "attack", "1", "", "") for n in range(300)
    ]
    taught = is_taught(split, 7)
    kept = {document.id for document in documents if taught(document)}
    assert 140 < len(kept) < 220
    for document in documents:
        name = document.id if by == "entity" else document.fields["parent"]
        assert (document.id in kept) == (rank(7, name) >= 0.4)
        assert is_held_out(document.id, document.fields["parent"], split, 7) == (document.id not in kept)
    assert all(map(is_taught(None, 7), documents))
