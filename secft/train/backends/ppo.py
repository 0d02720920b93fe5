"""trainer=ppo: trl's PPOTrainer in Axolotl's environment, started as ``secft/train/foreign/ppo_run.py``.

Axolotl has no PPO, and the trl of secft's own environment has none any more; the trl that Axolotl is locked with is the
last that ships it. Questions are tokenised here. ``settings.json`` holds what the script is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from secft.environment import cuda_devices
from secft.errors import InputError
from secft.files import digest, read_jsonl, sha256_file, write_json, write_jsonl
from secft.train.arguments import adapter_arguments
from secft.train.backends.foreign import ENGINE, ORDERS, ForeignBackend, orders_of
from secft.train.backends.handover import Handover, Row, open_tokenizer
from secft.train.checkpoints import Progress, keep_rows_until, last_complete
from secft.train.job import TrainJob
from secft.train.template import end_of_turn_ids

SETTINGS = "settings.json"
SCRIPT = "ppo_run.py"
MAX_HELD_OUT = 64
"""Held-out questions that are answered at every evaluation; the first ones of the split."""


class PpoBackend(ForeignBackend):
    """Renders settings and tokenised questions, and launches the script; see the module."""

    name = "axolotl"
    script = SCRIPT

    def check(self, job: TrainJob) -> None:
        """Refuse what cannot be trained.

        Raises:
            InputError: too few answers in a step, several processes, or settings of Axolotl itself.
        """
        super().check(job)
        problems = []
        if job.micro_batch * job.gradient_accumulation < 2:
            problems.append(
                "trainer=ppo compares answers with each other: trainer.micro_batch_size times "
                "trainer.gradient_accumulation must be 2 or more"
            )
        if job.distributed.world > 1:
            problems.append("trainer=ppo trains in one process; use distributed=single")
        if self.extra:
            problems.append(
                f"backend.extra ({', '.join(sorted(self.extra))}): trainer=ppo does not read Axolotl's own settings"
            )
        if job.precision == "bf16" and not cuda_devices():
            problems.append("trainer=ppo trains in fp32 on a CPU; use trainer.precision=auto")
        if problems:
            raise InputError("; ".join(problems))

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], Handover, str]:
        """Write the questions of a job and return what the script is told; see ForeignBackend."""
        tokenizer = open_tokenizer(job)
        (stop,) = end_of_turn_ids(tokenizer)
        rows, used = _questions(job, tokenizer, directory / ENGINE / "rows")
        precision = "bf16" if cuda_devices() and job.precision != "fp32" else "fp32"
        values = {
            "model": job.model_dir,
            "local_files_only": job.offline,
            "seed": job.seed,
            "pad": padding_token(tokenizer, used, stop),
            # Training every weight keeps them in fp32: bf16 would swallow small updates.
            "dtype": "bfloat16" if precision == "bf16" and job.adapter != "none" else "float32",
            "adapter": _adapter(job),
            "quantization": _quantization(job, precision),
            "resume_from": None if resume is None else str(resume.absolute()),
            "train_rows": str(rows.train.absolute()),
            "validation_rows": None if rows.validation is None else str(rows.validation.absolute()),
            "training": _training(job, directory, rows, stop),
        }
        return values, rows, precision

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write questions, settings and orders; go on from the last complete checkpoint of this job.

        Raises:
            InputError: the job cannot be trained, or its rows not at all.
        """
        self.check(job)
        found = last_complete(directory / "checkpoints", job.fingerprint())
        progress = found[1] if found else Progress(job.fingerprint())
        keep_rows_until(directory / "metrics.jsonl", progress.step if found else -1)
        values, rows, precision = self.settings(job, directory, found[0] if found else None)
        write_json(directory / SETTINGS, values)
        write_json(directory / ORDERS, orders_of(job, rows, progress, precision))
        return [directory / SETTINGS, directory / ORDERS, rows.train, *([rows.validation] if rows.validation else [])]

    def command(self, directory: Path) -> list[str]:
        """Return the command line: one process of the environment's Python."""
        return [str(self.place.python), *self._program(directory)]


def padding_token(tokenizer: Any, used: set[int], stop: int) -> int:
    """Return a token that no prompt contains and no answer needs.

    trl's PPO takes every padding token for padding, also inside a prompt; many chat models pad with the token that ends
    a turn.

    Raises:
        InputError: the tokenizer has no token to spare.
    """
    own = tokenizer.pad_token_id
    spare = [own, *sorted(tokenizer.all_special_ids), *sorted(tokenizer.added_tokens_decoder)]
    for token in spare:
        if token is not None and token != stop and token not in used:
            return int(token)
    raise InputError("trainer=ppo needs a special token that no prompt contains, to pad with; this tokenizer has none")


