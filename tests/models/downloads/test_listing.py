"""What the Hub answers is foreign: nothing is written that a hostile listing could place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secft.errors import DownloadError, InputError
from secft.models.downloads.cache import check_revision, is_hub_id, snapshot_dir
from secft.models.downloads.get import Wanted, get_model
from secft.models.downloads.listing import ask_hub, name_fault
from tests.models.downloads.conftest import ID
from tests.models.downloads.hub_server import HubServer

ENTRY = {"rfilename": "x.json", "size": 1, "blobId": "a" * 40}


@pytest.mark.parametrize(
    "name",
    ["../x.json", "a/../../x.json", "/etc/x.json", "..", ".", "a//x.json", "a/./x", "x\0.json", "x\n.json",
     "\\\\host\\x",
     "..\\x.json", "C:x.json", "C:/x.json", "~/x.json", "", "x/", "a" * 300, "x\x1b[2J.json", 7, None, ["x"],
     "a/" * 600 + "x", "\u2028x"],
)  # fmt: skip
def test_a_hostile_name_ends_the_download_before_anything_is_written(hub: HubServer, name: object) -> None:
    hub.repositories[ID].extra = [{**ENTRY, "rfilename": name}]
    with pytest.raises(DownloadError, match=r"nothing of it was downloaded|no description of"):
        get_model(Wanted(ID, license="apache-2.0"))
    assert not list(Path("hf").rglob("*"))
    assert not [one for one in hub.requests if "/resolve/" in one.path]


@pytest.mark.parametrize(
    "name", ["model.safetensors", "original/params.json", "a/b ü.txt", "..x", "x..y/z..", ".gitattributes"]
)
def test_ordinary_names_are_taken(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize(
    "entry",
    [{"size": -1}, {"size": None}, {"size": "12"}, {"size": 1.5}, {"size": True}, {"size": 1 << 60},
     {"blobId": "../../x"}, {"blobId": None}, {"blobId": "A" * 40},
     {"lfs": {"sha256": "../x", "size": 1, "pointerSize": 1}},
     {"lfs": {"sha256": "a" * 64, "size": -5, "pointerSize": 1}},
     {"lfs": {"sha256": None, "size": 5, "pointerSize": 1}},
     {"rfilename": "CONFIG.json"}, {"rfilename": "config.json"}],
)  # fmt: skip
def test_entries_without_a_checkable_digest_or_named_twice_are_refused(hub: HubServer, entry: dict[str, Any]) -> None:
    hub.repositories[ID].extra = [{**ENTRY, **entry}]
    with pytest.raises(DownloadError, match=r"size and a digest that can be checked|lists .* twice"):
        ask_hub(ID, "main")


@pytest.mark.parametrize("commit", ["../../../x", "main", "A" * 40, "", "a" * 39])
def test_a_commit_that_is_none_is_refused(hub: HubServer, commit: str) -> None:
    hub.repositories[ID].sha = commit or " "
    with pytest.raises(DownloadError, match="names no commit"):
        ask_hub(ID, "main")


@pytest.mark.parametrize("siblings", [[1], [{}], "text", [{"rfilename": "x", "lfs": 7}], {"a": 1}])
def test_an_answer_of_another_shape_is_one_error(hub: HubServer, siblings: Any) -> None:
    hub.repositories[ID].listing = lambda: siblings  # type: ignore[method-assign]
    with pytest.raises(DownloadError):
        ask_hub(ID, "main")


def test_a_listing_has_an_end(hub: HubServer) -> None:
    hub.repositories[ID].extra = [{**ENTRY, "rfilename": f"{number}.txt"} for number in range(20_001)]
    with pytest.raises(DownloadError, match="more than 20,000"):
        ask_hub(ID, "main")


@pytest.mark.parametrize(
    "hub_id", ["../x", "a/../b", "a/b/c", "/a", "a/", "", "a b/c", "a/b\0", "a--b/c", "a/b.git", "~/x", "-a/b"]
)
def test_what_is_no_repository_is_not_asked_for(hub: HubServer, hub_id: str) -> None:
    assert not is_hub_id(hub_id)
    with pytest.raises(InputError, match="no repository of the Hub"):
        ask_hub(hub_id, "main")
    assert not hub.requests


@pytest.mark.parametrize("revision", ["../x", "a/../b", "/x", "x/", "a//b", "", "a b", "a\0", "-x"])
def test_a_revision_leads_nowhere(hub: HubServer, revision: str) -> None:
    for use in (lambda: ask_hub(ID, revision), lambda: snapshot_dir(ID, revision), lambda: check_revision(revision)):
        with pytest.raises(InputError, match="no branch, tag or commit"):
            use()
    assert not hub.requests


def test_a_branch_file_that_points_elsewhere_is_no_snapshot(hub: HubServer, tmp_path: Path) -> None:
    repository = tmp_path / "hf" / "hub" / "models--o--n"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    (tmp_path / "hf" / "secret").mkdir()
    for content in ("../../../secret", "..", ".", str(tmp_path / "hf" / "secret")):
        (repository / "refs" / "main").write_text(content)
        assert snapshot_dir("o/n", "main") is None
    (repository / "refs" / "main").write_bytes(b"\xff\xfe")
    assert snapshot_dir("o/n", "main") is None


def test_the_hub_is_not_told_which_programs_and_packages_run_here(hub: HubServer) -> None:
    get_model(Wanted(ID, license="apache-2.0"))
    assert {one.path.split("/")[1] for one in hub.requests if one.host == "hub"} == {"api", "team"}
    assert not [one for one in hub.requests if "agent" in one.path]
