"""From a job to a trainer: tokenizer, rows, model, adapters, forward pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM, PrinterCallback, set_seed
from transformers.utils import logging as transformers_logging
from trl import SFTConfig

from secft.environment import cpu_computes_bf16
from secft.errors import InputError
from secft.models.loading import load_tokenizer, load_weights
from secft.models.turns import ensure_padding
from secft.train.arguments import ALL_LINEAR, adapter_arguments, target_modules, training_arguments
from secft.train.backends.trl.fused import fuse, fuses
from secft.train.backends.trl.observed import ObservedTrainer
from secft.train.backends.trl.quantised import quantised_loading, ready_for_adapters
from secft.train.backends.trl.sft_trainer import FlatBatchTrainer
from secft.train.checkpoints import CheckpointProgress
from secft.train.distributed.arguments import spread_settings
from secft.train.forward import select_forward
from secft.train.forward.generic import GenericLoss
from secft.train.job import TrainJob
from secft.train.methods import refusal, support_of
from secft.train.rows import LoadedExamples, Row, build_rows, collate
from secft.train.runners.guards import AdapterGradientGuard
from secft.train.views import QUESTIONS

# The fast path keeps attention probabilities, so its memory grows with the square of an example's length.
MAX_FAST_LENGTH = 2048


@dataclass(frozen=True)
class Counts:
    """Examples of the training file: those that are used, left out as too long, and cut."""

    examples: int
    dropped: int
    truncated: int


@dataclass
class LoadedJob:
    """Everything that is ready before the first step.

    Attributes:
        counts: of the training file.
        precision: bf16 or fp32.
        engine: which forward pass runs.
        build: makes the trainer: (job, where checkpoints go, its progress, metrics.jsonl).
    """

    counts: Counts
    precision: str
    engine: str
    build: Callable[[TrainJob, Path, CheckpointProgress, Path], ObservedTrainer]

    def trainer(self, job: TrainJob, directory: Path, progress: CheckpointProgress, metrics: Path) -> ObservedTrainer:
        """Build the trainer of a run's directory."""
        trainer = self.build(job, directory / "checkpoints", progress, metrics)
        trainer.remove_callback(PrinterCallback)
        # Where all answers to a question are equally good, there is rightly nothing to learn from them.
        # DeepSpeed keeps gradients to itself.
        if not job.adapter.whole and job.objective.rows is not QUESTIONS and not job.distributed.zero_stage:
            trainer.add_callback(AdapterGradientGuard())
        return trainer

    def describe(self) -> dict[str, str]:
        """Return what the result records about the choice of precision and forward pass."""
        return {"precision": self.precision, "engine": self.engine}


def load_job(job: TrainJob) -> LoadedJob:
    """Load and check everything that a job needs.

    Raises:
        InputError: if data, model or settings cannot be trained with.
        MissingExtraError: if qlora is asked for without bitsandbytes.
    """
    job.check()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    disable_progress_bars()
    if job.threads:
        torch.set_num_threads(job.threads)
    load = support_of(job.method, "trl").load
    if load is None:
        raise InputError(refusal(job.method.name, "trl"))
    tokenizer = load_tokenizer(job.model_dir, template=False, local_files_only=job.offline)
    return load(job, ensure_padding(tokenizer))


def load_examples_job(
    job: TrainJob, tokenizer: Any, read: Callable[[Path, Any, TrainJob], LoadedExamples]
) -> LoadedJob:
    """Read and tokenise the files of a job, load the model, and choose the forward pass."""
    train, validation = read(Path(job.train_file), tokenizer, job), None
    if job.validation_file is not None:
        validation = read(Path(job.validation_file), tokenizer, job)
    rows = build_rows(train.examples, job.trainer.max_length, packing=job.trainer.packing, seed=job.seed)
    validation_rows: list[Row] = []
    if validation is not None:
        validation_rows = build_rows(validation.examples, job.trainer.max_length, packing=True, seed=job.seed)
    precision = choose_precision(job.trainer.precision)
    # Adapters are drawn at random: seed first, or the same job gives another model.
    set_seed(job.seed)
    model = load_model(job, precision)
    longest = max(length for row in [*rows, *validation_rows] for length in row["lengths"])
    plain = not (job.adapter.whole or job.adapter.quantised or job.adapter.magnitudes)
    fits = plain and longest <= MAX_FAST_LENGTH and not job.distributed.sharded
    # The fast path has an attention of its own and keeps its activations.
    fits = fits and job.trainer.attention == "auto" and not job.trainer.gradient_checkpointing
    fast = job.fast_path and fits and not torch.cuda.is_available()
    forward = select_forward(model, compile_kernels=job.trainer.compile, fast=fast)

    def build(job: TrainJob, checkpoints: Path, progress: CheckpointProgress, metrics: Path) -> ObservedTrainer:
        trainer = FlatBatchTrainer(
            job=job,
            forward=forward,
            validation=validation_rows,
            progress=progress,
            metrics=metrics,
            model=model,
            args=sft_config(job, checkpoints, len(rows), precision, autocast=forward.name == GenericLoss.name),
            train_dataset=Dataset.from_list([dict(row) for row in rows]),
            eval_dataset=Dataset.from_list([dict(row) for row in validation_rows]) if validation_rows else None,
            processing_class=tokenizer,
            data_collator=collate,
        )
        train_in_fp32(trainer.model)
        return trainer

    counts = Counts(len(train.examples), train.dropped, train.truncated)
    return LoadedJob(counts, precision, forward.name + ("+liger" if fuses(job) else ""), build)


