"""Output layers beside an adapter: right beside the base and merged into it, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import LoraConfig
from secft.train import TrainJob
from secft.train.checks.model import target_problems
from tests.matrix.tiny_models import build
from tests.train.conftest import new_trainer, train_here

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
TIED = "tied embeddings"


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with an output layer of its own."""
    return build("llama31", tmp_path_factory.mktemp("models") / "untied")


@pytest.mark.usefixtures("restored_signals")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_output_layer_is_the_same_beside_its_base_and_merged(
    precision: str, untied: Path, make_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    lora = LoraConfig(modules_to_save=["lm_head"])
    job = make_job(
        max_steps=3, eval_steps=0, save_steps=0, lora=lora, precision=precision, max_length=512, model_dir=str(untied)
    )
    result = train_here(job, tmp_path / "run")

    def loaded() -> Any:
        return AutoModelForCausalLM.from_pretrained(untied, dtype=torch.float32)

    ids = torch.arange(5, 45)[None]
    with torch.no_grad():
        plain = loaded()(input_ids=ids).logits
        beside = PeftModel.from_pretrained(loaded(), result.adapter_dir).eval()
        found = beside(input_ids=ids).logits
        merged = beside.merge_and_unload()(input_ids=ids).logits
    assert not torch.allclose(found, plain, atol=1e-3)
    assert torch.allclose(found, merged, atol=1e-4)
    assert all(torch.isfinite(found).flatten())


@pytest.mark.parametrize(
    ("lora", "key"),
    [
        (LoraConfig(target_modules=["q_proj", "lm_head"]), "trainer.lora.target_modules"),
        (LoraConfig(target_modules=["q_proj", "model.embed_tokens"]), "trainer.lora.target_modules"),
        (LoraConfig(modules_to_save=["lm_head"]), "trainer.lora.modules_to_save"),
        (LoraConfig(modules_to_save=["embed_tokens"]), "trainer.lora.modules_to_save"),
    ],
)
@pytest.mark.parametrize("family", ["qwen25", "gemma3"])
def test_tied_embeddings_are_not_trained_as_two(lora: LoraConfig, key: str, family: str, tmp_path: Path) -> None:
    (problem,) = target_problems(new_trainer(lora=lora), build(family, tmp_path / family))
    assert problem.key == key
    assert TIED in str(problem)
    assert problem.stops


def test_an_adapter_on_the_output_layer_is_refused_with_what_works(untied: Path) -> None:
    (problem,) = target_problems(new_trainer(lora=LoraConfig(target_modules=["q_proj", "lm_head"])), untied)
    assert "trainer.lora.modules_to_save=[lm_head]" in str(problem)


def test_a_whole_module_that_there_is_not_is_told(untied: Path) -> None:
    (problem,) = target_problems(new_trainer(lora=LoraConfig(modules_to_save=["lm_haed"])), untied)
    assert "lm_head" in str(problem)
