"""What was taken for duplicates, for people to judge: the sizes of clusters, and some pairs with their texts."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from secft.dataset.dedup.compared import conversation
from secft.records import Example

Row = dict[str, Any]

SHOWN_PAIRS = 50
"""Pairs that are kept of each step."""
SHOWN_CHARACTERS = 1_500
"""Characters that are kept of each text."""


def cluster_sizes(firsts: Mapping[int, int]) -> list[dict[str, int]]:
    """Return rows with ``size`` and ``clusters``, by size.

    Args:
        firsts: row of a dropped example -> row of the kept one.
    """
    members = Counter(firsts.values())
    sizes = Counter(dropped + 1 for dropped in members.values())
    return [{"size": size, "clusters": sizes[size]} for size in sorted(sizes)]


def shown_pairs(step: str, firsts: Mapping[int, int], read: Callable[[Sequence[int]], Iterable[Example]]) -> list[Row]:
    """Return one dropped example of each cluster beside the kept one, the biggest clusters first.

    Args:
        step: name of the step, as in the funnel.
        firsts: row of a dropped example -> row of the kept one.
        read: rows, ascending -> their examples.

    Returns:
        At most SHOWN_PAIRS rows with ``step``, ``task``, ``size`` of the cluster, ``kept``, ``dropped`` (ids),
        ``kept_text`` and ``dropped_text``.
    """
    members = Counter(firsts.values())
    biggest = heapq.nsmallest(SHOWN_PAIRS, members, key=lambda kept: (-members[kept], kept))
    chosen = dict.fromkeys(biggest, -1)
    for dropped, kept in firsts.items():
        if kept in chosen and (chosen[kept] < 0 or dropped < chosen[kept]):
            chosen[kept] = dropped
    wanted = sorted({*chosen, *chosen.values()})
    examples = dict(zip(wanted, read(wanted), strict=True))
    return [
        {
            "step": step,
            "task": examples[kept].task,
            "size": members[kept] + 1,
            "kept": examples[kept].id,
            "dropped": examples[dropped].id,
            "kept_text": _shown(examples[kept]),
            "dropped_text": _shown(examples[dropped]),
        }
        for kept, dropped in chosen.items()
    ]


def _shown(example: Example) -> str:
    text = conversation(example)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " ..."