def choose_precision(wanted: str) -> str:
    """Resolve ``auto``: bf16 where the processor or device computes in it, else fp32."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if cpu_computes_bf16() else "fp32"


def load_model(job: TrainJob, precision: str, kind: Any = AutoModelForCausalLM, **changes: Any) -> Any:
    """Load the base model and attach adapters: new ones, or those that the job goes on with.

    Args:
        job: which model, and what is trained of it.
        precision: bf16 or fp32.
        kind: the class of transformers that loads it.
        changes: further arguments of its ``from_pretrained``.

    Returns:
        A PeftModel (lora, qlora, dora) or the model itself (none).
    """
    model = load_base(job, precision, kind, **changes)
    if job.adapter.whole:
        return model
    if job.start_adapter:
        return with_start(model, job)
    from peft import get_peft_model

    try:
        adapted = get_peft_model(model, adapter_config(job, model))
    except ValueError as error:
        raise InputError(f"trainer.lora does not fit this model: {error}") from error
    if job.lora.modules_to_save:
        train_in_fp32(adapted)  # copies of whole modules are as wide as the base
    return adapted


def with_start(model: Any, job: TrainJob) -> Any:
    """Put the adapter that a job goes on with beside a loaded base model, to be trained on, its weights in fp32."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, job.start_adapter, is_trainable=True)


def train_in_fp32(model: Any) -> None:
    """Keep trained weights in fp32: trl rounds adapters of a quantised base to bf16, which swallows small updates."""
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype != torch.float32:
            parameter.data = parameter.data.float()


def load_base(job: TrainJob, precision: str, kind: Any = AutoModelForCausalLM, **changes: Any) -> Any:
    """Load the base model without adapters: quantised, and made ready for adapters, where the job says so."""
    # Full fine-tuning keeps fp32 weights and computes under autocast: bf16 weights would swallow small updates.
    dtype = torch.bfloat16 if precision == "bf16" and not job.adapter.whole else torch.float32
    arguments: dict[str, Any] = {"dtype": dtype, "local_files_only": job.offline}
    if job.trainer.attention != "auto":
        arguments["attn_implementation"] = job.trainer.attention
    if job.adapter.quantised:
        arguments.update(quantised_loading(job, dtype))
    model = load_weights(job.model_dir, kind, **arguments, **changes)
    model.config.use_cache = False
    if kind is AutoModelForCausalLM and fuses(job):
        fuse(model)
    if job.adapter.quantised:
        ready_for_adapters(model, job)
    return model


def adapter_config(job: TrainJob, model: Any, task: str = "CAUSAL_LM") -> Any:
    """Translate the settings of an adapter for peft; a model that also sees gets it on its language model."""
    from peft import LoraConfig

    return LoraConfig(task_type=task, **other_parts(job, model), **adapter_arguments(job))


def other_parts(job: TrainJob, model: Any) -> dict[str, str]:
    """Return what keeps adapters on all linear modules off the parts that no text reaches."""
    text = model.config.get_text_config()
    if text is model.config or target_modules(job) != ALL_LINEAR:
        return {}
    decoder = model.get_decoder()
    place = next((name for name, module in model.named_modules() if module is decoder and name), "")
    return {"exclude_modules": rf"(?!{re.escape(place)}\.).*"} if place else {}


def training_settings(job: TrainJob, output_dir: Path, rows: int, precision: str) -> dict[str, Any]:
    """Translate a job into the settings that every trainer of trl has."""
    return {
        **training_arguments(job, output_dir, rows, validates=job.validation_file is not None),
        "bf16": precision == "bf16" and (job.adapter.whole or bool(job.lora.modules_to_save)),
        "fp16": False,
        "use_cpu": not torch.cuda.is_available() or job.distributed.device == "cpu",
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        **spread_settings(job),
    }


def sft_config(job: TrainJob, output_dir: Path, rows: int, precision: str, *, autocast: bool) -> Any:
    """Translate a job into the settings of trl's SFTTrainer.

    Args:
        job: what is trained.
        output_dir: where checkpoints go.
        rows: of the training.
        precision: bf16 or fp32.
        autocast: products of adapters, whose weights are fp32, are computed in the precision, too; the fast path
            chooses types by itself.
    """
    settings = training_settings(job, output_dir, rows, precision)
    return SFTConfig(
        **{**settings, "bf16": precision == "bf16" and (autocast or job.adapter.whole)},
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=job.trainer.max_length,
        packing=False,
    )
