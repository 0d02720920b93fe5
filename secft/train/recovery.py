"""Another attempt after divergence or a lack of memory: what is changed, and what is said about it.

The changes of all attempts so far stand in ``recovery.json`` beside the checkpoints, so that a run that is stopped in
between goes on with them. The same job in the same place never forgets them.
"""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import read_json, write_json
from secft.train.divergence import DIVERGED, Divergence
from secft.train.job import TrainJob
from secft.train.runners.facts import read_marker

STATE = "recovery.json"
OUT_OF_MEMORY = (
    ("CUDA out of memory", "the GPU ran out of memory"),
    ("OutOfMemoryError", "the GPU ran out of memory"),
    ("DefaultCPUAllocator", "the machine ran out of memory"),
    ("MemoryError", "the machine ran out of memory"),
    ("std::bad_alloc", "the machine ran out of memory"),
    ("Cannot allocate memory", "the machine ran out of memory"),
)
ALLOCATION_WORDS = ("can't allocate memory", "not enough memory")
"""torch's allocator names itself in other errors too; only with these words did it lack memory."""


@dataclass(frozen=True)
class RecoveryState:
    """What attempts so far have changed.

    Attributes:
        job_digest: the job they belong to.
        rate: the learning rate is multiplied by it.
        micro_batch: rows per forward pass; 0 leaves the job's.
        events: one for each change: ``kind`` (rollback, memory), ``step`` from which training went on, ``reason``, and
            ``learning_rate`` or ``micro_batch`` and ``gradient_accumulation``.
    """

    job_digest: str
    rate: float = 1.0
    micro_batch: int = 0
    events: tuple[dict[str, Any], ...] = field(default_factory=tuple)

    @classmethod
    def read(cls, directory: Path, job: TrainJob) -> RecoveryState:
        """Return the state of a directory; another job's is forgotten."""
        digest, path = job.fingerprint(), directory / STATE
        values = read_json(path) if path.is_file() else {}
        if values.get("job_digest") != digest:
            return cls(digest)
        return cls(**{**values, "events": tuple(values["events"])})

    def write(self, directory: Path) -> None:
        """Keep the state for the next attempt."""
        write_json(directory / STATE, asdict(self))

    @property
    def rollbacks(self) -> int:
        """Returns to a checkpoint so far."""
        return sum(event["kind"] == "rollback" for event in self.events)

    def applied_to(self, job: TrainJob) -> TrainJob:
        """Return the job of the next attempt: the same global batch and the same identity."""
        if not self.events:
            return job
        trainer, micro = job.trainer, self.micro_batch or job.trainer.micro_batch_size
        changed = replace(
            trainer,
            learning_rate=trainer.learning_rate * self.rate,
            micro_batch_size=micro,
            gradient_accumulation=trainer.gradient_accumulation * (trainer.micro_batch_size // micro),
            # As many rollbacks as are left: with none the runner ends the run by itself.
            recovery=replace(trainer.recovery, rollbacks=max(trainer.recovery.rollbacks - self.rollbacks, 0)),
        )
        return replace(job, trainer=changed, adjusted_from=self.job_digest)

    def after(self, job: TrainJob, directory: Path, code: int, text: str, killed: bool) -> RecoveryState | None:
        """Return the state for another attempt, or None where another one would end the same way.

        Args:
            job: as it was given.
            directory: of the run; checkpoints from after the onset of a divergence are removed.
            code: exit code of the runner.
            text: what the runner printed in this attempt.
            killed: the system killed a process for want of memory in the meantime.
        """
        # What starts several processes may hide the code of one of them; the file was not there before this attempt.
        found = Divergence.read(directory)
        if found is not None:
            return self._rolled_back(job, directory, found)
        reason = "" if code == InputError.exit_code else memory_reason(code, text, killed)
        return self._smaller(job, directory, reason) if reason else None

    def _rolled_back(self, job: TrainJob, directory: Path, found: Divergence) -> RecoveryState | None:
        if self.rollbacks >= job.trainer.recovery.rollbacks:
            return None
        step = drop_checkpoints(directory / "checkpoints", found.onset)
        (directory / DIVERGED).unlink()
        rate = self.rate * job.trainer.recovery.factor
        event = {
            "kind": "rollback",
            "step": step,
            "reason": found.reason,
            "learning_rate": job.trainer.learning_rate * rate,
        }
        return replace(self, rate=rate, events=(*self.events, event))

    def _smaller(self, job: TrainJob, directory: Path, reason: str) -> RecoveryState | None:
        micro = smaller_micro_batch(self.micro_batch or job.trainer.micro_batch_size)
        if micro is None:
            return None
        accumulation = job.trainer.gradient_accumulation * (job.trainer.micro_batch_size // micro)
        event = {"kind": "memory", "step": last_step(directory / "checkpoints"), "reason": reason}
        event |= {"micro_batch": micro, "gradient_accumulation": accumulation}
        return replace(self, micro_batch=micro, events=(*self.events, event))


def described(event: dict[str, Any]) -> str:
    """Say what happened and what is done about it, in one line."""
    start = f"from step {event['step']}" if event["step"] else "from the beginning"
    if event["kind"] == "rollback":
        return f"{event['reason']}; going on {start} with learning rate {event['learning_rate']:.3g}"
    change = f"micro batch {event['micro_batch']} x accumulation {event['gradient_accumulation']}"
    return f"{event['reason']}; going on {start} with {change}, the same global batch"


def smaller_micro_batch(micro: int) -> int | None:
    """Return half the micro batch, or the next smaller divisor of it; None where it is one row already."""
    return next((size for size in range(micro // 2, 0, -1) if micro % size == 0), None)


def memory_reason(code: int, text: str, killed: bool) -> str:
    """Return why a runner lacked memory, or an empty string where nothing says that it did.

    A process killed by SIGKILL lacked memory only if the kernel counted such a kill; somebody may have killed it.
    """
    if code == -signal.SIGKILL:
        return "the system killed the runner because memory ran out" if killed else ""
    for marker, reason in OUT_OF_MEMORY:
        if marker in text and (marker != "DefaultCPUAllocator" or any(word in text for word in ALLOCATION_WORDS)):
            return reason
    return ""


def memory_kills() -> int:
    """Return how many processes the kernel has killed for want of memory, here and in this control group."""
    total = 0
    for path in (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events"), *_own_group()):
        if path.is_file():
            lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
            total += sum(int(words[1]) for words in lines if len(words) == 2 and words[0] == "oom_kill")
    return total


def _own_group() -> list[Path]:
    """Return where the control group of this process counts (version 2, and memory of version 1)."""
    path = Path("/proc/self/cgroup")
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers == "":
            found.append(Path(f"/sys/fs/cgroup{place}/memory.events"))
        elif "memory" in controllers.split(","):
            found.append(Path(f"/sys/fs/cgroup/memory{place}/memory.oom_control"))
    return found


def drop_checkpoints(directory: Path, onset: int) -> int:
    """Remove checkpoints from a step on and return the step of the newest one that is left, or 0."""
    for checkpoint in directory.glob("checkpoint-*"):
        if _step(checkpoint) is None or (_step(checkpoint) or 0) >= onset:
            shutil.rmtree(checkpoint, ignore_errors=True)
    return last_step(directory)


def last_step(directory: Path) -> int:
    """Return the step of the newest complete checkpoint, or 0."""
    return max((step for path in directory.glob("checkpoint-*") if (step := _step(path)) is not None), default=0)


def _step(checkpoint: Path) -> int | None:
    progress = read_marker(checkpoint)
    return progress.step if progress else None


def record(directory: Path, event: dict[str, Any]) -> None:
    """Write what was changed into the log and the metrics of a run."""
    row = {"step": event["step"], "epoch": None, **{key: event[key] for key in event if key != "step"}}
    with (directory / "metrics.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(row) + "\n")
    with (directory / "engine.log").open("a", encoding="utf-8") as handle:
        handle.write(f"secft: {described(event)}\n")
