"""How a signature is cut into bands: every pair that agrees in one band is a candidate."""

from __future__ import annotations

MISS_RATE = 0.01
"""Highest probability of missing a pair whose similarity is exactly the threshold."""


def bands_and_rows(threshold: float, permutations: int, miss_rate: float = MISS_RATE) -> tuple[int, int]:
    """Choose LSH bands so that a pair at the threshold is missed with a probability of at most ``miss_rate``.

    Returns:
        Bands and rows with the most rows (fewest candidates to verify) that fulfil it; rows is at least 1.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4: P(miss) = (1 - s**rows)**bands.
    """
    fitting = [
        rows for rows in range(1, permutations + 1) if (1 - threshold**rows) ** (permutations // rows) <= miss_rate
    ]
    rows = max(fitting, default=1)
    return permutations // rows, rows
