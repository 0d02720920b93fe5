"""backend=axolotl: Axolotl in an environment of its own.

Its configuration is written natively (``config.yml``). Rows of sft go to it as messages and are rendered by the
tokenizer's own template. Rows of preferences are rendered here: Axolotl looks for an answer in a rendered dummy
conversation and finds a short one (``B``) in the system message instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.environment import cuda_devices
from secft.errors import InputError
from secft.files import read_json
from secft.train.backends.foreign import ENGINE, ORDERS, ForeignBackend
from secft.train.backends.handover import Handover, Row, Shape, answers_of, hand_over, open_tokenizer, split_answer
from secft.train.backends.ppo import PpoBackend
from secft.train.distributed.foreign import for_axolotl
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.template import end_of_turn_ids

PLUGIN = "axolotl_plugin.SecftPlugin"
PACKED = ("sft", "continue")
LIGER_PLUGIN = "axolotl.integrations.liger.LigerPlugin"
LORA_KERNELS = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel")
CPU = dict.fromkeys((*LORA_KERNELS, "bf16", "fp16"), False)
"""Axolotl turns on Triton kernels and half precision by itself; on a CPU both end the run."""


class AxolotlBackend(ForeignBackend):
    """Renders Axolotl's configuration and launches ``secft/train/foreign/axolotl_run.py``."""

    name = "axolotl"
    script = "axolotl_run.py"

    def render(self, job: TrainJob, directory: Path) -> list[Path]:
        """Write what the script reads; see ForeignBackend. PPO has a script of its own."""
        if job.objective == "ppo":
            return PpoBackend(self.root, self.extra).render(job, directory)
        return super().render(job, directory)

    def command(self, directory: Path) -> list[str]:
        """Return the command line of what was rendered there."""
        if read_json(directory / ORDERS)["objective"] == "ppo":
            return PpoBackend(self.root, self.extra).command(directory)
        return super().command(directory)

    def environment(self, directory: Path) -> dict[str, str]:
        """Return the variables of the process: rows are prepared in it, not in workers that import Axolotl again."""
        return {**super().environment(directory), "AXOLOTL_DATASET_NUM_PROC": "0"}

    def spread(self, settings: DistributedSettings, directory: Path) -> dict[str, Any]:
        """Return Axolotl's keys for several processes."""
        return for_axolotl(settings, directory)

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], Handover, str]:
        """Return the configuration of a job; see ForeignBackend.

        Raises:
            InputError: bf16 is asked for on a CPU, or a row cannot be trained.
        """
        cuda = bool(cuda_devices())
        if job.precision == "bf16" and not cuda:
            raise InputError("backend axolotl trains in fp32 on a CPU; use trainer.precision=auto, or backend=trl")
        tokenizer = open_tokenizer(job)
        rows = hand_over(job, tokenizer, directory / ENGINE / "rows", _shape(job, tokenizer))
        values = {
            "base_model": job.model_dir,
            "output_dir": str((directory / "checkpoints").absolute()),
            "dataset_prepared_path": str((directory / ENGINE / "prepared").absolute()),
            "resume_from_checkpoint": None if resume is None else str(resume.absolute()),
            "plugins": [PLUGIN],
            **_data(job, rows),
            **_weights(job),
            **_objective(job),
            **_steps(job, rows),
            **({**_precision_cuda(job), **_kernels(job)} if cuda else CPU),
            "attn_implementation": "sdpa",
            # Rows are drawn in the trainer's own order, as with every other backend.
            "shuffle_merged_datasets": False,
            "strict": False,
        }
        closing = tokenizer.convert_ids_to_tokens(sorted(end_of_turn_ids(tokenizer)))
        if job.objective == "sft" and tokenizer.eos_token not in closing:
            values["eot_tokens"] = list(closing)
        precision = "bf16" if cuda and job.precision != "fp32" else "fp32"
        return {key: value for key, value in values.items() if value is not None}, rows, precision


def _shape(job: TrainJob, tokenizer: Any) -> Shape:
    """Return what turns a row into the form that Axolotl reads for an objective."""
    objective = job.objective

    def messages(row: Row) -> Row:
        return {"messages": answers_of(row, "sft")[0]}

    def text(row: Row) -> Row:
        return {"text": row["text"]}

    def pair(row: Row) -> Row:
        chosen, rejected = (split_answer(tokenizer, messages) for messages in answers_of(row, objective))
        return {"prompt": chosen[0], "chosen": chosen[1], "rejected": rejected[1]}

    def judged(row: Row) -> Row:
        prompt, completion = split_answer(tokenizer, answers_of(row, objective)[0])
        return {"prompt": prompt, "completion": completion, "label": bool(row["label"])}

    if objective == "sft":
        return messages
    if objective in ("continue", "pretrain"):
        return text
    if objective == "kto":
        return judged
    return _compared if objective == "reward" else pair


def _compared(row: Row) -> Row:
    """Return a pair as Axolotl's reward model reads it: one question, two answers.

    Raises:
        InputError: the prompt is more than a question.
    """
    chosen, rejected = answers_of(row, "reward")
    system = chosen[0]["content"] if chosen[0]["role"] == "system" else ""
    turns = chosen[1:] if system else chosen
    if len(turns) != 2:
        raise InputError(f"row {row.get('id')!r}: axolotl trains reward models on single questions; use backend=trl")
    return {
        "system": system,
        "input": turns[0]["content"],
        "chosen": turns[1]["content"],
        "rejected": rejected[-1]["content"],
    }


