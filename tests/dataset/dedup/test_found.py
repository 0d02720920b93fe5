from __future__ import annotations

from collections.abc import Sequence

from secft.dataset.dedup.found import SHOWN_CHARACTERS, SHOWN_PAIRS, cluster_sizes, shown_pairs
from secft.records import Example

from ..conftest import MakeExample


def test_biggest_clusters_come_first_and_texts_are_cut(make_example: MakeExample) -> None:
    rows = [make_example(f"e{number}", f"Question {number}?", "word " * 1000) for number in range(300)]
    firsts = {number: number - 1 for number in range(101, 300, 2)}
    firsts |= {2: 1, 10: 1, 9: 1}

    def read(wanted: Sequence[int]) -> list[Example]:
        assert list(wanted) == sorted(set(wanted))
        return [rows[row] for row in wanted]

    assert cluster_sizes(firsts) == [{"size": 2, "clusters": 100}, {"size": 4, "clusters": 1}]
    pairs = shown_pairs("near_duplicates", firsts, read)
    assert pairs == shown_pairs("near_duplicates", dict(reversed(firsts.items())), read)
    assert len(pairs) == SHOWN_PAIRS
    assert (pairs[0]["kept"], pairs[0]["dropped"], pairs[0]["size"]) == ("e1", "e2", 4)
    assert pairs[1]["kept"] == "e100"
    assert pairs[0]["dropped_text"].startswith("Question 2? word")
    assert len(pairs[0]["dropped_text"]) <= SHOWN_CHARACTERS + 4
    assert shown_pairs("x", {}, read) == cluster_sizes({}) == []
