"""Duplicates in other words: examples whose questions and answers mean the same, by the cosine of their embeddings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup.compared import Text
from secft.dataset.dedup.words import Rows
from secft.dataset.natural import natural

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]

_BLOCK = 2048
_DECIMALS = 5
"""Cosines are compared after rounding to so many: the last bits of a vector depend on the machine."""


def similar_pairs(vectors: Vectors, cosine: float, block: int = _BLOCK) -> Iterator[tuple[Rows, Rows]]:
    """Yield all pairs of rows with at least a cosine, as arrays of left and right, left before right.

    Args:
        vectors: shape (n, dimensions), rows of length 1.
        cosine: least cosine, compared after rounding to five decimals.
        block: rows of one matrix product; memory is its square.
    """
    for top in range(0, len(vectors), block):
        for side in range(top, len(vectors), block):
            product = vectors[top : top + block] @ vectors[side : side + block].T
            left, right = np.nonzero(np.round(product, _DECIMALS) >= np.float32(round(cosine, _DECIMALS)))
            later = left + top < right + side
            yield left[later] + top, right[later] + side


def semantic_clusters(texts: Sequence[Text], settings: DedupConfig, embed: Embed | None = None) -> dict[str, str]:
    """Return key -> key of the kept text, for every text: an earlier one of its group by natural order, or itself.

    A text is left out if its cosine to one that is kept reaches ``settings.cosine``; chains are not followed.

    Args:
        texts: with unique keys, in any order.
        settings: the least cosine.
        embed: texts -> vectors of length 1; None is the packaged model of secft.models.embedding.

    Raises:
        MissingExtraError: the packaged model is not installed.
    """
    if embed is None:
        from secft.models import embedding

        embed = embedding.embed
    groups: dict[str, list[Text]] = defaultdict(list)
    for text in sorted(texts, key=lambda text: natural(text.key)):
        groups[text.group].append(text)
    ordered = [text for group in groups.values() for text in group]
    vectors = embed([text.text for text in ordered])
    result: dict[str, str] = {}
    start = 0
    for group in groups.values():
        earlier: dict[int, list[int]] = defaultdict(list)
        for left, right in similar_pairs(vectors[start : start + len(group)], settings.cosine):
            for first, later in zip(left.tolist(), right.tolist(), strict=True):
                earlier[later].append(first)
        kept = list(range(len(group)))
        for later in sorted(earlier):
            # Rows are in natural order, so all that could be kept for it are decided.
            kept[later] = min((first for first in earlier[later] if kept[first] == first), default=later)
        result.update({text.key: group[first].key for text, first in zip(group, kept, strict=True)})
        start += len(group)
    return result
