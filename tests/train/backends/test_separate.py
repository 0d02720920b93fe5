"""What backends in environments of their own share: keys, rows, resumption, their process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.config.schemas.training import LoraConfig
from secft.errors import InputError, TrainingError
from secft.files import read_json, write_json
from secft.train import TrainJob, backend_named
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.keys import keys_of
from secft.train.backends.separate import SCRIPTS
from secft.train.checkpoints import CheckpointProgress, mark_complete
from secft.train.distributed.settings import DistributedSettings
from secft.train.environments.lock import lock_of
from secft.train.environments.place import Record, place_of, python_of
from secft.train.methods import methods_of
from secft.train.metrics import read_metrics
from tests.train.backends.rendering import KINDS, lines, render, row_of
from tests.train.conftest import changed, write_rows

Make = Callable[..., TrainJob]


METHODS = [
    (backend, method)
    for backend in KINDS
    for method in methods_of(backend)
    if method not in ("pretrain", "grpo", "ppo")
]


@pytest.mark.parametrize(("backend", "method"), METHODS)
def test_every_method_renders_keys_that_the_backend_knows(
    job_of: Make, tmp_path: Path, backend: str, method: str
) -> None:
    adapters = {"full": "none", "lora": "lora", "qlora": "qlora", "dora": "dora"}
    objective = "sft" if method in adapters else method
    config, orders = render(backend, job_of(objective, adapter=adapters.get(method, "lora")), tmp_path / "run")
    assert set(config) <= keys_of(backend)
    assert orders["examples"] == 12
    assert orders["validates"]
    by_messages = objective not in ("sft", "continue") or (backend, objective) == ("axolotl", "sft")
    assert bool(orders["expected"]) == by_messages


def test_rows_are_named_by_their_content(job_of: Make, tmp_path: Path) -> None:
    job = job_of()
    first, _ = render("axolotl", job, tmp_path / "run")
    again, _ = render("axolotl", job, tmp_path / "run")
    write_rows(Path(job.train_file), [row_of(i, "sft") for i in range(11)])
    other, _ = render("axolotl", job, tmp_path / "run")
    assert first["datasets"] == again["datasets"]
    assert first["datasets"] != other["datasets"]
    assert first["test_datasets"] == other["test_datasets"]


@pytest.mark.parametrize("backend", KINDS)
def test_long_rows_are_left_out_and_counted_before_the_backend_sees_them(
    job_of: Make, tmp_path: Path, backend: str
) -> None:
    job = job_of()
    long = row_of(12, "sft")
    long["messages"][1]["content"] = "overflow " * 200
    write_rows(Path(job.train_file), [*(row_of(i, "sft") for i in range(12)), long])
    _, orders = render(backend, job, tmp_path / "run")
    assert (orders["examples"], orders["dropped"], orders["truncated"]) == (12, 1, 0)
    rows = next((tmp_path / "run/engine/rows").glob("train-*.jsonl"))
    assert len(lines(rows)) <= 12
    with pytest.raises(InputError, match="is left to train on"):
        render(backend, changed(job, max_length=8), tmp_path / "other")


def test_preferences_by_the_names_of_each_backend(job_of: Make, tmp_path: Path) -> None:
    simpo, _ = render("axolotl", job_of("simpo"), tmp_path / "a")
    assert (simpo["rl"], simpo["rl_beta"], simpo["simpo_gamma"], simpo["cpo_alpha"]) == ("simpo", 2.0, 1.0, 0.0)
    orpo, _ = render("llama_factory", job_of("orpo"), tmp_path / "b")
    assert (orpo["stage"], orpo["pref_loss"], orpo["pref_beta"]) == ("dpo", "orpo", 0.1)
    info = read_json(tmp_path / "b/engine/rows/dataset_info.json")
    assert info["train"]["ranking"] is True
    chosen = lines(tmp_path / "b/engine/rows" / info["train"]["file_name"])[0]
    assert chosen["rejected"] == {"role": "assistant", "content": "B"}
    kto, _ = render("llama_factory", job_of("kto"), tmp_path / "c")
    assert kto["stage"] == "kto"
    assert read_json(tmp_path / "c/engine/rows/dataset_info.json")["train"]["columns"]["kto_tag"] == "label"


def test_rows_of_another_objective_are_refused(job_of: Make, tmp_path: Path) -> None:
    job = replace(job_of("sft"), trainer=job_of("dpo").trainer)
    with pytest.raises(InputError, match="is no row of pairs"):
        render("axolotl", job, tmp_path / "run")


def test_what_a_backend_cannot_do_is_refused_before_anything_is_written(job_of: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="llama_factory does not do grpo"):
        render("llama_factory", job_of("grpo"), tmp_path / "a")
    with pytest.raises(InputError, match="fp32 on a CPU"):
        render("axolotl", job_of(precision="bf16"), tmp_path / "b")
    with pytest.raises(InputError, match="bias=all is known to backend=trl only"):
        render("axolotl", job_of(lora=LoraConfig(bias="all")), tmp_path / "c")
    assert not list(tmp_path.glob("[abc]/*.yml"))


def test_goes_on_from_the_last_complete_checkpoint(job_of: Make, tmp_path: Path) -> None:
    job, run = job_of(), tmp_path / "run"
    for step in (2, 4):
        (run / f"checkpoints/checkpoint-{step}").mkdir(parents=True)
    mark_complete(run / "checkpoints/checkpoint-2", CheckpointProgress(job.fingerprint(), step=2, tokens=99))
    write_rows(run / "metrics.jsonl", [{"step": step, "loss": 1.0} for step in range(1, 5)])
    config, orders = render("llama_factory", job, run)
    assert config["resume_from_checkpoint"].endswith("checkpoint-2")
    assert orders["progress"]["tokens"] == 99
    assert [row["step"] for row in read_metrics(run / "metrics.jsonl")] == [1, 2]
    other, _ = render("llama_factory", replace(job, seed=5), run)
    assert "resume_from_checkpoint" not in other


def environment_at(root: Path, name: str) -> Path:
    """Put an environment there whose record says that it is finished."""
    place = place_of(name, root)
    python_of(place).parent.mkdir(parents=True)
    python_of(place).write_text("")
    Record("ready", lock_of(name).digest, str(place), "3.11", {}).write(place)
    return place


@pytest.mark.parametrize("name", KINDS)
def test_starts_the_python_of_its_environment_and_tells_nobody(
    job_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    place = environment_at(tmp_path / "envs", name)
    backend: Any = backend_named(name, tmp_path / "envs")
    run = tmp_path / "run"
    run.mkdir()
    backend.render(job_of(threads=2), run)
    command, variables = backend.command(run), backend.environment(run)
    assert command[0] == str(place / "bin/python")
    assert Path(command[1]).is_file()
    assert command[2] == str(run)
    assert variables["AXOLOTL_DO_NOT_TRACK"] == "1"
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert variables["OMP_NUM_THREADS"] == "2"
    assert Path(variables["HF_DATASETS_CACHE"]).is_relative_to(run)
    assert "PYTHONPATH" not in variables


def test_an_environment_is_kept_while_it_is_used(tmp_path: Path) -> None:
    environment_at(tmp_path, "axolotl")
    backend = AxolotlBackend(tmp_path)
    backend.prepare(lambda text: None)
    assert not can_be_removed("axolotl", tmp_path)
    with pytest.raises(TrainingError):
        backend.collect(tmp_path / "run")
    assert can_be_removed("axolotl", tmp_path)


def can_be_removed(name: str, root: Path) -> bool:
    """Whether nobody holds the lock of an environment, asked from another process."""
    code = (
        "import fcntl, os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    fcntl.flock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    locks = [str(path) for path in root.iterdir() if path.is_file() and name in path.name]
    assert locks
    return subprocess.run([sys.executable, "-c", code, *locks], check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", KINDS)
def test_several_processes_are_started_by_the_launcher_and_watched(job_of: Make, tmp_path: Path, name: str) -> None:
    place = environment_at(tmp_path / "envs", name)
    backend: Any = backend_named(name, tmp_path / "envs")
    run = tmp_path / "run"
    run.mkdir()
    backend.render(job_of(distributed=DistributedSettings("ddp", processes=2)), run)
    config, command = yaml.safe_load((run / "config.yml").read_text()), backend.command(run)
    assert config["ddp_timeout"] == 1800
    assert command[:3] == [sys.executable, "-m", "secft.train.distributed.supervise"]
    launched = command[command.index("--") + 1 :]
    assert launched[0] == str(place / "bin/python")
    assert launched[launched.index("--nproc-per-node") + 1] == "2"
    assert launched[-2:] == [str(SCRIPTS / backend.script), str(run)]


def test_a_result_is_complete_or_an_error(tmp_path: Path) -> None:
    backend = AxolotlBackend()
    with pytest.raises(TrainingError, match="without a result"):
        backend.collect(tmp_path)
    write_json(tmp_path / "result.json", {"adapter_dir": "adapter"})
    with pytest.raises(TrainingError, match="not there"):
        backend.collect(tmp_path)
