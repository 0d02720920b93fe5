"""Examples sorted by length."""

from __future__ import annotations

import pytest

from secft.train.forward.layout import Layout

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_layout_sorts_and_pads() -> None:
    layout = Layout.of([10, 70, 33])
    assert layout.padded.tolist() == [96, 64, 32]
    assert layout.start.tolist() == [10, 80, 0]
    assert (layout.rows, layout.tokens) == (192, 113)
