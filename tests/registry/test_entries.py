from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secft.documents.decision import Decision
from secft.errors import GateFailedError, InputError
from secft.files import read_json, sha256_file, tree_digests
from secft.registry.entries import register

PASS = Decision("pass", [])


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    directory = tmp_path / "adapter"
    directory.mkdir()
    (directory / "adapter_model.safetensors").write_bytes(b"weights")
    (directory / "adapter_config.json").write_text("{}")
    (directory / "README.md").write_text("made by the engine")
    return directory


def put(adapter: Path, root: Path, **changes: Any) -> Path:
    values = {"card": "# card", "gates": PASS, "provider": "trl", "run_id": "run-1", "facts": {"base_digest": "ab"}}
    return register(adapter, models_root=root, **{**values, **changes})


def test_entry_holds_weights_card_decision_and_digests(adapter: Path, tmp_path: Path) -> None:
    entry = put(adapter, tmp_path / "models")
    assert entry == tmp_path / "models" / "trl" / "run-1"
    names = {path.name for path in entry.iterdir()}
    assert names == {
        "adapter_model.safetensors", "adapter_config.json", "MODEL_CARD.md", "gates.json", "registration.json",
    }  # fmt: skip
    registration = read_json(entry / "registration.json")
    assert registration["base_digest"] == "ab"
    assert registration["files"]["adapter_model.safetensors"] == sha256_file(adapter / "adapter_model.safetensors")
    assert [path.name for path in (tmp_path / "models" / "trl").iterdir() if path.is_dir()] == ["run-1"]


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_only_a_pass_registers(adapter: Path, tmp_path: Path, verdict: Any) -> None:
    with pytest.raises(GateFailedError, match="too slow"):
        put(adapter, tmp_path / "models", gates=Decision(verdict, [], reasons=["too slow"]))
    assert not (tmp_path / "models").exists()


def test_same_content_again_changes_nothing(adapter: Path, tmp_path: Path) -> None:
    entry = put(adapter, tmp_path / "models")
    before = (entry / "registration.json").stat().st_mtime_ns
    assert put(adapter, tmp_path / "models", card="# card with another date") == entry
    assert (entry / "registration.json").stat().st_mtime_ns == before
    assert not (entry.parent / ".archive").exists()


def test_other_content_archives_the_old_entry(adapter: Path, tmp_path: Path) -> None:
    for number in range(3):
        (adapter / "adapter_model.safetensors").write_bytes(b"weights %d" % number)
        entry = put(adapter, tmp_path / "models")
    archive = entry.parent / ".archive"
    assert sorted(path.name for path in archive.iterdir()) == ["run-1-v1", "run-1-v2"]
    assert (archive / "run-1-v1" / "adapter_model.safetensors").read_bytes() == b"weights 0"
    assert (entry / "adapter_model.safetensors").read_bytes() == b"weights 2"


def test_what_is_not_what_was_measured_is_not_registered(adapter: Path, tmp_path: Path) -> None:
    measured = tree_digests(adapter)
    first = put(adapter, tmp_path, measured=measured)
    (adapter / "adapter_model.safetensors").write_bytes(b"other weights")
    with pytest.raises(InputError, match=r"adapter_model\.safetensors changed since it was measured"):
        put(adapter, tmp_path, measured=measured)
    assert not (tmp_path / first.parent.name / ".archive").exists(), "the intact entry stays"
    assert tree_digests(first, leave_out=())["adapter_model.safetensors"] == measured["adapter_model.safetensors"]


def test_damaged_entry_is_archived_and_made_anew(adapter: Path, tmp_path: Path) -> None:
    entry = put(adapter, tmp_path / "models")
    (entry / "adapter_model.safetensors").write_bytes(b"tampered")
    assert put(adapter, tmp_path / "models") == entry
    assert (entry / "adapter_model.safetensors").read_bytes() == b"weights"
    assert (entry.parent / ".archive" / "run-1-v1" / "adapter_model.safetensors").read_bytes() == b"tampered"


@pytest.mark.parametrize("name", ["adapter_model.bin", "optimizer.pt", "state.pkl", "modeling.py", "X.PT"])
def test_files_that_can_run_code_are_refused(adapter: Path, tmp_path: Path, name: str) -> None:
    (adapter / name).write_bytes(b"")
    with pytest.raises(InputError, match="run code"):
        put(adapter, tmp_path / "models")


def test_links_to_the_outside_and_missing_weights_are_refused(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (adapter / "extra.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="outside"):
        put(adapter, tmp_path / "models")
    (adapter / "extra.json").unlink()
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(InputError, match="no safetensors"):
        put(adapter, tmp_path / "models")


@pytest.mark.parametrize("run_id", ["../up", "", ".hidden", "a/b"])
def test_names_stay_inside_the_registry(adapter: Path, tmp_path: Path, run_id: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a registered model"):
        put(adapter, tmp_path / "models", run_id=run_id)
