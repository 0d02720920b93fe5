"""From a job to a trainer: tokenizer, rows, model, adapters, forward pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, set_seed
from transformers.utils import logging as transformers_logging
from trl import SFTConfig

from secft.errors import InputError, MissingExtraError
from secft.train.checkpoints import Progress
from secft.train.engines.sft_trainer import FlatBatchTrainer, StepRecorder
from secft.train.forward import LossFunction, select_forward
from secft.train.job import TrainJob
from secft.train.rows import LoadedExamples, Row, build_rows, collate, load_examples

# The fast path keeps attention probabilities, so its memory grows with the square of an example's length.
MAX_FAST_LENGTH = 2048


@dataclass
class LoadedJob:
    """Everything that is ready before the first step."""

    tokenizer: Any
    model: Any
    forward: LossFunction
    train_rows: list[Row]
    validation_rows: list[Row]
    train_examples: LoadedExamples
    precision: str

    def trainer(self, job: TrainJob, directory: Path, progress: Progress, metrics: Path) -> FlatBatchTrainer:
        """Build the trainer."""
        trainer = FlatBatchTrainer(
            job=job,
            forward=self.forward,
            validation=self.validation_rows,
            progress=progress,
            metrics=metrics,
            model=self.model,
            args=sft_config(job, directory / "checkpoints", len(self.train_rows), self.precision),
            train_dataset=Dataset.from_list([dict(row) for row in self.train_rows]),
            eval_dataset=Dataset.from_list([dict(row) for row in self.validation_rows])
            if self.validation_rows
            else None,
            processing_class=self.tokenizer,
            data_collator=collate,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(StepRecorder(trainer))
        return trainer

    def describe(self) -> dict[str, str]:
        """Return what the result records about the choice of precision and forward pass."""
        return {"precision": self.precision, "engine": self.forward.name}


def load_job(job: TrainJob) -> LoadedJob:
    """Load and check everything that a job needs.

    Raises:
        InputError: if data, model or settings cannot be trained with.
        MissingExtraError: if qlora is asked for without bitsandbytes.
    """
    job.check()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    if job.threads:
        torch.set_num_threads(job.threads)
    tokenizer = AutoTokenizer.from_pretrained(job.model_dir, local_files_only=job.offline, trust_remote_code=False)
    train = load_examples(Path(job.train_file), tokenizer, job)
    rows = build_rows(train.examples, job.max_length, packing=job.packing, seed=job.seed)
    validation_rows: list[Row] = []
    if job.validation_file is not None:
        validation = load_examples(Path(job.validation_file), tokenizer, job)
        validation_rows = build_rows(validation.examples, job.max_length, packing=True, seed=job.seed)
    precision = choose_precision(job.precision)
    # Adapters are drawn at random: seed first, or the same job gives another model.
    set_seed(job.seed)
    model = load_model(job, precision)
    longest = max(length for row in [*rows, *validation_rows] for length in row["lengths"])
    fast = job.fast_path and job.adapter == "lora" and longest <= MAX_FAST_LENGTH and not torch.cuda.is_available()
    forward = select_forward(model, compile_kernels=job.compile, fast=fast)
    return LoadedJob(tokenizer, model, forward, rows, validation_rows, train, precision)


def choose_precision(wanted: str) -> str:
    """Resolve ``auto``: bf16 where the processor or device computes in it, else fp32."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if cpu_computes_bf16() else "fp32"


def cpu_computes_bf16() -> bool:
    """Tell whether the processor multiplies bfloat16 natively (emulation would be slower than fp32)."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return False
    flags = path.read_text(encoding="utf-8", errors="replace")
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16" in flags


def load_model(job: TrainJob, precision: str) -> Any:
    """Load the base model and attach adapters.

    Returns:
        A PeftModel (lora, qlora) or the model itself (full).
    """
    # Full fine-tuning keeps fp32 weights and computes under autocast: bf16 weights would swallow small updates.
    dtype = torch.bfloat16 if precision == "bf16" and job.adapter != "none" else torch.float32
    arguments: dict[str, Any] = {"dtype": dtype, "local_files_only": job.offline, "trust_remote_code": False}
    if job.adapter == "qlora":
        arguments["quantization_config"] = _nf4()
        arguments["device_map"] = {"": 0}
    model = AutoModelForCausalLM.from_pretrained(job.model_dir, use_safetensors=True, **arguments)
    model.config.use_cache = False
    if job.adapter == "none":
        return model
    return _with_adapters(model, job)


def _nf4() -> Any:
    """Settings of 4-bit normal-float quantisation (Dettmers et al. 2023)."""
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available():
        raise InputError("trainer qlora needs a CUDA device; use lora on this machine")
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError("trainer qlora needs bitsandbytes: pip install 'secft[qlora]'")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _with_adapters(model: Any, job: TrainJob) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if job.adapter == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=job.gradient_checkpointing)
    settings = job.lora
    names = [name.strip() for name in settings.target_modules.split(",")]
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules if names == ["all-linear"] else names,
        bias=settings.bias,
        use_rslora=settings.rslora,
        use_dora=job.adapter == "dora",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise InputError(f"trainer.lora does not fit this model: {error}") from error


def total_steps(job: TrainJob, rows: int) -> int:
    """Return the optimizer steps of a whole run over a number of rows."""
    if job.max_steps > 0:
        return job.max_steps
    batches = math.ceil(rows / job.micro_batch)
    return math.ceil(job.epochs * max(math.ceil(batches / job.gradient_accumulation), 1))


def sft_config(job: TrainJob, output_dir: Path, rows: int, precision: str) -> Any:
    """Translate a job into trl's settings."""
    evaluates = job.validation_file is not None
    return SFTConfig(
        output_dir=str(output_dir),
        per_device_train_batch_size=job.micro_batch,
        per_device_eval_batch_size=job.micro_batch,
        gradient_accumulation_steps=job.gradient_accumulation,
        learning_rate=job.learning_rate,
        lr_scheduler_type=job.scheduler,
        warmup_steps=round(job.warmup_ratio * total_steps(job, rows)),
        weight_decay=job.weight_decay,
        max_grad_norm=job.max_grad_norm,
        num_train_epochs=job.epochs,
        max_steps=job.max_steps,
        optim="adamw_torch_fused",
        seed=job.seed,
        data_seed=job.seed,
        bf16=job.adapter == "none" and precision == "bf16",
        fp16=False,
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=job.gradient_checkpointing,
        logging_strategy="steps",
        logging_steps=job.log_steps,
        logging_nan_inf_filter=False,
        eval_strategy="no" if not evaluates else "steps" if job.eval_steps > 0 else "epoch",
        eval_steps=job.eval_steps or None,
        save_strategy="steps" if job.save_steps > 0 else "epoch",
        save_steps=job.save_steps or 500,
        # One checkpoint is deleted before the marker of the next one is written.
        save_total_limit=max(job.save_total_limit, 2),
        disable_tqdm=True,
        report_to="none",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=job.max_length,
        packing=False,
    )
