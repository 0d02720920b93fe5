"""What an adapter's files say, whether it belongs to a base, and where the adapter of a run is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from secft.artifact import ArtifactStore
from secft.base import find_base_model, find_start, started_with
from secft.config.compose import read_config
from secft.config.roots import PathsConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.training import AdaptedTrainer
from secft.documents.decision import Decision
from secft.documents.document import as_json
from secft.documents.run_record import RUN_RECORD, RunRecord, StageRecord
from secft.errors import InputError
from secft.files import write_json
from secft.models.adapters import check_fits, read_adapter
from secft.registry.entries import register

MODULE = "model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def model() -> ModelConfig:
    config = read_config(["model=tiny"]).model
    assert isinstance(config, ModelConfig)
    return config


def shape_of(model: ModelConfig) -> tuple[int, int]:
    from safetensors import safe_open

    with safe_open(str(find_base_model(model).path / "model.safetensors"), "np") as weights:
        rows, columns = weights.get_slice(f"{MODULE}.weight").get_shape()
    return rows, columns


def make(place: Path, rows: int, columns: int, module: str = MODULE, **settings: Any) -> Path:
    place.mkdir(parents=True)
    values = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}
    (place / "adapter_config.json").write_text(json.dumps(values | settings))
    weights = {"lora_A": np.ones((4, columns), np.float32), "lora_B": np.zeros((rows, 4), np.float32)}
    tensors = {f"base_model.model.{module}.{name}.weight": value for name, value in weights.items()}
    save_file(tensors, str(place / "adapter_model.safetensors"))
    return place


def test_a_directory_is_read_and_shapes_the_training(model: ModelConfig, tmp_path: Path) -> None:
    place = make(tmp_path / "a", *shape_of(model))
    start = find_start(replace(model, adapter=str(place)), PathsConfig())
    assert start is not None
    assert (start.rank, start.alpha, start.target_modules, start.run) == (4, 8, ("q_proj",), "")
    trainer = started_with(read_config(["model=tiny"]).trainer, start)
    assert isinstance(trainer, AdaptedTrainer)
    assert (trainer.lora.r, trainer.lora.alpha, trainer.lora.target_modules) == (4, 8, ["q_proj"])
    assert find_start(model, PathsConfig()) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"peft_type": "IA3"}, "only LORA is gone on with"),
        ({"task_type": "SEQ_CLS"}, "not to write answers"),
        ({"modules_to_save": ["lm_head"]}, r"more of the model than low-rank matrices \(modules_to_save\)"),
        ({"r": "16"}, "gives the rank '16'"),
        ({"r": -1}, "gives the rank -1"),
        ({"lora_alpha": "much"}, "gives lora_alpha as 'much', not a number"),
        ({"lora_dropout": [0.1]}, r"gives lora_dropout as \[0.1\], not a number"),
        ({"auto_map": {"x": "y.z"}}, "auto_map"),
    ],
)
def test_what_cannot_be_gone_on_with(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_adapter(make(tmp_path / "a", 8, 8, **settings))


def test_missing_and_broken_files(tmp_path: Path) -> None:
    place = make(tmp_path / "a", 8, 8)
    (place / "adapter_config.json").write_text("[1]")
    with pytest.raises(InputError, match="holds list"):
        read_adapter(place)
    (place / "adapter_config.json").unlink()
    with pytest.raises(InputError, match=r"adapter_config\.json is missing"):
        read_adapter(place)


@pytest.mark.parametrize(
    ("module", "wider", "said"),
    [(MODULE, 8, "was made for another base model"), ("model.decoder.q_proj", 0, "has no such module")],
)
def test_adapters_of_other_bases_are_refused(
    model: ModelConfig, tmp_path: Path, module: str, wider: int, said: str
) -> None:
    rows, columns = shape_of(model)
    place = make(tmp_path / "a", rows, columns + wider, module)
    with pytest.raises(InputError, match=said):
        check_fits(read_adapter(place), find_base_model(model).path)


@pytest.fixture
def paths(tmp_path: Path) -> PathsConfig:
    return PathsConfig(
        models=str(tmp_path / "models"), outputs=str(tmp_path / "outputs"), cache=str(tmp_path / "cache")
    )


def trained(paths: PathsConfig, base: ModelConfig, **external: str) -> Path:
    """Leave what a run leaves whose gates failed: its record, and the artifact of its training."""
    store = ArtifactStore(Path(paths.cache) / "stages")
    directory = store.workplace("train", "f" * 64, keep=False)
    make(directory / "adapter", *shape_of(base))
    facts = {"stage": "train", "fingerprint": "f" * 64, "external": external}
    artifact = store.finish(directory, facts, {"adapter_dir": "adapter"}, ())
    record = RunRecord("first", "python -m secft name=first", "failed", "0", "2030-01-01T00:00:00+00:00")
    record.stages = [StageRecord("train", "f" * 64, artifact.digest, str(artifact.path), False, 1.0)]
    (Path(paths.outputs) / "first").mkdir(parents=True)
    write_json(Path(paths.outputs) / "first" / RUN_RECORD, as_json(record))
    return artifact.path


def test_the_adapter_of_a_run_is_found_though_nothing_was_registered(model: ModelConfig, paths: PathsConfig) -> None:
    base, wanted = find_base_model(model), replace(model, adapter="run:first")
    place = trained(paths, model, model=base.digest, config=base.config_digest)
    start = find_start(wanted, paths)
    assert start is not None
    assert (start.path, start.run) == (place / "adapter", "first")
    with (place / "adapter" / "adapter_model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x01")
    with pytest.raises(InputError, match=r"no trained adapter here; its command makes it: python -m secft name=first"):
        find_start(wanted, paths)
    with pytest.raises(InputError, match="there is no run of the name other"):
        find_start(replace(model, adapter="run:other"), paths)


def test_a_run_beside_other_weights_is_refused(model: ModelConfig, paths: PathsConfig) -> None:
    trained(paths, model, model="0" * 64)
    with pytest.raises(InputError, match="trained beside other weights than those of model=tiny"):
        find_start(replace(model, adapter="run:first"), paths)


def test_what_is_registered_is_compared_with_its_digests(
    model: ModelConfig, paths: PathsConfig, tmp_path: Path
) -> None:
    adapter = make(tmp_path / "made", *shape_of(model))
    passed = Decision(verdict="pass", confidence=0.95, gates=[], reasons=[])
    facts = {"base_digest": find_base_model(model).digest}
    entry = register(adapter, "# card\n", passed, Path(paths.models), "secft", "first", facts)
    wanted = replace(model, adapter="run:first")
    start = find_start(wanted, paths)
    assert start is not None
    assert start.path == entry
    (entry / "adapter_config.json").write_text((entry / "adapter_config.json").read_text() + " ")
    with pytest.raises(InputError, match=r"damaged: adapter_config\.json changed since it was registered"):
        find_start(wanted, paths)
