"""Examples sorted by length, and what they have in common."""

from __future__ import annotations

import pytest
import torch

from secft.train.forward.layout import Layout
from secft.train.rows import Row, collate
from secft.train.template import IGNORED

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def batch(*examples: tuple[list[int], list[int]]) -> dict[str, torch.Tensor]:
    """Make a flat batch of prompts and answers."""
    rows = [
        Row(input_ids=[*prompt, *answer], labels=[*[IGNORED] * len(prompt), *answer], lengths=[len(prompt + answer)])
        for prompt, answer in examples
    ]
    return collate(rows)


def test_layout_sorts_and_pads() -> None:
    layout = Layout.of(batch(*(([number], [7] * (length - 1)) for number, length in enumerate([10, 70, 33]))))
    assert layout.padded.tolist() == [96, 64, 32]
    assert layout.start.tolist() == [10, 80, 0]
    assert (layout.rows, layout.tokens) == (192, 113)
    assert layout.place.tolist() == list(range(113))
    assert not layout.shared.any()


def test_equal_beginnings_are_one_until_something_is_predicted() -> None:
    long, short, other = ([1, 2, 3, 4], [5]), ([1, 2, 3], [4, 5]), ([9, 2, 3], [4])
    layout = Layout.of(batch(short, long, other))
    # The last token of a prompt predicts the answer: 3 of the second example is not shared with 3 of the first.
    assert layout.place.tolist() == [0, 1, 2, 3, 4, 0, 1, 5, 6, 7, 8, 9, 10, 11]
    assert layout.first.tolist() == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13]
    assert layout.shared.tolist() == [0, 2, 0]


def test_the_first_of_the_batch_owns_what_several_share() -> None:
    examples = [([1, 2, 5, 6], [0]), ([1, 2, 3, 4], [0]), ([1, 2, 3, 5], [0]), ([1, 2, 3, 4], [0])]
    layout = Layout.of(batch(*examples))
    assert layout.shared.tolist() == [0, 2, 3, 3]
    owners = layout.first[layout.place].tolist()
    assert owners == [0, 1, 2, 3, 4, 0, 1, 7, 8, 9, 0, 1, 7, 13, 14, 0, 1, 7, 18, 19]
    for token in range(layout.tokens):
        copies = range(*layout.copy_begin[token : token + 2].tolist())
        flat = [int(layout.start[layout.copy_example[at]] + layout.copy_position[at]) for at in copies]
        assert flat == [at for at, place in enumerate(layout.place.tolist()) if place == token]
        assert flat[0] == layout.first[token]


def test_examples_without_any_label_are_shared_whole() -> None:
    row = Row(input_ids=[1, 2, 3], labels=[IGNORED] * 3, lengths=[3])
    layout = Layout.of(collate([row, row]))
    assert (layout.tokens, layout.shared.tolist()) == (3, [0, 3])
