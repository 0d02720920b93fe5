"""The generic forward pass."""

from __future__ import annotations

from typing import Any

import pytest

from secft.models.base_model import BaseModel
from secft.train.forward.generic import GenericLoss, length_groups
from secft.train.rows import collate
from tests.train.forward.compared import adapted, evaluate, plain_peft, rows, worst

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_generic_path_equals_plain_peft(tiny: BaseModel, tokenizer: Any) -> None:
    packed = rows(tokenizer)
    reference = plain_peft(adapted(tiny), packed)
    model = adapted(tiny)
    generic = evaluate(model, GenericLoss(model), collate(packed))
    assert generic[0] == pytest.approx(reference[0], rel=1e-5)
    assert worst(reference[1], generic[1]) < 1e-4


def test_length_groups_bound_padding() -> None:
    lengths = [100, 12, 95, 11, 50, 99, 10]
    groups = length_groups(lengths)
    assert sorted(i for group in groups for i in group) == list(range(7))
    assert groups == [[0, 5, 2], [4], [1, 3, 6]]
