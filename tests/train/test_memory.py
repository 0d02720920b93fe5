"""What a backward pass keeps, and in which types: counted on narrow models, and compared with the plan's estimate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from secft.config.schemas.model import Architecture
from secft.config.schemas.training import ADAPTERS, LoraConfig
from secft.estimate import kept_by_layer
from secft.models.base_model import BaseModel
from secft.train.backends.trl.loading import load_job
from secft.train.backends.trl.observed import ObservedTrainer
from secft.train.checkpoints import CheckpointProgress
from tests.train.conftest import conversation, new_job, write_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
SHAPE = {"hidden_size": 192, "intermediate_size": 640, "num_attention_heads": 6, "num_key_value_heads": 2}


def model_of(place: Path, layers: int, tiny: BaseModel) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(tiny.path)
    config = LlamaConfig(vocab_size=len(tokenizer), num_hidden_layers=layers, **SHAPE)  # type: ignore[arg-type]
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


def trainer_of(model: Path, place: Path, **settings: Any) -> ObservedTrainer:
    """A trainer of the generic path, its forward pass as it is in training, rows of one length."""
    if settings["adapter"] == "qlora":
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    rows = write_rows(place / "rows.jsonl", [{**conversation(3), "id": str(number)} for number in range(12)])
    job = new_job(
        model_dir=str(model), train_file=str(rows), lora=LoraConfig(r=2, alpha=4), micro_batch_size=2, max_length=256,
        packing=True, fast_path=False, learning_rate=1e-3, threads=1, **settings,
    )  # fmt: skip
    loaded = load_job(job)
    trainer = loaded.trainer(job, place, CheckpointProgress(job.fingerprint()), place / "metrics.jsonl")
    trainer.accelerator.prepare_model(trainer.model)
    trainer.model.train()
    return trainer


@contextmanager
def kept(model: torch.nn.Module) -> Iterator[dict[int, int]]:
    """Fill storage -> bytes with what autograd keeps, without weights and their copies."""
    weights = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}
    alive = []
    shapes = {tuple(one.shape) for one in model.parameters() if one.dim() == 2}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        is_copy = tuple(tensor.shape) in shapes or tuple(tensor.shape[::-1]) in shapes
        if storage.data_ptr() not in weights and not is_copy:
            found[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found


def bytes_of_step(trainer: ObservedTrainer) -> tuple[int, int]:
    """Return what one forward pass keeps, and its tokens."""
    batch = next(iter(trainer.get_train_dataloader()))
    with kept(trainer.model) as found:
        trainer.compute_loss(trainer.model, batch)
    return sum(found.values()), batch["input_ids"].numel()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adapter", "precision"),
    [("lora", "bf16"), ("qlora", "bf16"), ("none", "bf16"), ("lora", "fp32"), ("none", "fp32")],
)
def test_the_plan_counts_what_a_layer_keeps(tiny: BaseModel, tmp_path: Path, adapter: str, precision: str) -> None:
    measured = []
    for layers in (1, 3):
        place = tmp_path / str(layers)
        place.mkdir()
        trainer = trainer_of(model_of(place / "model", layers, tiny), place, adapter=adapter, precision=precision)
        measured.append(bytes_of_step(trainer))
    (less, tokens), (more, _) = measured
    shape = Architecture(
        hidden_size=SHAPE["hidden_size"],
        intermediate_size=SHAPE["intermediate_size"],
        attention_heads=SHAPE["num_attention_heads"],
        key_value_heads=SHAPE["num_key_value_heads"],
    )
    told = kept_by_layer(shape, ADAPTERS[adapter], bf16=precision == "bf16")
    assert told == pytest.approx((more - less) / 2 / tokens, rel=0.15)


@pytest.mark.parametrize("adapter", ["lora", "qlora"])
def test_products_are_computed_in_bf16_and_adapters_are_kept_in_fp32(
    tiny: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: str
) -> None:
    trainer = trainer_of(model_of(tmp_path / "model", 2, tiny), tmp_path, adapter=adapter, precision="bf16")
    seen: dict[str, set[torch.dtype]] = {}

    def note(name: str) -> Any:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            value = output[0] if isinstance(output, tuple) else output
            seen.setdefault(name, set()).add(value.dtype)

        return hook

    for name, module in trainer.model.named_modules():
        kind = next((one for one in ("layers.0", "layers.1", "q_proj", "lora_A.default", "lm_head", "embed_tokens")
                     if name.endswith(one)), None)  # fmt: skip
        if kind:
            module.register_forward_hook(note(kind))
    attention = torch.nn.functional.scaled_dot_product_attention

    def watched(query: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        seen.setdefault("attention", set()).add(query.dtype)
        return attention(query, *rest, **more)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", watched)
    bytes_of_step(trainer)
    assert {"layers.0", "layers.1", "q_proj", "lora_A.default", "lm_head", "attention"} <= seen.keys()
    assert {name: types for name, types in seen.items() if types != {torch.bfloat16}} == {}
    assert {p.dtype for p in trainer.model.parameters() if p.requires_grad} == {torch.float32}
