"""The fast path computes what transformers and peft compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from secft.models.base_model import BaseModel
from secft.train.forward.generic import GenericLoss
from secft.train.forward.kernels_native import NativeKernels, compile_library
from secft.train.forward.kernels_torch import TorchKernels
from secft.train.forward.layout import Layout
from secft.train.forward.llama import LlamaLoss
from secft.train.rows import Row, collate
from secft.train.template import IGNORED
from tests.train.forward.compared import adapted, evaluate, plain_peft, rows, worst

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


LIBRARIES, PROBLEM = compile_library()


def kernels(name: str) -> Any:
    if name == "torch":
        return TorchKernels()
    if LIBRARIES is None:
        pytest.skip(PROBLEM)
    return NativeKernels(LIBRARIES)


@pytest.mark.parametrize("kernel", ["torch", "native"])
def test_fast_path_equals_plain_peft(tiny: BaseModel, tokenizer: Any, kernel: str) -> None:
    packed = rows(tokenizer)
    reference = plain_peft(adapted(tiny), packed)
    model = adapted(tiny)
    fast = evaluate(model, LlamaLoss(model, kernels(kernel)), collate(packed))
    assert fast[0] == pytest.approx(reference[0], rel=1e-5)
    assert worst(reference[1], fast[1]) < 1e-4


@pytest.mark.parametrize("kernel", ["torch", "native"])
def test_bf16_stays_close(tiny: BaseModel, tokenizer: Any, kernel: str) -> None:
    packed = rows(tokenizer)
    reference = plain_peft(adapted(tiny), packed)
    model = adapted(tiny, torch.bfloat16)
    fast = evaluate(model, LlamaLoss(model, kernels(kernel)), collate(packed))
    assert fast[0] == pytest.approx(reference[0], rel=1e-3)
    assert worst(reference[1], fast[1]) < 0.05


@pytest.mark.parametrize("kernel", ["torch", "native"])
@pytest.mark.parametrize(
    ("dtype", "loss_close", "gradient_close"), [(torch.float32, 1e-5, 1e-4), (torch.bfloat16, 1e-3, 0.05)]
)
def test_what_examples_begin_with_is_computed_once_with_the_same_result(
    tiny: BaseModel, kernel: str, dtype: torch.dtype, loss_close: float, gradient_close: float
) -> None:
    branching = [
        [5, *range(20, 60)],
        [5, *range(20, 45), 9],
        [5, *range(20, 45), 9, 8],
        [6, 20],
        [5, *range(20, 60)],
        [6, 20, 7],
    ]
    packed = [
        Row(input_ids=[*ids, *end], labels=[*[IGNORED] * len(ids), *end], lengths=[len(ids + end)])
        for ids, end in zip(branching, ([11], [12, 13], [14], [15] * 40, [11], [16, 17]), strict=True)
    ]
    assert Layout.of(collate(packed)).tokens < sum(len(row["input_ids"]) for row in packed) * 0.7
    reference = plain_peft(adapted(tiny), packed)
    model = adapted(tiny, dtype)
    shared = evaluate(model, LlamaLoss(model, kernels(kernel)), collate(packed))
    assert shared[0] == pytest.approx(reference[0], rel=loss_close)
    assert worst(reference[1], shared[1]) < gradient_close


@pytest.mark.parametrize("kernel", ["native", "torch", "generic"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seen", [True, False], ids=["of a token in the batch", "of another token"])
def test_a_weight_that_is_no_number_is_never_hidden(
    tiny: BaseModel, tokenizer: Any, kernel: str, dtype: torch.dtype, seen: bool
) -> None:
    model, batch = adapted(tiny, dtype), collate(rows(tokenizer))
    there = set(batch["input_ids"].flatten().tolist())
    weights = model.get_base_model().model.embed_tokens.weight
    token = next(number for number in range(weights.shape[0]) if (number in there) == seen)
    with torch.no_grad():
        weights[token, 0] = float("nan")
    loss, gradients = evaluate(
        model, GenericLoss(model) if kernel == "generic" else LlamaLoss(model, kernels(kernel)), batch
    )
    # Embeddings are the output layer too, so every token's probability depends on every row.
    assert loss != loss
    assert not all(bool(torch.isfinite(gradient).all()) for gradient in gradients.values())


def test_packing_changes_nothing(tiny: BaseModel, tokenizer: Any) -> None:
    results = []
    for packing in (True, False):
        model = adapted(tiny)
        results.append(evaluate(model, LlamaLoss(model, TorchKernels()), collate(rows(tokenizer, packing=packing))))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    assert worst(results[0][1], results[1][1]) < 1e-5


def test_only_some_modules_adapted(tiny: BaseModel, tokenizer: Any) -> None:
    packed, targets = rows(tokenizer), ["q_proj", "v_proj", "down_proj"]
    reference = plain_peft(adapted(tiny, target_modules=targets), packed)
    model = adapted(tiny, target_modules=targets)
    fast = evaluate(model, LlamaLoss(model, TorchKernels()), collate(packed))
    assert fast[0] == pytest.approx(reference[0], rel=1e-5)
    assert worst(reference[1], fast[1]) < 1e-4


def test_loss_without_gradient_and_models_own_forward_survive(tiny: BaseModel, tokenizer: Any) -> None:
    """The base weights move into merged matrices; the model itself must go on working."""
    packed = rows(tokenizer)
    model = adapted(tiny)
    before = plain_peft(model, packed)[0]
    fast = LlamaLoss(model, TorchKernels())
    with torch.no_grad():
        assert float(fast(collate(packed))) == pytest.approx(before, rel=1e-5)
    assert plain_peft(model, packed)[0] == pytest.approx(before, rel=1e-6)
