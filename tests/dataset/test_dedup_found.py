from __future__ import annotations

from secft.dataset.dedup.found import SHOWN_CHARACTERS, SHOWN_PAIRS, cluster_sizes, shown_pairs

from .conftest import MakeExample


def test_biggest_clusters_come_first_and_texts_are_cut(make_example: MakeExample) -> None:
    rows = [make_example(f"e{number}", f"Question {number}?", "word " * 1000) for number in range(300)]
    firsts = {f"e{number}": f"e{number - 1}" for number in range(101, 300, 2)}
    firsts |= {"e2": "e1", "e10": "e1", "e9": "e1"}
    assert cluster_sizes(firsts) == [{"size": 2, "clusters": 100}, {"size": 4, "clusters": 1}]
    pairs = shown_pairs("near duplicates", firsts, rows)
    assert pairs == shown_pairs("near duplicates", dict(reversed(firsts.items())), rows[::-1])
    assert len(pairs) == SHOWN_PAIRS
    assert (pairs[0]["kept"], pairs[0]["dropped"], pairs[0]["size"]) == ("e1", "e2", 4)
    assert pairs[1]["kept"] == "e100"
    assert pairs[0]["dropped_text"].startswith("Question 2? word")
    assert len(pairs[0]["dropped_text"]) <= SHOWN_CHARACTERS + 4
    assert shown_pairs("x", {}, rows) == cluster_sizes({}) == []
