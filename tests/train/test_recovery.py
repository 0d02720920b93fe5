"""Another attempt after divergence or a lack of memory; a full disk; what is left then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import RecoveryConfig
from secft.errors import StorageError, TrainingError
from secft.files import sha256_file
from secft.train import TrainJob, TrainResult, backend_named, run_training
from secft.train.attempt import RunnerEnd
from secft.train.checkpoints import MARKER
from secft.train.launch import explain_end
from secft.train.metrics import is_event, read_metrics
from secft.train.progress import StepProgress
from secft.train.recovery import RecoveryState, memory_reason, smaller_micro_batch
from tests.train.conftest import WORDS, conversation, train_here, write_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


GUARDED = RecoveryConfig(rollbacks=2, factor=0.5, spike=3.0, patience=3)


def train(job: TrainJob, directory: Path) -> TrainResult:
    return run_training(job, backend_named("trl"), directory, lambda _: None)


def adapter_digest(result: TrainResult) -> str:
    return sha256_file(result.adapter_dir / "adapter_model.safetensors")


def events(directory: Path) -> list[dict[str, Any]]:
    return [row for row in read_metrics(directory / "metrics.jsonl") if is_event(row)]


def test_micro_batches_become_smaller_and_the_global_batch_stays(make_job: Make, tmp_path: Path) -> None:
    assert [smaller_micro_batch(n) for n in (8, 6, 9, 5, 1)] == [4, 3, 3, 1, None]
    job = make_job(micro_batch_size=6, gradient_accumulation=2)
    state: RecoveryState | None = RecoveryState.read(tmp_path, job)
    for micro, accumulation in ((3, 4), (1, 12)):
        assert state is not None
        state = state.after(job, tmp_path, 1, "MemoryError: no room", killed=False)
        assert state is not None
        state.write(tmp_path)
        tried = RecoveryState.read(tmp_path, job).applied_to(job)
        assert (tried.trainer.micro_batch_size, tried.trainer.gradient_accumulation) == (micro, accumulation)
        assert tried.fingerprint() == job.fingerprint()
        assert tried.trainer.learning_rate == job.trainer.learning_rate
    assert state is not None
    assert state.after(job, tmp_path, 1, "MemoryError: no room", killed=False) is None
    assert RecoveryState.read(tmp_path, make_job(seed=9)).events == (), "another job's changes are forgotten"


def test_only_what_says_so_is_a_lack_of_memory() -> None:
    assert memory_reason(1, "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried", False)
    assert not memory_reason(1, "RuntimeError: DefaultCPUAllocator: something else", False)
    assert memory_reason(1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", False)
    assert memory_reason(-6, "terminate called after throwing an instance of 'std::bad_alloc'", False)
    assert memory_reason(-9, "", True)
    assert not memory_reason(-9, "", False), "somebody killed it"
    assert not memory_reason(1, "ValueError: no", True)


def test_a_loss_that_rises_goes_back_with_a_lower_learning_rate(
    make_job: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rate of 3 is reached after a warm-up; a thousandth of it trains well."""
    changes = {"scheduler": "constant_with_warmup", "warmup_ratio": 0.5, "max_grad_norm": 0.0, "max_steps": 40}
    recovery = RecoveryConfig(rollbacks=2, factor=1e-3, spike=1.5, patience=2)
    wild = make_job(learning_rate=3.0, adapter="none", recovery=recovery, **changes)
    result = train(wild, tmp_path / "run")
    assert result.status == "completed"
    assert result.steps == 40
    (event,) = result.recoveries
    assert event["kind"] == "rollback"
    assert event["learning_rate"] == pytest.approx(3e-3)
    assert events(tmp_path / "run")[0]["reason"] == event["reason"]
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 41))
    assert rows[-1]["learning_rate"] == pytest.approx(3e-3)
    assert rows[-1]["loss"] < 6, "ln 49152 is 10.8"
    said = capsys.readouterr().err
    assert "with learning rate 0.003" in said
    assert f"secft: {event['reason']}" in (tmp_path / "run" / "engine.log").read_text()
    assert train(wild, tmp_path / "run") == result, "a finished run is told the same way again"


