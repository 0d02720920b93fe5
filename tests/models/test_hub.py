"""Models of the Hub that are on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secft.errors import ModelNotFoundError
from secft.models.resolve import resolve_model


def test_absent_hub_model_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelNotFoundError) as error:
        resolve_model("llama31", "hub", hub_id="meta-llama/Llama-3.1-8B-Instruct")
    assert str(tmp_path / "hub") in str(error.value)
    assert "python -m secft models get meta-llama/Llama-3.1-8B-Instruct" in str(error.value)


def test_incomplete_hub_model_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelNotFoundError, match=r"lacks \*\.safetensors, tokenizer\.json, chat template"):
        resolve_model("mixtral", "hub", hub_id="LeroyDyer/Mixtral_AI_CyberCoder_7b", path=tmp_path)


def test_hub_model_by_path_and_by_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tiny = resolve_model("tiny", "random")
    by_path = resolve_model("m", "hub", hub_id="o/n", path=tiny.path, license_id="mit")
    snapshots = tmp_path / "models--o--n"
    (snapshots / "refs").mkdir(parents=True)
    (snapshots / "refs" / "main").write_text("abc")
    (snapshots / "snapshots").mkdir()
    (snapshots / "snapshots" / "abc").symlink_to(tiny.path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    by_cache = resolve_model("m", "hub", hub_id="o/n", license_id="mit")
    assert by_path.digest == by_cache.digest == tiny.digest


def test_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    tiny = resolve_model("tiny", "random")
    for path in tiny.path.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "x.py"}}))
    with pytest.raises(ModelNotFoundError, match="never runs code"):
        resolve_model("m", "hub", hub_id="o/n", path=tmp_path)
