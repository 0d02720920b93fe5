"""backend=llama_factory: LLaMA-Factory in an environment of its own.

LLaMA-Factory renders conversations by templates of its own, which need not be the tokenizer's, and cuts what is too
long without a word. So conversations and texts are tokenised and packed here, by the code of backend=trl, and go to it
as tokenised datasets (``tokenized_path``): token ids and loss mask are equal. Pairs of answers go to it as messages; it
is told no template, so that it derives one from the tokenizer, and before anything is trained its rendering of real
rows is compared with the tokenizer's: where they differ the run is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.environment import cpu_computes_bf16, cuda_devices
from secft.errors import InputError
from secft.files import write_json
from secft.train.backends.foreign import ENGINE, ForeignBackend
from secft.train.backends.handover import Handover, Row, answers_of, hand_over, open_tokenizer, write_rows
from secft.train.distributed.foreign import for_llama_factory
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.rows import LoadedExamples, build_rows, load_examples
from secft.train.rows import Row as PackedRow

STAGES = {
    "sft": "sft", "dpo": "dpo", "orpo": "dpo", "simpo": "dpo", "kto": "kto", "reward": "rm", "continue": "sft",
}  # fmt: skip
TOKENISED = ("sft", "continue")
LOSSES = {"dpo": "sigmoid", "orpo": "orpo", "simpo": "simpo"}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


class LlamaFactoryBackend(ForeignBackend):
    """Renders LLaMA-Factory's arguments and datasets and launches ``secft/train/foreign/llama_factory_run.py``."""

    name = "llama_factory"
    script = "llama_factory_run.py"

    def check(self, job: TrainJob) -> None:
        """Refuse what LLaMA-Factory cannot train, or not so that it can be evaluated.

        Raises:
            InputError: no such method here, unknown settings, or a reward model without an adapter.
        """
        super().check(job)
        if job.objective == "reward" and job.adapter == "none":
            raise InputError(
                "backend llama_factory trains reward models with an adapter here; use trainer.adapter=lora"
            )

    def spread(self, settings: DistributedSettings, directory: Path) -> dict[str, Any]:
        """Return LLaMA-Factory's keys for several processes."""
        told, _ = for_llama_factory(settings, directory)
        return {**told, "ddp_backend": "gloo"} if settings.world > 1 and settings.device == "cpu" else told

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], Handover, str]:
        """Return the arguments of a job; see ForeignBackend."""
        cuda = bool(cuda_devices())
        precision = _precision(job, cuda)
        place = directory / ENGINE / "rows"
        rows = _rows(job, place)
        write_json(place / "dataset_info.json", _datasets(job, rows))
        values = {
            "model_name_or_path": job.model_dir,
            "output_dir": str((directory / "checkpoints").absolute()),
            "overwrite_output_dir": True,
            "resume_from_checkpoint": None if resume is None else str(resume.absolute()),
            "do_train": True,
            "do_eval": rows.validation is not None,
            "dataset_dir": str(place.absolute()),
            "dataset": "train",
            "eval_dataset": "validation" if rows.validation else None,
            **_lengths(job, directory, rows),
            **_weights(job),
            **_objective(job),
            **_steps(job, rows.validation is not None),
            "bf16": precision == "bf16",
            "fp16": False,
            "use_cpu": not cuda or None,
            "flash_attn": "sdpa",
        }
        return {key: value for key, value in values.items() if value is not None}, rows, precision


def _precision(job: TrainJob, cuda: bool) -> str:
    if job.precision != "auto":
        return job.precision
    return "bf16" if cuda or cpu_computes_bf16() else "fp32"


def _rows(job: TrainJob, place: Path) -> Handover:
    tokenizer = open_tokenizer(job)
    if job.objective not in TOKENISED:
        return hand_over(job, tokenizer, place, lambda row: shape(row, job.objective))

    def load(path: str) -> LoadedExamples:
        if job.objective == "sft":
            return load_examples(Path(path), tokenizer, job)
        from secft.train.engines.plain_text import tokenise_texts

        return tokenise_texts(Path(path), tokenizer, job)

    train, validation = load(job.train_file), None
    packed = build_rows(train.examples, job.max_length, packing=job.packing, seed=job.seed)
    if job.validation_file is not None:
        held_out = build_rows(load(job.validation_file).examples, job.max_length, packing=False, seed=job.seed)
        validation = write_rows(place, "validation", map(tokenised, held_out))
    path = write_rows(place, "train", map(tokenised, packed))
    return Handover(path, validation, len(train.examples), train.dropped, train.truncated)


def tokenised(row: PackedRow) -> Row:
    """Return a row of one or more examples as LLaMA-Factory keeps it: the mask counts the examples from 1.

    Positions go on through a row, as in LLaMA-Factory's own packing: rotary positions are relative, and no example sees
    another.
    """
    return {
        "input_ids": row["input_ids"],
        "labels": row["labels"],
        "attention_mask": [number for number, length in enumerate(row["lengths"], start=1) for _ in range(length)],
    }


