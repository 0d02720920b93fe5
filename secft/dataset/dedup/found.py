"""What was taken for duplicates, for people to judge: the sizes of clusters, and some pairs with their texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from secft.dataset.dedup.compared import conversation
from secft.dataset.sources import natural
from secft.records import Example

SHOWN_PAIRS = 50
"""Pairs that are kept of each step."""
SHOWN_CHARACTERS = 1_500
"""Characters that are kept of each text."""


def cluster_sizes(firsts: Mapping[str, str]) -> list[dict[str, int]]:
    """Return rows with ``size`` and ``clusters``, by size.

    Args:
        firsts: id of a dropped example -> id of the kept one.
    """
    members = Counter(firsts.values())
    sizes = Counter(dropped + 1 for dropped in members.values())
    return [{"size": size, "clusters": sizes[size]} for size in sorted(sizes)]


def shown_pairs(step: str, firsts: Mapping[str, str], examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Return one dropped example of each cluster beside the kept one, the biggest clusters first.

    Args:
        step: name of the step, as in the funnel.
        firsts: id of a dropped example -> id of the kept one.
        examples: what the step saw.

    Returns:
        At most SHOWN_PAIRS rows with ``step``, ``task``, ``size`` of the cluster, ``kept``, ``dropped`` (ids),
        ``kept_text`` and ``dropped_text``; the same in whatever order the examples come.
    """
    clusters: dict[str, list[str]] = defaultdict(list)
    for dropped, kept in firsts.items():
        clusters[kept].append(dropped)
    biggest = sorted(clusters, key=lambda kept: (-len(clusters[kept]), natural(kept)))[:SHOWN_PAIRS]
    chosen = {kept: min(clusters[kept], key=natural) for kept in biggest}
    wanted = {*chosen, *chosen.values()}
    by_id = {example.id: example for example in examples if example.id in wanted}
    return [
        {
            "step": step,
            "task": by_id[kept].task,
            "size": len(clusters[kept]) + 1,
            "kept": kept,
            "dropped": dropped,
            "kept_text": _shown(by_id[kept]),
            "dropped_text": _shown(by_id[dropped]),
        }
        for kept, dropped in chosen.items()
    ]


def _shown(example: Example) -> str:
    text = conversation(example)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " ..."