@dataclass
class _Asked:
    """Questions of a file that leave room for an answer."""

    rows: list[Row]
    dropped: int
    tokens: set[int]


def _questions(job: TrainJob, tokenizer: Any, directory: Path) -> tuple[Handover, set[int]]:
    train = _ask(Path(job.train_file), job, tokenizer)
    if not train.rows:
        limit = f"{job.max_length} tokens with {job.sampling.max_new_tokens} for the answer"
        raise InputError(f"{job.train_file}: no question is left to train on ({train.dropped} exceed {limit})")
    held_out = _Asked([], 0, set())
    if job.validation_file is not None:
        held_out = _ask(Path(job.validation_file), job, tokenizer)
        held_out = replace(held_out, rows=held_out.rows[:MAX_HELD_OUT])
    path = _write(train.rows, directory, "train", Path(job.train_file), job)
    validation = None
    if held_out.rows and job.validation_file is not None:
        validation = _write(held_out.rows, directory, "validation", Path(job.validation_file), job)
    return Handover(path, validation, len(train.rows), train.dropped, 0), train.tokens | held_out.tokens


def _ask(path: Path, job: TrainJob, tokenizer: Any) -> _Asked:
    found = _Asked([], 0, set())
    for number, row in enumerate(read_jsonl(path), start=1):
        if not {"prompt", "answer", "choices"} <= row.keys():
            raise InputError(f"{path}:{number}: not a row of ppo")
        text = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) + job.sampling.max_new_tokens > job.max_length:
            found.dropped += 1
            continue
        found.tokens.update(ids)
        found.rows.append({"id": row["id"], "input_ids": ids, "answer": row["answer"], "choices": list(row["choices"])})
    return found


def _write(rows: list[Row], directory: Path, name: str, source: Path, job: TrainJob) -> Path:
    facts = [sha256_file(source), job.max_length, job.sampling.max_new_tokens]
    path = directory / f"{name}-{digest(facts)[:16]}.jsonl"
    directory.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, rows)
    return path


def _adapter(job: TrainJob) -> dict[str, Any] | None:
    if job.adapter == "none":
        return None
    return adapter_arguments(job)


def _quantization(job: TrainJob, precision: str) -> dict[str, Any] | None:
    if job.adapter != "qlora":
        return None
    if job.quantization.bits == 8:
        return {"load_in_8bit": True}
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": job.quantization.type,
        "bnb_4bit_use_double_quant": job.quantization.double,
        "bnb_4bit_compute_dtype": "bfloat16" if precision == "bf16" else "float32",
    }


def _training(job: TrainJob, directory: Path, rows: Handover, stop: int) -> dict[str, Any]:
    """Translate a job into a PPOConfig. A step is one batch of answers and all passes over it."""
    batch = job.micro_batch * job.gradient_accumulation
    steps = job.max_steps if job.max_steps > 0 else math.ceil(job.epochs * rows.examples / batch)
    validates = rows.validation is not None
    return {
        "output_dir": str((directory / "checkpoints").absolute()),
        "total_episodes": steps * batch,
        "per_device_train_batch_size": job.micro_batch,
        "gradient_accumulation_steps": job.gradient_accumulation,
        "local_rollout_forward_batch_size": job.micro_batch,
        "num_sample_generations": 0,
        "response_length": job.sampling.max_new_tokens,
        "temperature": job.sampling.temperature,
        "kl_coef": job.sampling.kl,
        "stop_token_id": stop,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": job.scheduler,
        "warmup_steps": round(job.warmup_ratio * steps),
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "optim": "adamw_torch",
        "seed": job.seed,
        "bf16": False,
        "fp16": False,
        "use_cpu": not cuda_devices(),
        "gradient_checkpointing": job.gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": job.log_steps,
        "eval_strategy": "steps" if validates and job.eval_steps else "no",
        "eval_steps": job.eval_steps or None,
        "save_strategy": "steps",
        "save_steps": job.save_steps or steps,
        # One checkpoint is deleted before the next one is marked as complete.
        "save_total_limit": max(job.save_total_limit, 2),
        "disable_tqdm": True,
        "report_to": "none",
    }
