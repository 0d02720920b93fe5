"""``python -m secft models``: what there is, what is here, downloads, checks and removal, as people type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from secft import base
from secft.__main__ import main
from secft.config.compose import read_config
from secft.config.places import looking_in
from secft.config.single import read_model_option
from secft.errors import ConfigError, InputError
from secft.models.cache import MANIFEST
from secft.models.downloads.cache import lock_of, repository_dir, snapshot_dir
from secft.planning import machine
from secft.planning.checks import FINETUNE_CHECKS, inspect
from secft.planning.situation import Situation
from tests.models.downloads.conftest import ID
from tests.models.downloads.hub_server import HubServer

GET = ["models", "get", ID, "license=apache-2.0"]
TEAM = ["--config-dir", "team"]


@pytest.fixture(autouse=True)
def own_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A team's own option beside secft's, and soundness left to its own tests."""
    monkeypatch.setattr("secft.models.hub.directory_faults", lambda directory: [])
    base._resolve.cache_clear()  # each command is a process of its own
    folder = tmp_path / "team" / "model"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(
        f"# python -m secft model=own\n# Ours\ndefaults:\n  - tiny\n  - _self_\nname: own\nkind: hub\nid: {ID}\n"
    )


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == code
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return found.out + found.err


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_options_of_secft_and_of_a_team_are_listed_with_what_is_here(
    hub: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def own() -> Any:
        options = as_json(capsys, "models", "list", *TEAM)["options"]
        assert {"llama31", "mixtral", "smollm2", "tiny", "own"} <= {one["option"] for one in options}
        return next(one for one in options if one["option"] == "own")

    assert own()["state"] == "not here"
    told(capsys, "models", "get", "own", "license=apache-2.0", *TEAM)
    (here,) = own()["here"]
    assert (here["state"], here["revision"]) == ("as recorded", hub.repositories[ID].commit)
    assert here["bytes"] == sum(map(len, hub.repositories[ID].files.values()))
    without = as_json(capsys, "models", "list")
    assert [one["model"] for one in without["others"]] == [ID], "what no option names is told besides"
    (Path(here["path"]) / "config.json").write_text("{}")
    assert own()["state"] == "changed"
    (Path(here["path"]) / "model.safetensors").unlink()
    (Path(here["path"]) / "config.json").unlink()
    assert own()["state"] == "incomplete"


def test_an_interrupted_download_is_listed(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    hub.cut_after = 1_000_000
    hub.silent = lambda: any(one.sent for one in hub.of_cdn("model.safetensors"))
    out = told(capsys, *GET, code=2)
    assert "are kept; the same command goes on" in out
    text = told(capsys, "models", "list", *TEAM)
    assert "download interrupted, 976.6 KiB of it here" in text
    assert "*.safetensors is missing: the download is incomplete" in told(capsys, "models", "verify", ID, code=2)


def test_show_tells_what_the_files_say_and_who_uses_them(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    hub.repositories[ID].license = "other"
    hub.repositories[ID].card = {"license_name": "team-licence"}
    before = as_json(capsys, "models", "show", "own", *TEAM)
    assert (before["here"], before["files"]) == ("not on this machine", [])
    told(capsys, "models", "get", ID, "license=team-licence")
    run = Path("outputs/own-lora-1")
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(f"model: {{name: own, id: {ID}}}\n")
    entry = Path("models/trl/own-lora-1")
    entry.mkdir(parents=True)
    (entry / "registration.json").write_text(json.dumps({"base_model": ID}))
    found = as_json(capsys, "models", "show", ID)
    assert (found["license"], found["revision"]) == ("team-licence", hub.repositories[ID].commit)
    assert (found["parameters"], found["context"], found["chat_template"]) == (3_219_776, 2048, "yes")
    assert found["architecture"]["architectures"] == ["LlamaForCausalLM"]
    assert found["architecture"]["num_hidden_layers"] == 2
    assert {one["name"] for one in found["files"]} == set(hub.repositories[ID].files)
    assert all(len(one["sha256"]) == 64 for one in found["files"])
    assert found["used_by"] == ["run own-lora-1 (unreadable)", f"registered {entry}"]
    text = told(capsys, "models", "show", ID)
    assert "3,219,776" in text
    assert "LlamaForCausalLM" in text


def test_verify_names_every_file_that_is_not_as_recorded(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, *GET)
    assert "all as recorded" in told(capsys, "models", "verify", ID)
    path = snapshot_dir(ID, "main")
    assert path
    content = (path / "config.json").read_text()
    (path / "config.json").write_text(content.replace("64", "46"))
    (path / "tokenizer_config.json").unlink()
    (path / "extra.json").write_text("{}")
    text = told(capsys, "models", "verify", code=2)
    for part in ("config.json has other bytes", "tokenizer_config.json is missing", "extra.json was added"):
        assert part in text
    assert f"models get {ID} brings back what differs" in text
    (found,) = as_json(capsys, "models", "verify", ID, code=2)
    assert not found["ok"]
    assert {one["name"]: one["state"] for one in found["files"] if one["state"] != "ok"} == {
        "config.json": "changed", "tokenizer_config.json": "missing", "extra.json": "added",
    }  # fmt: skip
    (path / "extra.json").unlink()
    told(capsys, *GET)
    told(capsys, "models", "verify", ID)


def test_verify_reads_converted_models_and_their_manifest(
    hub: HubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from secft.models.cache import cached_directory

    def build(target: Path) -> dict[str, Any]:
        (target / "config.json").write_text('{"hidden_size": 64}')
        return {"license": "mit"}

    entry = cached_directory(tmp_path / "secft" / "models" / "tiny-x", build)
    told(capsys, "models", "verify", "tiny")
    (entry / "config.json").write_text('{"hidden_size": 46}')
    assert "config.json has other bytes" in told(capsys, "models", "verify", "tiny", code=2)
    (entry / "config.json").write_text('{"hidden_size": 64}')
    (entry / MANIFEST).write_text((entry / MANIFEST).read_text().replace("mit", "gpl"))
    assert "manifest.json was changed" in told(capsys, "models", "verify", "tiny", code=2)


def test_a_directory_without_recorded_digests_does_not_pass(
    hub: HubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    assert "config.json has no recorded digest" in told(capsys, "models", "verify", "./mine", code=2)


def test_remove_tells_first_and_frees_on_request(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, *GET)
    first = hub.repositories[ID].commit
    hub.repositories[ID].files["README.md"] = b"New.\n"
    told(capsys, *GET)
    assert "Nothing was removed" in told(capsys, "models", "remove", ID)
    assert "would go" in told(capsys, "models", "remove", ID, "--revision", first)
    told(capsys, "models", "remove", ID, "--revision", first, "--yes")
    assert snapshot_dir(ID, first) is None
    told(capsys, "models", "verify", ID)  # what both had is still there
    with FileLock(lock_of(ID)):
        assert "is being downloaded right now" in told(capsys, "models", "remove", ID, "--yes", code=1)
    told(capsys, "models", "remove", ID, "--yes")
    assert not repository_dir(ID).exists()
    assert "is in no cache" in told(capsys, "models", "remove", ID, code=2)


def test_remove_leaves_directories_of_the_user_alone(
    hub: HubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    assert "not of a cache" in told(capsys, "models", "remove", "./mine", "--yes", code=2)
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["get", "lama31"], "Did you mean 'llama31'?"),
        (["show", "nothing"], "OWNER/NAME of the Hub"),
        (["get", "smollm2"], "comes with a package"),
        (["get", "tiny"], "nothing to download"),
        (["get", "../x"], "is no model"),
        (["get", ID, "licence=mit"], "licence"),
        (["get", ID, "revision=../x", "license=mit"], "no branch, tag or commit"),
        (["get", ID], "license=apache-2.0"),
        (["verify", "llama31"], "models get llama31"),
        (["show"], "MODEL"),
        (["take"], "invalid choice"),
    ],
)
def test_wrong_use_is_one_message(
    hub: HubServer, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert text in told(capsys, "models", *arguments, code=2)


def test_get_says_how_a_run_uses_it(hub: HubServer, capsys: pytest.CaptureFixture[str]) -> None:
    commit = hub.repositories[ID].commit
    assert f"model=own. model.revision={commit} keeps" in told(capsys, *GET, *TEAM)
    text = told(capsys, "models", "get", "own", "license=apache-2.0", f"revision={commit}", *TEAM)
    assert f"model=own model.revision={commit}" in text
    hub.repositories[ID].license = "mit"
    text = told(capsys, "models", "get", "own", "license=mit", *TEAM)
    assert "says its licence is 'apache-2.0', the Hub says 'mit'" in text


def test_one_option_is_read_by_itself(tmp_path: Path) -> None:
    with looking_in([tmp_path / "team"]):
        assert read_model_option("own").id == ID
        (tmp_path / "team" / "model" / "broken.yaml").write_text("defaults: [nothing]\nname: 7\n")
        with pytest.raises(ConfigError, match="its file is wrong"):
            read_model_option("broken")
        assert main(["models", "list", "--config-dir", str(tmp_path / "team")]) == 0
    with pytest.raises(ConfigError, match="is not an option"):
        read_model_option("own")


# --- runs ------------------------------------------------------------------------------------------------------------

RUN = [*TEAM, "model=own", "source=cwe", "synthesis=template"]
STOP = "all checks passed"


@pytest.fixture
def begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run ends where its stages would begin."""

    def stages(*_: object) -> None:
        raise InputError(STOP)

    monkeypatch.setattr("secft.commands.run.run_stages", stages)


def test_a_run_downloads_nothing_unless_it_is_told_to(
    hub: HubServer, capsys: pytest.CaptureFixture[str], begins: None
) -> None:
    text = told(capsys, *RUN, code=2)
    assert f"python -m secft models get {ID}" in text
    assert "model.download=true" in text
    assert "model.download=false" not in text
    assert not hub.requests
    told(capsys, *GET)
    asked = len(hub.requests)
    assert STOP in told(capsys, *RUN, code=2)
    assert len(hub.requests) == asked


def test_a_run_that_may_downloads_once_nothing_else_is_wrong(
    hub: HubServer, capsys: pytest.CaptureFixture[str], begins: None
) -> None:
    allowed = [*RUN, "model.download=true"]
    text = told(capsys, *allowed, "source=jsonl", "source.jsonl.paths=[nowhere.jsonl]", code=2)
    assert "nowhere.jsonl" in text
    assert not hub.requests
    hub.repositories[ID].license = "mit"
    text = told(capsys, *allowed, code=2)
    assert "model.license='apache-2.0' is not the licence" in text
    assert not [one for one in hub.requests if "/resolve/" in one.path]
    hub.repositories[ID].license = "apache-2.0"
    assert STOP in told(capsys, *allowed, code=2)
    path = snapshot_dir(ID, "main")
    assert path
    (path / "config.json").write_text("{}")
    base._resolve.cache_clear()
    assert "is not what was downloaded" in told(capsys, *RUN, code=2)
    assert STOP in told(capsys, *allowed, code=2), "what differs is brought again"


def test_a_licence_that_no_option_names_is_accepted_in_the_configuration(
    hub: HubServer, capsys: pytest.CaptureFixture[str], begins: None
) -> None:
    text = told(capsys, *RUN, "model.download=true", "model.license=unknown", code=2)
    assert "was not accepted" in text
    assert "model.license=apache-2.0" in text


def test_a_plan_tells_of_the_download_and_does_not_begin_it(hub: HubServer, tmp_path: Path) -> None:
    with looking_in([tmp_path / "team"]):
        config = read_config(["model=own", "source=cwe", "model.download=true", "dry_run=true"])
    assert machine.model_problems(Situation(config)) == []
    (note,) = inspect(FINETUNE_CHECKS, Situation(config), ("training",))
    assert not note.stops
    assert "the run downloads it from the Hub and takes its licence 'apache-2.0' for accepted" in str(note)
    assert not hub.requests
