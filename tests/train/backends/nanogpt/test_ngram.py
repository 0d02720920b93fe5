from __future__ import annotations

import numpy as np
import pytest

from secft.train.backends.nanogpt.ngram import Trigrams


def test_probabilities_sum_to_one() -> None:
    random = np.random.default_rng(1)
    tokens = random.integers(0, 5, 400).astype(np.uint16)
    model = Trigrams(tokens, 7)
    for first, second in ((0, 1), (4, 4), (6, 0), (6, 6)):
        every = [model.losses(np.array([first, second, last], np.uint16))[0] for last in range(7)]
        assert np.exp(-np.array(every)).sum() == pytest.approx(1)


def test_what_was_seen_is_likely() -> None:
    tokens = np.array([0, 1, 2] * 100, np.uint16)
    losses = Trigrams(tokens, 3).losses(np.array([0, 1, 2, 0, 1, 2, 2], np.uint16))
    assert losses.shape == (5,)
    assert losses[:4].max() < 0.1
    assert losses[4] > 1
