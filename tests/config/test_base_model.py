"""A base model by its path: its own files name it, not the option that was chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secft.config.compose import read_config
from secft.config.schemas.model import ModelConfig
from secft.models.resolve import resolve_model


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the tiny model under a name of its own."""
    place = tmp_path / "Our Model"
    place.mkdir()
    for path in resolve_model("tiny", "random").path.iterdir():
        if path.name != "manifest.json":
            (place / path.name).write_bytes(path.read_bytes())
    return place


def model(*overrides: str) -> ModelConfig:
    return read_config(overrides).model


@pytest.mark.parametrize("option", ["hub", "tiny", "llama31", "qwen3_06b"])
def test_no_claim_of_an_option_is_put_on_other_weights(directory: Path, option: str) -> None:
    found = model(f"model={option}", f"model.path='{directory}'")
    assert (found.name, found.kind, found.id, found.license) == ("our-model", "hub", "", "unknown")
    assert (found.architecture.layers, found.architecture.hidden_size, found.context_length) == (2, 64, 2048)
    assert found.architecture.tied_embeddings
    assert not found.gated


def test_what_a_user_says_stays(directory: Path) -> None:
    said = ("model.name=ours", "model.id=team/ours", "model.license=mit")
    found = model("model=llama31", f"model.path='{directory}'", *said)
    assert (found.name, found.id, found.license) == ("ours", "team/ours", "mit")


def test_files_name_licence_and_repository(directory: Path) -> None:
    place = directory.rename(directory.with_name("small"))
    (place / "README.md").write_text("---\nlicense: Apache-2.0\n---\nLoad `team/small`.\n")
    found = model("model=hub", f"model.path={place}")
    assert (found.name, found.id, found.license) == ("small", "team/small", "apache-2.0")


def test_another_id_is_another_model() -> None:
    found = model("model=llama31", "model.id=team/other-8B")
    assert (found.name, found.license, found.architecture.layers) == ("other-8b", "unknown", 0)


def test_the_id_of_an_option_is_enough() -> None:
    by_id, option = model("model=hub", "model.id=Qwen/Qwen2.5-7B-Instruct"), model("model=qwen25_7b")
    assert (by_id.license, by_id.architecture, by_id.context_length) == (
        option.license, option.architecture, option.context_length,
    )  # fmt: skip


def test_an_option_keeps_its_claims_where_its_own_model_lies(directory: Path) -> None:
    place = directory.rename(directory.with_name("Llama-3.1-8B-Instruct"))
    assert model("model=llama31", f"model.path={place}").id == ""  # other sizes
    config = json.loads((place / "config.json").read_text())
    sizes = {"num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8}
    (place / "config.json").write_text(json.dumps({**config, **sizes, "vocab_size": 128256}))
    (place / "model.safetensors").unlink()
    found = model("model=llama31", f"model.path={place}")
    assert (found.name, found.id, found.license) == ("llama31", "meta-llama/Llama-3.1-8B-Instruct", "llama3.1")


def test_a_broken_directory_leaves_the_configuration_to_its_own_check(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]")
    assert model("model=hub", f"model.path={tmp_path}").architecture.layers == 0
