"""backend=unsloth: Unsloth in an environment of its own.

Conversations are tokenised here, by the code that backend=trl uses, so that token ids and loss masks are equal. Rows
are padded, not packed: on a CPU Unsloth cannot keep packed examples apart. ``config.yml`` holds arguments of Unsloth's
``from_pretrained`` and ``get_peft_model`` and settings of trl's trainers, by their own names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.environment import cuda_devices
from secft.errors import InputError
from secft.train.arguments import adapter_arguments, training_arguments
from secft.train.backends.exported_rows import ExportedRows, export_rows, open_tokenizer, plain_answers
from secft.train.backends.separate import SCRATCH, SeparateBackend
from secft.train.backends.token_rows import conversations, questions, texts
from secft.train.job import TrainJob
from secft.train.views import CONVERSATIONS, QUESTIONS, TEXTS


class UnslothBackend(SeparateBackend):
    """Renders Unsloth's arguments and token ids and launches ``secft/train/runners/unsloth_run.py``."""

    name = "unsloth"
    script = "unsloth_run.py"

    def check(self, job: TrainJob) -> None:
        """Refuse what Unsloth cannot train.

        Raises:
            InputError: no such method here, unknown settings, or another form of quantised weights.
        """
        super().check(job)
        problem = _quantization_problem(job, cuda=bool(cuda_devices()))
        if problem:
            raise InputError(problem)

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], ExportedRows, str]:
        """Return the arguments of a job; see SeparateBackend."""
        place = directory.absolute() / SCRATCH / "rows"
        rows = _rows(job, place)
        values = {
            "train_rows": str(rows.train.absolute()),
            "validation_rows": None if rows.validation is None else str(rows.validation.absolute()),
            "resume_from_checkpoint": None if resume is None else str(resume.absolute()),
            **_loading(job),
            **({} if job.adapter.whole else {**adapter_arguments(job), "random_state": job.seed}),
            **training_arguments(job, place.parents[1] / "checkpoints", rows.examples, validates=bool(rows.validation)),
            **self.support(job).settings(job),
        }
        return {key: value for key, value in values.items() if value is not None}, rows, self.precision(job)

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables of the process; what Unsloth compiles stays inside the run's directory."""
        place = directory / SCRATCH / "compiled"
        return {**super().environment(directory), "UNSLOTH_COMPILE_LOCATION": str(place.absolute())}


def _quantization_problem(job: TrainJob, *, cuda: bool) -> str:
    wanted = job.quantization
    if not job.adapter.quantised:
        return ""
    if wanted.bits == 8:
        return "" if cuda else "trainer.quantization.bits=8: on a CPU Unsloth stores 4 bits; use backend=trl"
    if wanted.bits != 4 or wanted.type != "nf4" or not wanted.double:
        return "trainer.quantization: Unsloth stores 4 bits as nf4, scales quantised too; use backend=trl for others"
    return ""


def _rows(job: TrainJob, place: Path) -> ExportedRows:
    """Write the rows of a job; pairs of answers go on as they are."""
    tokenizer = open_tokenizer(job)
    writers = {CONVERSATIONS.name: conversations, TEXTS.name: texts, QUESTIONS.name: questions}
    write = writers.get(job.objective.rows.name)
    if write:
        return write(job, tokenizer, place)
    return export_rows(job, tokenizer, place, lambda row: plain_answers(tokenizer, row, job.objective.rows, "unsloth"))


def _loading(job: TrainJob) -> dict[str, Any]:
    quantised = job.adapter.quantised
    return {
        "model_name": job.model_dir,
        "max_seq_length": job.trainer.max_length,
        "load_in_4bit": quantised and job.quantization.bits == 4,
        "load_in_8bit": quantised and job.quantization.bits == 8,
        "full_finetuning": job.adapter.whole,
        "use_gradient_checkpointing": "unsloth" if job.trainer.gradient_checkpointing else False,
        "local_files_only": job.offline,
    }