def shape(row: Row, objective: str) -> Row:
    """Return a row of answers as LLaMA-Factory reads it.

    Raises:
        InputError: its messages do not alternate, which LLaMA-Factory would leave out without an error.
    """
    conversations = answers_of(row, objective)
    for messages in conversations:
        _check_turns(row, messages)
    if objective == "kto":
        return {"messages": conversations[0], "label": bool(row["label"])}
    chosen, rejected = conversations
    return {"messages": chosen[:-1], "chosen": chosen[-1], "rejected": rejected[-1]}


def _check_turns(row: Row, messages: list[dict[str, str]]) -> None:
    turns = [message["role"] for message in messages]
    spoken = turns[1:] if turns[0] == "system" else turns
    if len(spoken) % 2 or any(role != ("user", "assistant")[index % 2] for index, role in enumerate(spoken)):
        raise InputError(
            f"row {row.get('id')!r}: llama_factory needs user and assistant in turns, not {', '.join(turns)}; "
            "use backend=trl or axolotl"
        )


def _datasets(job: TrainJob, rows: Handover) -> dict[str, Any]:
    """Return dataset_info.json."""

    def entry(path: Path) -> dict[str, Any]:
        if job.objective in TOKENISED:
            return {"file_name": path.name}
        columns = {"messages": "messages"}
        if job.objective == "kto":
            columns["kto_tag"] = "label"
        if job.objective in (*LOSSES, "reward"):
            columns |= {"chosen": "chosen", "rejected": "rejected"}
        ranking = job.objective in (*LOSSES, "reward")
        return {"file_name": path.name, "formatting": "sharegpt", "ranking": ranking, "columns": columns, "tags": TAGS}

    found = {"train": entry(rows.train)}
    return {**found, "validation": entry(rows.validation)} if rows.validation else found


def _lengths(job: TrainJob, directory: Path, rows: Handover) -> dict[str, Any]:
    """Rows that reach the backend fit; it tokenises pairs piece by piece, which may give a few tokens more."""
    values: dict[str, Any] = {"packing": False}
    if job.objective in TOKENISED:
        parts = [path.stem for path in (rows.train, rows.validation) if path is not None]
        values = {
            "tokenized_path": str((directory / ENGINE / "-".join(["tokenised", *parts])).absolute()),
            # Any name keeps it from deriving a template, which some tokenizers do not allow.
            "template": "empty",
            "neat_packing": job.packing,
        }
    return {
        **values,
        "cutoff_len": 2 * job.max_length,
        "preprocessing_num_workers": 1,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
    }


def _weights(job: TrainJob) -> dict[str, Any]:
    if job.adapter == "none":
        return {"finetuning_type": "full"}
    names = [name.strip() for name in job.lora.target_modules.split(",")]
    values: dict[str, Any] = {
        "finetuning_type": "lora",
        "lora_rank": job.lora.r,
        "lora_alpha": job.lora.alpha,
        "lora_dropout": job.lora.dropout,
        "lora_target": "all" if names == ["all-linear"] else ",".join(names),
        "use_rslora": job.lora.rslora,
        "use_dora": job.adapter == "dora",
    }
    if job.adapter == "qlora":
        values |= {
            "quantization_bit": job.quantization.bits,
            "quantization_method": "bnb",
            "quantization_type": job.quantization.type,
            "double_quantization": job.quantization.double,
        }
    return values


def _objective(job: TrainJob) -> dict[str, Any]:
    settings = job.preference
    values: dict[str, Any] = {"stage": STAGES[job.objective]}
    if job.objective in LOSSES:
        values |= {"pref_loss": LOSSES[job.objective], "pref_beta": settings.beta}
    if job.objective == "dpo":
        values["dpo_label_smoothing"] = settings.label_smoothing
    if job.objective == "simpo":
        values["simpo_gamma"] = settings.gamma
    if job.objective == "kto":
        values |= {
            "pref_beta": settings.beta,
            "kto_chosen_weight": settings.desirable_weight,
            "kto_rejected_weight": settings.undesirable_weight,
        }
    return values


def _steps(job: TrainJob, validates: bool) -> dict[str, Any]:
    return {
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": job.scheduler,
        "warmup_ratio": job.warmup_ratio,
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "optim": "adamw_torch",
        "num_train_epochs": job.epochs,
        "max_steps": job.max_steps,
        "per_device_train_batch_size": job.micro_batch,
        "per_device_eval_batch_size": job.micro_batch,
        "gradient_accumulation_steps": job.gradient_accumulation,
        "disable_gradient_checkpointing": not job.gradient_checkpointing,
        "seed": job.seed,
        "data_seed": job.seed,
        "logging_steps": job.log_steps,
        "logging_nan_inf_filter": False,
        "eval_steps": job.eval_steps or None if validates else None,
        "eval_strategy": ("steps" if job.eval_steps else "epoch") if validates else "no",
        "save_steps": job.save_steps or None,
        "save_strategy": "steps" if job.save_steps else "epoch",
        # One checkpoint is deleted before the next one is marked as complete.
        "save_total_limit": max(job.save_total_limit, 2),
        "load_best_model_at_end": False,
        "disable_tqdm": True,
        "plot_loss": False,
        "report_to": "none",
    }
