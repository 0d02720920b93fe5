"""Launching a training in a process of its own: progress, errors, kills and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from secft.errors import InputError, Interrupted, TrainingError
from secft.files import sha256_file
from secft.models.base_model import BaseModel
from secft.train import Backend, TrainJob, TrainResult, backend_named, run_training
from secft.train.checkpoints import MARKER
from secft.train.distributed.settings import DistributedSettings
from secft.train.metrics import read_metrics
from secft.train.progress import StepProgress
from tests.train.conftest import small_job, write_rows

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]
EIGHT_EPOCHS = {"epochs": 8, "eval_steps": 48}


def adapter_digest(result: TrainResult) -> str:
    return sha256_file(result.adapter_dir / "adapter_model.safetensors")


def test_launch_reports_progress_and_does_not_train_twice(make_job: Make, tmp_path: Path) -> None:
    job, seen = make_job(max_steps=3), []
    result = run_training(job, backend_named("trl"), tmp_path / "run", seen.append)
    assert [p.step for p in seen if p.loss is not None] == [1, 2, 3]
    assert all(p.total_steps == 3 for p in seen)
    again = run_training(job, backend_named("trl"), tmp_path / "run", lambda _: pytest.fail("trained again"))
    assert again == result


def test_failing_engine_is_explained(make_job: Make, tmp_path: Path) -> None:
    class Broken(Backend[TrainJob]):
        name = "broken"

        def render(self, job: TrainJob, directory: Path) -> list[Path]:
            return []

        def command(self, directory: Path) -> list[str]:
            return [sys.executable, "-c", "raise MemoryError('no room')"]

    with pytest.raises(TrainingError, match=r"exit code 1(.|\n)*ran out of memory(.|\n)*engine\.log(.|\n)*no room"):
        run_training(make_job(), Broken(), tmp_path / "run", lambda _: None)


def test_a_runner_sees_the_devices_that_it_may_use(make_job: Make, tmp_path: Path) -> None:
    class Telling(Backend[TrainJob]):
        name = "telling"

        def render(self, job: TrainJob, directory: Path) -> list[Path]:
            return []

        def command(self, directory: Path) -> list[str]:
            program = "import os, secft; raise SystemExit('sees ' + repr(os.environ.get('CUDA_VISIBLE_DEVICES')))"
            return [sys.executable, "-c", program]

    for visible, seen in (("5", "sees '5'"), ("none", "sees ''")):
        job = make_job(distributed=DistributedSettings(visible=visible))
        with pytest.raises(TrainingError, match=seen):
            run_training(job, Telling(), tmp_path / visible, lambda _: None)


def test_engine_passes_input_errors_on(make_job: Make, tmp_path: Path) -> None:
    empty = write_rows(tmp_path / "empty.jsonl", [])
    with pytest.raises(InputError, match="no example is left"):
        run_training(make_job(train_file=str(empty)), backend_named("trl"), tmp_path / "run", lambda _: None)


def launch_apart(job: TrainJob, directory: Path) -> subprocess.Popen[bytes]:
    """Run run_training in a process of its own, to be killed."""
    code = (
        "import sys, pathlib; from secft.train import *\n"
        "job = TrainJob.read(pathlib.Path(sys.argv[1]))\n"
        "run_training(job, backend_named('trl'), pathlib.Path(sys.argv[2]))\n"
    )
    job.write(directory.with_suffix(".json"))
    return subprocess.Popen([sys.executable, "-c", code, str(directory.with_suffix(".json")), str(directory)])


def wait_for_step(directory: Path, step: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(row["step"] >= step for row in read_metrics(directory / "metrics.jsonl")):
            return
        time.sleep(0.02)
    pytest.fail("training did not get going")


@pytest.fixture(scope="module")
def undisturbed(tiny: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """How a training of 96 steps ends that nothing interrupts; how often it is saved changes nothing."""
    folder = tmp_path_factory.mktemp("undisturbed")
    job = small_job(tiny, folder, **EIGHT_EPOCHS, save_steps=1000)
    return run_training(job, backend_named("trl"), folder / "run", lambda _: None)


@pytest.mark.slow
def test_killed_run_ends_like_an_undisturbed_one_and_leaves_out_a_damaged_checkpoint(
    make_job: Make, undisturbed: TrainResult, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = make_job(**EIGHT_EPOCHS)
    process = launch_apart(job, tmp_path / "killed")
    wait_for_step(tmp_path / "killed", 5)
    process.kill()
    process.wait()
    time.sleep(0.5)
    rows = read_metrics(tmp_path / "killed" / "metrics.jsonl")
    time.sleep(0.5)
    assert rows == read_metrics(tmp_path / "killed" / "metrics.jsonl"), "the runner outlived its parent"
    complete = [path.parent for path in (tmp_path / "killed" / "checkpoints").glob(f"*/{MARKER}")]
    newest = max(complete, key=lambda path: int(path.name.partition("-")[2]))
    weights = bytearray((newest / "adapter_model.safetensors").read_bytes())
    weights[-1] ^= 1
    (newest / "adapter_model.safetensors").write_bytes(weights)
    resumed = run_training(job, backend_named("trl"), tmp_path / "killed", lambda _: None)
    assert resumed.steps == undisturbed.steps
    assert adapter_digest(resumed) == adapter_digest(undisturbed)
    said = capfd.readouterr().err
    assert f"train: {newest} is damaged: adapter_model.safetensors changed since it was written" in said


@pytest.mark.slow
def test_sigterm_writes_a_checkpoint_and_the_run_goes_on_to_the_same_weights(
    make_job: Make, undisturbed: TrainResult, tmp_path: Path
) -> None:
    job = make_job(**EIGHT_EPOCHS, save_steps=1000)

    def stop_at_three(progress: StepProgress) -> None:
        if progress.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        run_training(job, backend_named("trl"), tmp_path / "run", stop_at_three)
    written = [path.parent.name for path in (tmp_path / "run" / "checkpoints").glob(f"checkpoint-*/{MARKER}")]
    assert len(written) == 1
    assert 3 <= int(written[0].removeprefix("checkpoint-")) < undisturbed.steps
    resumed = run_training(job, backend_named("trl"), tmp_path / "run", lambda _: None)
    assert (resumed.steps, resumed.tokens) == (undisturbed.steps, undisturbed.tokens)
    assert adapter_digest(resumed) == adapter_digest(undisturbed)