def _data(job: TrainJob, rows: Handover) -> dict[str, Any]:
    kinds: dict[str, dict[str, Any]] = {
        "sft": {
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            "roles_to_train": ["assistant"],
            "train_on_eos": "turn",
        },
        "continue": {"type": "completion", "field": "text"},
        "reward": {"type": "bradley_terry.chat_template"},
    }
    kind = kinds.get(job.objective, {})

    def dataset(path: Path) -> list[dict[str, Any]]:
        return [{"path": str(path.absolute()), "ds_type": "json", "split": "train", **kind}]

    return {
        "datasets": dataset(rows.train),
        "test_datasets": dataset(rows.validation) if rows.validation else None,
        "val_set_size": 0.0,
        "chat_template": None if job.objective == "continue" else "tokenizer_default",
        "sequence_len": job.max_length,
        "excess_length_strategy": "truncate" if job.overlong == "truncate" else "raise",
        "sample_packing": job.packing and job.objective in PACKED,
        "eval_sample_packing": False,
        "pad_to_sequence_len": False,
        "dataset_num_proc": 0,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
    }


def _weights(job: TrainJob) -> dict[str, Any]:
    if job.adapter == "none":
        return {}
    values: dict[str, Any] = {
        "adapter": "qlora" if job.adapter == "qlora" and job.quantization.bits == 4 else "lora",
        "lora_r": job.lora.r,
        "lora_alpha": job.lora.alpha,
        "lora_dropout": job.lora.dropout,
        "peft_use_rslora": job.lora.rslora or None,
        "peft_use_dora": job.adapter == "dora" or None,
    }
    names = [name.strip() for name in job.lora.target_modules.split(",")]
    values |= {"lora_target_linear": True} if names == ["all-linear"] else {"lora_target_modules": names}
    if job.adapter == "qlora":
        values |= {"load_in_8bit": True} if job.quantization.bits == 8 else {"load_in_4bit": True}
    if values.get("load_in_4bit"):
        values["bnb_config_kwargs"] = {
            "bnb_4bit_quant_type": job.quantization.type,
            "bnb_4bit_use_double_quant": job.quantization.double,
        }
    return values


def _objective(job: TrainJob) -> dict[str, Any]:
    settings = job.preference
    if job.objective == "dpo":
        return {"rl": "dpo", "rl_beta": settings.beta, "dpo_label_smoothing": settings.label_smoothing or None}
    if job.objective == "orpo":
        return {"rl": "orpo", "orpo_alpha": settings.beta}
    if job.objective == "simpo":
        # The weight of imitation; trl's default of 1 would be CPO-SimPO.
        return {"rl": "simpo", "rl_beta": settings.beta, "simpo_gamma": settings.gamma, "cpo_alpha": 0.0}
    if job.objective == "kto":
        return {
            "rl": "kto",
            "rl_beta": settings.beta,
            "kto_desirable_weight": settings.desirable_weight,
            "kto_undesirable_weight": settings.undesirable_weight,
            "remove_unused_columns": False,
        }
    if job.objective == "reward":
        return {"reward_model": True, "num_labels": 1}
    return {}


def _steps(job: TrainJob, rows: Handover) -> dict[str, Any]:
    validates, packs = rows.validation is not None, job.packing and job.objective in PACKED
    return {
        "learning_rate": job.learning_rate,
        "lr_scheduler": job.scheduler,
        # Only Axolotl knows how many rows are left when it has packed them; with simpo it takes steps alone.
        "warmup_ratio": job.warmup_ratio if packs else None,
        "warmup_steps": None if packs else job.warmup_steps(rows.examples),
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "optimizer": "adamw_torch",
        "num_epochs": job.epochs,
        "max_steps": job.max_steps if job.max_steps > 0 else None,
        "micro_batch_size": job.micro_batch,
        "gradient_accumulation_steps": job.gradient_accumulation,
        "eval_batch_size": job.micro_batch if validates else None,
        "gradient_checkpointing": job.gradient_checkpointing,
        "seed": job.seed,
        "logging_steps": job.log_steps,
        "eval_steps": job.eval_steps or None if validates else None,
        "eval_strategy": ("steps" if job.eval_steps else "epoch") if validates else "no",
        "save_steps": job.save_steps or None,
        "save_strategy": "steps" if job.save_steps else "epoch",
        # One checkpoint is deleted before the next one is marked as complete.
        "save_total_limit": max(job.save_total_limit, 2),
        "load_best_model_at_end": False,
        "use_tensorboard": False,
    }


def _kernels(job: TrainJob) -> dict[str, Any]:
    """Return the kernels of a GPU: Liger's, which Axolotl comes with, and its own for adapters, which it turns on."""
    if job.kernels == "none":
        return dict.fromkeys(LORA_KERNELS, False)
    fused = {"liger_rope": True, "liger_rms_norm": True, "liger_glu_activation": True}
    if job.objective in PACKED:
        fused["liger_fused_linear_cross_entropy"] = True
    return {"plugins": [PLUGIN, LIGER_PLUGIN], **fused}


def _precision_cuda(job: TrainJob) -> dict[str, Any]:
    if job.precision == "fp32":
        return {"bf16": False, "fp16": False}
    return {"bf16": True if job.precision == "bf16" else "auto"}