def test_numbers_that_are_never_finite_end_with_finite_weights(make_job: Make, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    job = make_job(learning_rate=1e30, max_grad_norm=0.0, max_steps=6, eval_steps=100, recovery=GUARDED)
    result = train(job, tmp_path / "run")
    assert result.status == "diverged"
    assert [event["kind"] for event in result.recoveries] == ["rollback", "rollback"]
    assert "is not finite" in result.recoveries[0]["reason"]
    assert result.recoveries[1]["learning_rate"] == pytest.approx(job.trainer.learning_rate / 4)
    weights = load_file(result.adapter_dir / "adapter_model.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


LIMITED = (
    "import resource, sys, pathlib; from secft.train import *\n"
    "resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]), resource.RLIM_INFINITY))\n"
    "job = TrainJob.read(pathlib.Path(sys.argv[1]))\n"
    "print(run_training(job, backend_named('trl'), pathlib.Path(sys.argv[2]), lambda _: None).as_dict())\n"
)


def limited(job: TrainJob, directory: Path, size: int) -> subprocess.CompletedProcess[str]:
    """Train where no process may have more than ``size`` bytes of address space."""
    job.write(directory.with_suffix(".json"))
    command = [sys.executable, "-c", LIMITED, str(directory.with_suffix(".json")), str(directory), str(size)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def long_rows(make_job: Make, tmp_path: Path) -> Callable[[int], TrainJob]:
    """Jobs over rows of 400 tokens, by micro batch; the logits of one row are 60 MB."""
    rows = [conversation(index) for index in range(16)]
    for row in rows:
        row["messages"][1]["content"] = " ".join(WORDS * 28)
    train_file = str(write_rows(tmp_path / "long.jsonl", rows))
    generic: dict[str, Any] = {"packing": False, "fast_path": False, "threads": 1, "precision": "fp32"}
    return lambda micro: make_job(
        micro_batch_size=micro, train_file=train_file, validation_file=None, max_length=512, max_steps=2, **generic
    )


@pytest.mark.slow
def test_without_memory_the_micro_batch_is_halved_and_the_result_is_the_same(
    long_rows: Callable[[int], TrainJob], tmp_path: Path
) -> None:
    """Eight rows do not fit into half a GiB more than one row needs."""
    job, size = long_rows(8), needed(long_rows(1), tmp_path / "one") + (512 << 20)
    done = limited(job, tmp_path / "run", size)
    assert done.returncode == 0, done.stderr
    assert "ran out of memory; going on from the beginning with micro batch 4 x accumulation 2" in done.stderr
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["status"] == "completed"
    assert {event["kind"] for event in result["recoveries"]} == {"memory"}
    free = train_here(job, tmp_path / "free")
    assert result["tokens"] == free.tokens
    assert result["train_loss"] == pytest.approx(free.train_loss, rel=1e-4)
    assert events(tmp_path / "run")[0]["micro_batch"] == 4


@pytest.mark.slow
@pytest.mark.nightly
def test_a_single_row_that_does_not_fit_says_what_to_lower(
    long_rows: Callable[[int], TrainJob], tmp_path: Path
) -> None:
    job = long_rows(1)
    done = limited(job, tmp_path / "run", needed(job, tmp_path / "one") - (100 << 20))
    assert done.returncode != 0
    assert "with a micro batch of one row; lower trainer.max_length" in done.stderr
    assert "going on" not in done.stderr


def needed(job: TrainJob, directory: Path) -> int:
    """Return how many bytes of address space the engine's process needs for a job."""
    directory.mkdir()
    job.write(directory / "job.json")
    code = (
        "import sys; from secft.train.backends.trl.runner import main; main(sys.argv[1:]);"
        "print([line for line in open('/proc/self/status') if line.startswith('VmPeak')][0])"
    )
    command = [sys.executable, "-c", code, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return int(done.stdout.split("VmPeak:")[1].split()[0]) << 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB; needs the right to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_keeps_the_last_checkpoint_and_says_what_to_do(
    make_job: Make, small_disk: Path, tmp_path: Path
) -> None:
    job = make_job(max_steps=8, eval_steps=100)
    whole = train(job, tmp_path / "whole")
    one = sum(path.stat().st_size for path in (tmp_path / "whole" / "checkpoints" / "checkpoint-8").iterdir())
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - int(1.6 * one)))
    with pytest.raises(StorageError, match=r"no space is left on the disk(.|\n)*from the checkpoint of step 2"):
        train(job, small_disk / "run")
    kept = [path.parent.name for path in (small_disk / "run" / "checkpoints").glob(f"*/{MARKER}")]
    assert kept == ["checkpoint-2"]
    filler.unlink()
    resumed = train(job, small_disk / "run")
    assert resumed.status == "completed"
    assert adapter_digest(resumed) == adapter_digest(whole)


def test_a_disk_without_room_for_the_message_either_is_said_to_be_full(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    silent = RunnerEnd(["python"], code=1, text="", killed_for_memory=False)
    with pytest.raises(StorageError, match="no space is left on the disk"):
        explain_end(silent, small_disk)
    (small_disk / "filler").unlink()
    with pytest.raises(TrainingError, match="exit code 1"):
        explain_end(silent, small_disk)


def test_an_engine_that_is_killed_is_not_taken_for_one_without_memory(make_job: Make, tmp_path: Path) -> None:
    def kill(progress: StepProgress) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if str(tmp_path / "run").encode() in words:
                os.kill(int(path.parent.name), signal.SIGKILL)

    with pytest.raises(TrainingError, match="somebody killed it"):
        run_training(make_job(epochs=200), backend_named("trl"), tmp_path / "run", kill)
    assert RecoveryState.read(tmp_path / "run", make_job(epochs=200)).events == ()
