"""trainer=ppo: trl's PPOTrainer in Axolotl's environment, started as ``secft/train/runners/ppo_run.py``.

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
from secft.models.conversation import render_conversation
from secft.train.arguments import adapter_arguments, intervals, optimizer_argument
from secft.train.backends.exported_rows import ExportedRows, Row, open_tokenizer
from secft.train.backends.separate import JOB, RUNNER, SCRATCH, SeparateBackend
from secft.train.job import TrainJob
from secft.train.objectives.ppo import PpoTrainer
from secft.train.template import end_of_turn_ids
from secft.train.views import tools_of_row

SETTINGS = "settings.json"
MAX_HELD_OUT = 64
"""Held-out questions that are answered at every evaluation; the first ones of the split."""


class PpoBackend(SeparateBackend):
    """Renders settings and tokenised questions, and launches the script; see the module."""

    name = "axolotl"
    script = "ppo_run.py"

    def check(self, job: TrainJob) -> None:
        """Refuse what cannot be trained.

        Raises:
            InputError: too few answers in a step, several processes, or settings of Axolotl itself.
        """
        super().check(job)
        problems = []
        if job.trainer.micro_batch_size * job.trainer.gradient_accumulation < 2:
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
        if job.trainer.precision == "bf16" and not cuda_devices():
            problems.append("trainer=ppo trains in fp32 on a CPU; use trainer.precision=auto")
        if problems:
            raise InputError("; ".join(problems))

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], ExportedRows, str]:
        """Write the questions of a job and return what the script is told; see SeparateBackend."""
        tokenizer = open_tokenizer(job)
        (stop,) = end_of_turn_ids(tokenizer)
        rows, used = _questions(job, tokenizer, directory / SCRATCH / "rows")
        precision = "bf16" if cuda_devices() and job.trainer.precision != "fp32" else "fp32"
        values = {
            "model": job.model_dir,
            "local_files_only": job.offline,
            "seed": job.seed,
            "pad": padding_token(tokenizer, used, stop),
            # Training every weight keeps them in fp32: bf16 would swallow small updates.
            "dtype": "bfloat16" if precision == "bf16" and not job.adapter.whole else "float32",
            "adapter": None if job.adapter.whole else adapter_arguments(job),
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
        resume, progress = self.resumed(job, directory)
        values, rows, precision = self.settings(job, directory, resume)
        write_json(directory / SETTINGS, values)
        write_json(directory / RUNNER, self.runner_facts(job, rows, progress, precision))
        job.write(directory / JOB)
        names = [directory / name for name in (SETTINGS, RUNNER, JOB)]
        return [*names, rows.train, *([rows.validation] if rows.validation else [])]


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
class KeptQuestions:
    """Questions of a file that leave room for an answer."""

    rows: list[Row]
    dropped: int
    tokens: set[int]


def _questions(job: TrainJob, tokenizer: Any, directory: Path) -> tuple[ExportedRows, set[int]]:
    train = _ask(Path(job.train_file), job, tokenizer)
    if not train.rows:
        limit = (
            f"{job.trainer.max_length} tokens with {job.settings(PpoTrainer).sampling.max_new_tokens} for the answer"
        )
        raise InputError(f"{job.train_file}: no question is left to train on ({train.dropped} exceed {limit})")
    held_out = KeptQuestions([], 0, set())
    if job.validation_file is not None:
        held_out = _ask(Path(job.validation_file), job, tokenizer)
        held_out = replace(held_out, rows=held_out.rows[:MAX_HELD_OUT])
    path = _write(train.rows, directory, "train", Path(job.train_file), job)
    validation = None
    if held_out.rows and job.validation_file is not None:
        validation = _write(held_out.rows, directory, "validation", Path(job.validation_file), job)
    return ExportedRows(path, validation, len(train.rows), train.dropped, 0), train.tokens | held_out.tokens


def _ask(path: Path, job: TrainJob, tokenizer: Any) -> KeptQuestions:
    found = KeptQuestions([], 0, set())
    for number, row in enumerate(read_jsonl(path), start=1):
        if not {"prompt", "answer", "choices"} <= row.keys():
            raise InputError(f"{path}:{number}: not a row of ppo")
        text = render_conversation(tokenizer, row["prompt"], tools_of_row(row), generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) + job.settings(PpoTrainer).sampling.max_new_tokens > job.trainer.max_length:
            found.dropped += 1
            continue
        found.tokens.update(ids)
        found.rows.append({"id": row["id"], "input_ids": ids, "answer": row["answer"], "choices": list(row["choices"])})
    return found


def _write(rows: list[Row], directory: Path, name: str, source: Path, job: TrainJob) -> Path:
    facts = [sha256_file(source), job.trainer.max_length, job.settings(PpoTrainer).sampling.max_new_tokens]
    path = directory / f"{name}-{digest(facts)[:16]}.jsonl"
    directory.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, rows)
    return path


def _quantization(job: TrainJob, precision: str) -> dict[str, Any] | None:
    if not job.adapter.quantised:
        return None
    if job.quantization.bits == 8:
        return {"load_in_8bit": True}
    return {
        "load_in_4bit": True,
        "bnb_4bit_quant_type": job.quantization.type,
        "bnb_4bit_use_double_quant": job.quantization.double,
        "bnb_4bit_compute_dtype": "bfloat16" if precision == "bf16" else "float32",
    }


def _training(job: TrainJob, directory: Path, rows: ExportedRows, stop: int) -> dict[str, Any]:
    """Translate a job into a PPOConfig. A step is one batch of answers and all passes over it."""
    own = job.settings(PpoTrainer)
    batch = own.micro_batch_size * own.gradient_accumulation
    steps = job.trainer.max_steps or math.ceil(job.trainer.epochs * rows.examples / batch)
    validates = rows.validation is not None
    return {
        "output_dir": str((directory / "checkpoints").absolute()),
        "total_episodes": steps * batch,
        "per_device_train_batch_size": job.trainer.micro_batch_size,
        "gradient_accumulation_steps": job.trainer.gradient_accumulation,
        "local_rollout_forward_batch_size": job.trainer.micro_batch_size,
        "num_sample_generations": 0,
        "response_length": own.sampling.max_new_tokens,
        "temperature": own.sampling.temperature,
        "kl_coef": own.kl,
        "stop_token_id": stop,
        "learning_rate": job.trainer.learning_rate,
        "lr_scheduler_type": job.trainer.scheduler,
        "warmup_steps": round(job.trainer.warmup_ratio * steps),
        "weight_decay": job.trainer.weight_decay,
        "max_grad_norm": job.trainer.max_grad_norm,
        "optim": optimizer_argument(job, "adamw_torch"),
        "seed": job.seed,
        "bf16": False,
        "fp16": False,
        "use_cpu": not cuda_devices(),
        "gradient_checkpointing": job.trainer.gradient_checkpointing,
        "logging_strategy": "steps",
        "logging_steps": job.log_steps,
        **intervals(job, validates=validates),
        # trl's loop saves where its callbacks say so only.
        "save_steps": job.trainer.save_steps or steps,
        "disable_tqdm": True,
        "report_to": "none",
    }
