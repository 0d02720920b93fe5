"""Three commands on the embedded model: imitation, preferences from its adapter, and a start from a GGUF file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from secft.files import sha256_file
from secft.models.resolve import packaged_gguf
from tests.pipeline.test_run import SMALL, secft

EMBEDDED = (*(text for text in SMALL if text != "model=tiny"), "trainer.max_steps=2", "trainer.micro_batch_size=1")


@pytest.fixture(scope="module")
def folder(small_data: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("start")
    small_data(place)
    return place


def train(folder: Path, name: str, *overrides: str) -> tuple[dict[str, str], str]:
    """Run one command to its verdict, which so few steps cannot decide; return artifacts by stage, and the card."""
    done: subprocess.CompletedProcess[str] = secft(folder, f"name={name}", *EMBEDDED, *overrides)
    assert done.returncode == 3, done.stderr
    run = folder / "outputs" / name
    stages = json.loads((run / "run.json").read_text())["stages"]
    return {stage["stage"]: stage["artifact"] for stage in stages}, (run / "MODEL_CARD.md").read_text()


@pytest.mark.slow
def test_imitation_then_preferences_then_a_start_from_a_gguf_file(folder: Path) -> None:
    first, _ = train(folder, "first")
    imitated = sha256_file(folder / first["train"] / "adapter" / "adapter_model.safetensors")

    second, card = train(folder, "second", "trainer=dpo", "trainer.pairs.corrupt=true", "model.adapter=run:first")
    assert "went on with an adapter of rank 16 (`first`" in card
    assert sha256_file(folder / second["train"] / "adapter" / "adapter_model.safetensors") != imitated

    gguf = packaged_gguf()
    assert gguf is not None
    third, card = train(folder, "third", "model=hub", f"model.path={gguf}")
    assert f'base, adapter = "path/to/{gguf.stem.lower()}"' in card
    assert third["train"] == first["train"], "the same weights by another name make the same training"
