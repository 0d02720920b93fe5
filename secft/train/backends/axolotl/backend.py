"""backend=axolotl: Axolotl in an environment of its own.

Its configuration is written natively (``config.yml``). Rows of sft go to it as messages and are rendered by the
tokenizer's own template. Rows of preferences are rendered here: Axolotl looks for an answer in a rendered dummy
conversation and finds a short one (``B``) in the system message instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secft.environment import cuda_devices
from secft.errors import InputError
from secft.models.loading import usual_attention
from secft.train.arguments import ALL_LINEAR, intervals, optimizer_argument, target_modules
from secft.train.backends.exported_rows import (
    ExportedRows,
    Row,
    Shape,
    export_rows,
    open_tokenizer,
    plain_answers,
    split_answer,
    whole_conversation,
)
from secft.train.backends.separate import SCRATCH, SeparateBackend
from secft.train.distributed.commands import FOLDER
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.template import end_of_turn_ids
from secft.train.views import CONVERSATIONS, JUDGED, PAIRS, TEXTS, RowKind, tools_of_row

PLUGIN = "axolotl_plugin.SecftPlugin"
LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
LORA_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")
CPU = dict.fromkeys((*LORA_KERNELS, "bf16", "fp16"), False)
"""Axolotl turns on Triton kernels and half precision by itself; on a CPU both end the run."""


class AxolotlBackend(SeparateBackend):
    """Renders Axolotl's configuration and launches ``secft/train/runners/axolotl_run.py``."""

    name = "axolotl"
    script = "axolotl_run.py"

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables of the process: rows are prepared in it, not in workers that import Axolotl again."""
        return {**super().environment(directory), "AXOLOTL_DATASET_NUM_PROC": "0"}

    def spread(self, settings: DistributedSettings, directory: Path) -> dict[str, Any]:
        """Return Axolotl's keys for several processes; DeepSpeed's file is written by ``write_launch_files``."""
        if settings.strategy == "single":
            return {}
        shared: dict[str, Any] = {"ddp_timeout": settings.timeout}
        if settings.zero_stage:
            return {**shared, "deepspeed": str(directory / FOLDER / "deepspeed.json")}
        if settings.strategy != "fsdp2":
            return shared
        fsdp = {
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "reshard_after_forward": True,
            "offload_params": settings.offload == "all",
            "cpu_ram_efficient_loading": False,
            "state_dict_type": "FULL_STATE_DICT",
        }
        return {**shared, "fsdp_version": 2, "fsdp_config": fsdp}

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], ExportedRows, str]:
        """Return the configuration of a job; see SeparateBackend.

        Raises:
            InputError: bf16 is asked for on a CPU, or a row cannot be trained.
        """
        cuda = bool(cuda_devices())
        if job.trainer.precision == "bf16" and not cuda:
            raise InputError("backend axolotl trains in fp32 on a CPU; use trainer.precision=auto, or backend=trl")
        tokenizer = open_tokenizer(job)
        support, place = self.support(job), directory / SCRATCH
        rows = export_rows(job, tokenizer, place / "rows", _shape(job.objective.rows, tokenizer, support.row))
        values = {
            "base_model": job.model_dir,
            "output_dir": str((directory / "checkpoints").absolute()),
            "dataset_prepared_path": str((place / "prepared").absolute()),
            "resume_from_checkpoint": None if resume is None else str(resume.absolute()),
            "plugins": [PLUGIN],
            **_data(job, rows, support.dataset),
            **_weights(job),
            **support.settings(job),
            **_steps(job, rows),
            **(_cuda(job) if cuda else CPU),
            "attn_implementation": usual_attention(job.model_dir),
            # Rows are drawn in the trainer's own order, as with every other backend.
            "shuffle_merged_datasets": False,
            "strict": False,
        }
        closing = tokenizer.convert_ids_to_tokens(sorted(end_of_turn_ids(tokenizer)))
        if job.objective.rows is CONVERSATIONS and tokenizer.eos_token not in closing:
            values["eot_tokens"] = list(closing)
        precision = "bf16" if cuda and job.trainer.precision != "fp32" else "fp32"
        return {key: value for key, value in values.items() if value is not None}, rows, precision


def _shape(kind: RowKind, tokenizer: Any, own: Shape | None) -> Shape:
    """Return what turns a row of a kind into the form that Axolotl reads; objectives may have one of their own."""
    if own is not None:
        return lambda row: own(plain_answers(tokenizer, row, kind, "axolotl"))

    def messages(row: Row) -> Row:
        return {"messages": whole_conversation(tokenizer, row, kind.conversations(row)[0], "axolotl")}

    def text(row: Row) -> Row:
        return {"text": row["text"]}

    def pair(row: Row) -> Row:
        chosen, rejected = (split_answer(tokenizer, whole, tools_of_row(row)) for whole in kind.conversations(row))
        return {"prompt": chosen[0], "chosen": chosen[1], "rejected": rejected[1]}

    def judged(row: Row) -> Row:
        prompt, completion = split_answer(tokenizer, kind.conversations(row)[0], tools_of_row(row))
        return {"prompt": prompt, "completion": completion, "label": bool(row["label"])}

    shapes = {CONVERSATIONS.name: messages, TEXTS.name: text, PAIRS.name: pair, JUDGED.name: judged}
    return shapes[kind.name]


def _data(job: TrainJob, rows: ExportedRows, kind: Mapping[str, Any]) -> dict[str, Any]:
    def dataset(path: Path) -> list[dict[str, Any]]:
        return [{"path": str(path.absolute()), "ds_type": "json", "split": "train", **kind}]

    return {
        "datasets": dataset(rows.train),
        "test_datasets": dataset(rows.validation) if rows.validation else None,
        "val_set_size": 0.0,
        "chat_template": None if job.objective.rows is TEXTS else "tokenizer_default",
        "sequence_len": job.trainer.max_length,
        "excess_length_strategy": "truncate" if job.overlong == "truncate" else "raise",
        "sample_packing": job.trainer.packing and job.objective.rows.packs,
        "eval_sample_packing": False,
        "pad_to_sequence_len": False,
        "dataset_num_proc": 0,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
    }


def _weights(job: TrainJob) -> dict[str, Any]:
    if job.adapter.whole:
        return {}
    values: dict[str, Any] = {
        "adapter": "qlora" if job.adapter.quantised and job.quantization.bits == 4 else "lora",
        "lora_r": job.lora.r,
        "lora_alpha": job.lora.alpha,
        "lora_dropout": job.lora.dropout,
        "peft_use_dora": job.adapter.magnitudes or None,
    }
    names = target_modules(job)
    values |= {"lora_target_linear": True} if names == ALL_LINEAR else {"lora_target_modules": names}
    if job.adapter.quantised:
        values |= {"load_in_8bit": True} if job.quantization.bits == 8 else {"load_in_4bit": True}
    if values.get("load_in_4bit"):
        values["bnb_config_kwargs"] = {
            "bnb_4bit_quant_type": job.quantization.type,
            "bnb_4bit_use_double_quant": job.quantization.double,
        }
    return values


def _steps(job: TrainJob, rows: ExportedRows) -> dict[str, Any]:
    validates, packs = rows.validation is not None, job.trainer.packing and job.objective.rows.packs
    return {
        "learning_rate": job.trainer.learning_rate,
        "lr_scheduler": job.trainer.scheduler,
        # Only Axolotl knows how many rows are left when it has packed them; with simpo it takes steps alone.
        "warmup_ratio": job.trainer.warmup_ratio if packs else None,
        "warmup_steps": None if packs else job.warmup_steps(rows.examples),
        "weight_decay": job.trainer.weight_decay,
        "max_grad_norm": job.trainer.max_grad_norm,
        "optimizer": optimizer_argument(job, "adamw_torch"),
        "num_epochs": job.trainer.epochs,
        "max_steps": job.trainer.max_steps,
        "micro_batch_size": job.trainer.micro_batch_size,
        "gradient_accumulation_steps": job.trainer.gradient_accumulation,
        "eval_batch_size": job.trainer.micro_batch_size if validates else None,
        "gradient_checkpointing": job.trainer.gradient_checkpointing,
        "seed": job.seed,
        "logging_steps": job.log_steps,
        **intervals(job, validates=validates),
        "load_best_model_at_end": False,
        "use_tensorboard": False,
    }


def _cuda(job: TrainJob) -> dict[str, Any]:
    """Return precision and kernels of a GPU: Liger's, which Axolotl comes with, and its own, which it turns on."""
    values: dict[str, Any] = {"bf16": True if job.trainer.precision == "bf16" else "auto"}
    if job.trainer.precision == "fp32":
        values = {"bf16": False, "fp16": False}
    if job.trainer.kernels == "none":
        return {**values, **dict.fromkeys(LORA_KERNELS, False)}
    fused = {"liger_rope": True, "liger_rms_norm": True, "liger_glu_activation": True}
    if job.objective.rows.packs:
        fused["liger_fused_linear_cross_entropy"] = True
    return {**values, "plugins": [PLUGIN, LIGER_PLUGIN], **fused}
