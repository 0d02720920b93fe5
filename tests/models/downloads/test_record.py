"""A downloaded model that is not what was downloaded is told, and not used."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secft.errors import ModelNotFoundError
from secft.files import read_json, write_json
from secft.integrity import sealed
from secft.models.downloads.cache import repository_dir, snapshot_at, snapshots
from secft.models.downloads.get import Wanted, get_model
from secft.models.downloads.record import examine, faults_of, record_path
from secft.models.resolve import resolve_model
from tests.models.downloads.conftest import ID
from tests.models.downloads.hub_server import HubServer


@pytest.fixture
def snapshot(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that was downloaded; whether such files can be a model at all is tried elsewhere."""
    monkeypatch.setattr("secft.models.hub.directory_faults", lambda directory: [])
    return get_model(Wanted(ID, license="apache-2.0")).path


def use() -> str:
    return resolve_model("own", "hub", hub_id=ID).digest


def edit(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text().replace(before, after))


def flip(path: Path) -> None:
    """Change one byte in the middle, and leave size and time as they were."""
    found = path.stat()
    with path.open("r+b") as stream:
        stream.seek(found.st_size // 2)
        byte = stream.read(1)
        stream.seek(found.st_size // 2)
        stream.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def as_plain_file(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.replace(b'"rope_theta"', b'"rope_thetb"').replace(b"{", b"{ ", 1))


def blob_renamed(path: Path) -> None:
    """Another content under a name of its own, as if it had been downloaded so."""
    other = path.resolve().with_name("b" * 40)
    other.write_text("{}")
    path.unlink()
    path.symlink_to(Path("../../blobs") / other.name)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "config": (lambda path: edit(path / "config.json", "{", "{ "), "config.json has 5.. bytes instead of"),
    "same size": (
        lambda path: edit(path / "config.json", '"hidden_size": 64', '"hidden_size": 46'),
        "config.json has other bytes",
    ),
    "one byte": (lambda path: flip(path / "model.safetensors"), "model.safetensors has other bytes"),
    "template": (lambda path: edit(path / "chat_template.jinja", "system", "sYstem"), "chat_template.jinja has other"),
    "cut off": (lambda path: os.truncate(path / "tokenizer.json", 1000), "tokenizer.json has 1,000 bytes instead of"),
    "missing": (lambda path: (path / "generation_config.json").unlink(), "generation_config.json is missing"),
    "blob gone": (lambda path: (path / "model.safetensors").resolve().unlink(), "model.safetensors is missing"),
    "added": (lambda path: (path / "extra.safetensors").write_bytes(b"x"), "extra.safetensors was added"),
    "plain file": (lambda path: as_plain_file(path / "config.json"), "config.json has"),
    "other blob": (lambda path: blob_renamed(path / "config.json"), "config.json has"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_and_a_download_brings_back_what_differs(
    snapshot: Path, hub: HubServer, change: str, model_files: dict[str, bytes]
) -> None:
    before = use()
    CHANGES[change][0](snapshot)
    with pytest.raises(ModelNotFoundError, match=f"is not what was downloaded.*{CHANGES[change][1]}.*models get {ID}"):
        use()
    if change == "added":
        return
    sent = hub.sent()
    get_model(Wanted(ID, license="apache-2.0"))
    assert hub.sent() - sent < len(b"".join(model_files.values())), "only what differs came again"
    assert use() == before


def test_a_changed_record_is_told_even_where_it_fits_the_files(snapshot: Path) -> None:
    (found,) = snapshots(ID)
    record = read_json(record_path(found))
    edit(snapshot / "config.json", "{", "{ ")
    path = snapshot / "config.json"
    record["sizes"]["config.json"] = path.stat().st_size
    write_json(record_path(found), record)
    with pytest.raises(ModelNotFoundError, match="was changed: it is not the record"):
        use()
    # Sealed anew by somebody who knows how: the name of the blob still tells what the Hub gave.
    write_json(record_path(found), sealed({key: value for key, value in record.items() if key != "seal"}))
    with pytest.raises(ModelNotFoundError, match=r"config.json has other bytes"):
        use()


@pytest.mark.parametrize("content", ["", "[]", "7", "{", '{"files": {}}', '{"format": 1}', "null"])
def test_a_broken_record_is_one_error(snapshot: Path, content: str) -> None:
    (found,) = snapshots(ID)
    record_path(found).write_text(content)
    with pytest.raises(ModelNotFoundError, match=r"record|not valid JSON"):
        use()


def test_without_a_record_the_names_of_the_blobs_tell(snapshot: Path) -> None:
    (found,) = snapshots(ID)
    record_path(found).unlink()
    before = use()
    assert {one.state for one in examine(found, content=True)} == {"ok"}
    edit(snapshot / "config.json", '"hidden_size": 64', '"hidden_size": 46')
    with pytest.raises(ModelNotFoundError, match=r"config.json has other bytes"):
        use()
    edit(snapshot / "config.json", '"hidden_size": 46', '"hidden_size": 64')
    assert use() == before


def test_a_card_beside_the_model_may_be_added_and_plain_files_are_unrecorded(snapshot: Path, tmp_path: Path) -> None:
    (snapshot / "notes.md").write_text("mine")
    assert use()
    (found,) = snapshots(ID)
    assert faults_of(examine(found, content=True)) == []
    plain = tmp_path / "models--o--n" / "snapshots" / "abc"
    plain.mkdir(parents=True)
    (plain / "config.json").write_text("{}")
    other = snapshot_at(plain)
    assert other
    assert [one.state for one in examine(other, content=True)] == ["unrecorded"]


def test_a_copy_in_another_place_is_what_its_owner_says(snapshot: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mine"
    copy.mkdir()
    for path in snapshot.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "rope_theta": 5.0}))
    assert resolve_model("own", "hub", hub_id=ID, path=copy).revision == ""
    edit(snapshot / "config.json", "{", "{ ")
    with pytest.raises(ModelNotFoundError, match="is not what was downloaded"):
        resolve_model("own", "hub", hub_id=ID, path=repository_dir(ID) / "snapshots" / snapshot.name)
