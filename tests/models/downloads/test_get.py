"""A model of the Hub comes whole and checked, goes on where it was cut off, or does not come at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secft.errors import DownloadError, InputError, StorageError
from secft.models.downloads import get as getting
from secft.models.downloads.cache import repository_dir, snapshot_dir
from secft.models.downloads.get import Got, Wanted, get_model, log_file
from secft.models.downloads.record import record_path
from secft.models.resolve import resolve_model
from tests.models.downloads.conftest import ID
from tests.models.downloads.hub_server import TOKEN, HubServer, Repository

WEIGHTS = "model.safetensors"


def bring(hub_id: str = ID, revision: str = "main", license_id: str = "apache-2.0", file: str | None = None) -> Got:
    return get_model(Wanted(hub_id, revision, license_id, file))


def partial() -> Path:
    """Return the one file whose download was cut off."""
    (found,) = (repository_dir(ID) / "blobs").glob("*.incomplete")
    return found


def test_a_model_comes_whole_and_is_used_by_name_without_the_network(
    hub: HubServer, model_files: dict[str, bytes]
) -> None:
    got = bring()
    commit = hub.repositories[ID].commit
    assert got.path == snapshot_dir(ID, "main") == snapshot_dir(ID, commit)
    assert {path.name: path.read_bytes() for path in got.path.iterdir()} == model_files
    record = json.loads((repository_dir(ID) / ".secft" / f"{commit}.json").read_text())
    assert (record["license"], record["commit"], record["revision"]) == ("apache-2.0", commit, "main")
    assert set(record["files"]) == set(model_files)
    asked = len(hub.requests)
    model = resolve_model("own", "hub", hub_id=ID, license_id="apache-2.0")
    assert (model.revision, model.parameters) == (commit, 3_219_776)
    assert len(hub.requests) == asked


def test_what_is_here_is_not_transferred_again(hub: HubServer) -> None:
    bring()
    before = hub.sent()
    assert bring().transferred == 0
    assert hub.sent() == before


def test_connections_that_break_are_taken_up_again_and_nothing_comes_twice(
    hub: HubServer, model_files: dict[str, bytes]
) -> None:
    hub.cut_after = 1 << 20
    got = bring()
    assert (got.path / WEIGHTS).read_bytes() == model_files[WEIGHTS]
    assert len(hub.of_cdn(WEIGHTS)) == -(-len(model_files[WEIGHTS]) // hub.cut_after)
    assert sum(one.sent for one in hub.of_cdn(WEIGHTS)) == len(model_files[WEIGHTS])


def test_a_later_command_goes_on_where_the_first_one_was_cut_off(hub: HubServer, model_files: dict[str, bytes]) -> None:
    whole = len(model_files[WEIGHTS])
    hub.cut_after = 2_000_000
    with pytest.raises(DownloadError, match="kept; the same command goes on from there"):
        _until_refused(hub)
    had = partial().stat().st_size
    assert 0 < had < whole
    hub.cut_after, before = None, len(hub.requests)
    got = bring()
    assert got.transferred == whole - had
    assert [one.range for one in hub.of_cdn(WEIGHTS) if one in hub.requests[before:]] == [f"bytes={had}-"]
    assert (got.path / WEIGHTS).read_bytes() == model_files[WEIGHTS]
    assert not list((repository_dir(ID) / "blobs").glob("*.incomplete"))


def _until_refused(hub: HubServer) -> None:
    """Download until the weights were cut once; from then on every connection closes without an answer."""
    first = hub.of_cdn

    def closing() -> bool:
        return bool([one for one in first(WEIGHTS) if one.sent])

    hub.silent = closing
    try:
        bring()
    finally:
        hub.silent = lambda: False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_leaves_what_it_has_and_the_next_one_brings_the_rest(
    hub: HubServer, model_files: dict[str, bytes], number: signal.Signals
) -> None:
    hub.bytes_per_second = 2 << 20
    hub.repositories[ID].files.pop("tokenizer.json")
    hub.repositories[ID].files["tokenizer.model"] = b"small"
    command = [sys.executable, "-m", "secft", "models", "get", ID, "license=apache-2.0"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while not (hub.of_cdn(WEIGHTS) and hub.of_cdn(WEIGHTS)[0].sent > 1 << 20):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.01)
    while not partial().stat().st_size:
        time.sleep(0.01)
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    had = partial().stat().st_size
    assert 0 < had < len(model_files[WEIGHTS])
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "the same command continues" in told
        assert "Traceback" not in told
    assert snapshot_dir(ID, "main") is None, "no branch points to half a model"
    hub.bytes_per_second = 0
    got = bring()
    assert got.transferred == len(model_files[WEIGHTS]) - had
    assert (got.path / WEIGHTS).read_bytes() == model_files[WEIGHTS]


def test_a_server_without_ranges_sends_the_whole_file_again(hub: HubServer, model_files: dict[str, bytes]) -> None:
    hub.cut_after, hub.cuts, hub.knows_ranges = 1 << 20, 3, False
    got = bring()
    assert (got.path / WEIGHTS).read_bytes() == model_files[WEIGHTS]


def test_a_damaged_rest_of_the_last_time_is_brought_again(hub: HubServer, model_files: dict[str, bytes]) -> None:
    bring()
    (blob,) = (path for path in (repository_dir(ID) / "blobs").iterdir() if path.stat().st_size > 5_000_000)
    blob.rename(blob.with_name(f"{blob.name}.incomplete"))
    partial().write_bytes(b"\0" * 3_000_000)
    got = bring()
    assert (got.path / WEIGHTS).read_bytes() == model_files[WEIGHTS]
    assert [one.range for one in hub.of_cdn(WEIGHTS)] == [None, "bytes=3000000-", None]


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_other_bytes_than_the_hub_lists_are_refused_and_thrown_away(
    hub: HubServer, model_files: dict[str, bytes], name: str
) -> None:
    hub.served[name] = model_files[name][:-1] + b"!"
    with pytest.raises(DownloadError, match=f"gave other bytes for {name} than it lists"):
        bring()
    assert snapshot_dir(ID, "main") is None
    assert not [path for path in (repository_dir(ID) / "blobs").iterdir() if path.read_bytes() == hub.served[name]]


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_file_never_grows_beyond_what_the_hub_lists(hub: HubServer, model_files: dict[str, bytes], name: str) -> None:
    hub.served[name] = model_files[name] + b"x" * 4_000_000
    with pytest.raises(DownloadError, match=r"more of .* than the"):
        bring()
    assert partial().stat().st_size <= len(model_files[name])


def test_a_full_disk_is_told_before_the_weights_come(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getting, "free_disk_bytes", lambda place: getting.RESERVE + 5_000_000)
    with pytest.raises(StorageError, match=r"needs 6\.1 MiB more .* 260\.8 MiB are free.*HF_HUB_CACHE"):
        bring()
    assert not hub.of_cdn(WEIGHTS)


def test_a_disk_that_fills_up_meanwhile_is_told_too(hub: HubServer, model_files: dict[str, bytes]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    (entry,) = (one for one in hub.repositories[ID].listing() if one["rfilename"] == WEIGHTS)
    place = repository_dir(ID) / "blobs" / f"{entry['lfs']['sha256']}.incomplete"
    place.parent.mkdir(parents=True)
    place.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="no space is left on the disk"):
        bring()


# --- licence and access ----------------------------------------------------------------------------------------------


def test_nothing_comes_before_the_licence_is_accepted_by_its_name(hub: HubServer) -> None:
    with pytest.raises(InputError, match=r"licence 'apache-2.0', which was not accepted.*license=apache-2.0"):
        get_model(Wanted(ID))
    with pytest.raises(InputError, match=r"'mit' is not the licence of team/tiny-llama, which is 'apache-2.0'"):
        bring(license_id="mit")
    assert not hub_files(hub)
    answers = {"apache-2.0": True, "yes": False, "": False}
    for answer, taken in answers.items():
        asked: list[str] = []

        def person(question: str, answer: str = answer, asked: list[str] = asked) -> str:
            asked.append(question)
            return answer

        if taken:
            assert get_model(Wanted(ID), person).transferred
        else:
            with pytest.raises(InputError, match="licen"):
                get_model(Wanted(ID), person)
        assert "apache-2.0" in asked[0]


def hub_files(hub: HubServer) -> list[str]:
    return [one.path for one in hub.requests if "/resolve/" in one.path]


@pytest.mark.parametrize(
    ("license_id", "card", "name"),
    [
        ("other", {"license_name": "qwen-research", "license_link": "https://example.org/LICENSE"}, "qwen-research"),
        (None, {}, "unknown"),
        ("other", {}, "other"),
        ("llama3.1", {}, "LLAMA3.1"),
        ("other", {"license_name": ["a", "list"]}, "other"),
    ],
)
def test_a_licence_is_accepted_by_the_name_that_its_card_gives(
    hub: HubServer, license_id: str | None, card: dict[str, object], name: str
) -> None:
    hub.repositories[ID].license, hub.repositories[ID].card = license_id, card
    with pytest.raises(InputError, match="is not the licence"):
        bring(license_id="mit")
    assert bring(license_id=name).transferred


def test_a_gated_model_tells_what_opens_it(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories[ID].gated = "manual"
    with pytest.raises(DownloadError, match=f"is gated. Accept its licence on {hub.address}/{ID}, then set HF_TOKEN"):
        bring()
    assert not hub_files(hub)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories[ID].opened = False
    with pytest.raises(DownloadError, match="Your token does not open it") as error:
        bring()
    assert TOKEN not in str(error.value)
    hub.repositories[ID].opened = True
    assert bring().transferred


def test_the_token_goes_to_the_hub_alone_and_into_no_log(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    bring()
    assert all(one.authorized for one in hub.requests if one.host == "hub")
    assert not [one for one in hub.of_cdn() if one.authorized]
    log = log_file(ID).read_text()
    assert TOKEN not in log
    assert "signature" not in log


def test_a_cut_download_is_logged_without_the_signature_of_its_address(hub: HubServer) -> None:
    hub.cut_after = 1 << 21
    bring()
    log = log_file(ID).read_text()
    assert "the connection broke (RemoteProtocolError); tried again in" in log
    assert "complete: " in log
    assert "signature" not in log


@pytest.mark.parametrize(
    ("hub_id", "revision", "told"),
    [
        ("team/nothing", "main", "has no repository team/nothing, or does not show it to you.*HF_TOKEN"),
        (ID, "v9", "has no revision 'v9'"),
    ],
)
def test_what_the_hub_does_not_have_is_told(hub: HubServer, hub_id: str, revision: str, told: str) -> None:
    with pytest.raises(DownloadError, match=told):
        bring(hub_id, revision)


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "401 .* token"), (403, "403 .* not allowed"), (503, "503 .* Try again later"), (404, "404")],
)
def test_refusals_of_files_say_what_to_do(hub: HubServer, status: int, told: str) -> None:
    hub.status = status
    with pytest.raises(DownloadError, match=told):
        bring()


def test_an_unreachable_hub_and_offline_mode_are_told(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        bring()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        bring()


# --- which files -----------------------------------------------------------------------------------------------------


def test_only_safetensors_configuration_and_tokenizer_come(hub: HubServer, model_files: dict[str, bytes]) -> None:
    extra = {"modeling_own.py": b"evil", "pytorch_model.bin": b"pickle", "original/consolidated.00.pth": b"x",
             "consolidated.safetensors": b"x", "onnx/model.onnx": b"x", "runs/events": b"x",
             "model.fp16.safetensors": b"x",
             "adapter_model.safetensors": b"x"}  # fmt: skip
    hub.repositories[ID].files |= extra
    got = bring()
    assert {path.name for path in got.path.rglob("*")} == set(model_files)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"x"}, "pytorch_model.bin is pickle, which runs code"),
        ({"config.json": b"{}", "consolidated.00.pth": b"x"}, "is pickle"),
        ({"m.Q4_K_M.gguf": b"x", "m.Q8_0.gguf": b"x"}, r"file=m\.Q4_K_M\.gguf"),
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"}, "is an adapter"),
        ({"config.json": b"{}", "tf_model.h5": b"x"}, "tf_model.h5 is of another framework"),
        ({"README.md": b"x"}, "holds no weights"),
        ({WEIGHTS: b"x"}, "no config.json"),
    ],
)
def test_a_repository_without_safetensors_is_refused_with_the_reason(
    hub: HubServer, files: dict[str, bytes], told: str
) -> None:
    hub.repositories[ID] = Repository(files)
    with pytest.raises(DownloadError, match=told):
        bring()
    assert not hub_files(hub)


def test_weights_of_a_model_that_wants_to_run_code_do_not_come(hub: HubServer) -> None:
    config = {"model_type": "own", "auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}}
    hub.repositories[ID].files["config.json"] = json.dumps(config).encode()
    with pytest.raises(DownloadError, match="never runs code"):
        bring()
    assert not hub.of_cdn(WEIGHTS)
    assert snapshot_dir(ID, "main") is None


def test_shards_come_as_the_index_names_them(hub: HubServer, model_files: dict[str, bytes]) -> None:
    files = hub.repositories[ID].files
    files["model-00001-of-00001.safetensors"] = files.pop(WEIGHTS)
    files["model-old.safetensors"] = b"x"
    index = {"weight_map": {"lm_head.weight": "model-00001-of-00001.safetensors"}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    got = bring()
    assert [path.name for path in got.path.glob("*.safetensors")] == ["model-00001-of-00001.safetensors"]


@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "../../x.safetensors", 7])
def test_an_index_that_names_what_is_not_there_is_refused(hub: HubServer, name: object) -> None:
    index = {"weight_map": {"a": WEIGHTS, "b": name}}
    hub.repositories[ID].files["model.safetensors.index.json"] = json.dumps(index).encode()
    with pytest.raises(DownloadError, match="no such file of weights"):
        bring()


def test_one_gguf_file_comes_by_its_name(hub: HubServer) -> None:
    hub.repositories["team/gguf"] = Repository({"m.Q4_K_M.gguf": b"GGUF" * 100, "m.Q8_0.gguf": b"x", "README.md": b"y"})
    got = bring("team/gguf", file="m.Q4_K_M.gguf")
    assert got.path.read_bytes() == b"GGUF" * 100
    assert not (got.path.parent / "m.Q8_0.gguf").exists()
    with pytest.raises(InputError, match=r"has no file 'm.Q5.gguf'. Did you mean"):
        bring("team/gguf", file="m.Q5.gguf")
    with pytest.raises(InputError, match="only GGUF and safetensors"):
        bring("team/gguf", file="README.md")


def test_a_moved_branch_brings_the_new_commit_and_keeps_the_old_one(hub: HubServer) -> None:
    first = bring()
    hub.repositories[ID].files["README.md"] = b"A new card.\n"
    second = bring()
    assert first.path != second.path
    assert first.path.is_dir()
    assert snapshot_dir(ID, "main") == second.path
    assert second.transferred == len(b"A new card.\n"), "what both have is brought once"


def test_a_commit_is_asked_for_by_its_name(hub: HubServer) -> None:
    commit = hub.repositories[ID].commit
    got = bring(revision=commit)
    assert got.path.name == commit
    assert snapshot_dir(ID, "main") is None
    with pytest.raises(InputError, match=f"other revisions.*{commit}"):
        resolve_model("own", "hub", hub_id=ID)
    assert resolve_model("own", "hub", hub_id=ID, revision=commit).revision == commit


def test_what_another_program_downloaded_is_taken_over_where_it_is_whole(hub: HubServer) -> None:
    from huggingface_hub import snapshot_download

    cache = repository_dir(ID).parent
    snapshot_download(ID, cache_dir=cache, endpoint=hub.address)
    before = hub.sent()
    got = bring()
    assert (got.transferred, hub.sent()) == (0, before)
    assert record_path(getting.Snapshot(ID, hub.repositories[ID].commit, got.path)).is_file()
