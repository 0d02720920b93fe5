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

from secft.environment import cuda_devices
from secft.errors import InputError
from secft.files import write_json
from secft.models.loading import usual_attention
from secft.records import Message
from secft.train.arguments import ALL_LINEAR, intervals, optimizer_argument, target_modules
from secft.train.backends.exported_rows import ExportedRows, Row, export_rows, open_tokenizer, plain_answers, write_rows
from secft.train.backends.separate import SCRATCH, SeparateBackend
from secft.train.distributed.commands import FOLDER
from secft.train.distributed.libraries import fsdp_config
from secft.train.distributed.settings import DistributedSettings
from secft.train.job import TrainJob
from secft.train.rows import LoadedExamples, build_rows, load_examples, tokenise_texts
from secft.train.rows import Row as PackedRow
from secft.train.views import JUDGED, PAIRS, TEXTS, RowKind

ATTENTION = {"sdpa": "sdpa", "eager": "disabled"}
"""Implementations of attention by the names of this program."""
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


class LlamaFactoryBackend(SeparateBackend):
    """Renders LLaMA-Factory's arguments and datasets and launches ``secft/train/runners/llama_factory_run.py``."""

    name = "llama_factory"
    script = "llama_factory_run.py"

    def spread(self, settings: DistributedSettings, directory: Path) -> dict[str, Any]:
        """Return LLaMA-Factory's keys for several processes."""
        if settings.strategy == "single":
            return {}
        values: dict[str, Any] = {"ddp_timeout": settings.timeout}
        if settings.world > 1 and settings.device == "cpu":
            values["ddp_backend"] = "gloo"
        if settings.zero_stage:
            values["deepspeed"] = str(directory / FOLDER / "deepspeed.json")
        if settings.strategy == "fsdp2":
            # "full_shard" is the word of the transformers that LLaMA-Factory pins; offload is a second word there.
            values["fsdp"] = "full_shard auto_wrap offload" if settings.offload == "all" else "full_shard auto_wrap"
            values["fsdp_config"] = fsdp_config(settings, checkpointing=False)
        return values

    def settings(self, job: TrainJob, directory: Path, resume: Path | None) -> tuple[dict[str, Any], ExportedRows, str]:
        """Return the arguments of a job; see SeparateBackend."""
        cuda = bool(cuda_devices())
        precision = self.precision(job)
        place = directory / SCRATCH / "rows"
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
            **self.support(job).settings(job),
            **_steps(job, rows.validation is not None),
            "bf16": precision == "bf16",
            "fp16": False,
            "use_cpu": not cuda or None,
            "flash_attn": ATTENTION[usual_attention(job.model_dir)],
        }
        return {key: value for key, value in values.items() if value is not None}, rows, precision


def _rows(job: TrainJob, place: Path) -> ExportedRows:
    tokenizer = open_tokenizer(job)
    kind = job.objective.rows
    if not kind.packs:
        return export_rows(
            job, tokenizer, place, lambda row: shape(plain_answers(tokenizer, row, kind, "llama_factory"), kind)
        )

    def load(path: str) -> LoadedExamples:
        read = tokenise_texts if kind is TEXTS else load_examples
        return read(Path(path), tokenizer, job)

    train, validation = load(job.train_file), None
    packed = build_rows(train.examples, job.trainer.max_length, packing=job.trainer.packing, seed=job.seed)
    if job.validation_file is not None:
        held_out = build_rows(load(job.validation_file).examples, job.trainer.max_length, packing=False, seed=job.seed)
        validation = write_rows(place, "validation", map(tokenised, held_out))
    path = write_rows(place, "train", map(tokenised, packed))
    return ExportedRows(path, validation, len(train.examples), train.dropped, train.truncated)


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


def shape(row: Row, kind: RowKind) -> Row:
    """Return a row of answers as LLaMA-Factory reads it.

    Raises:
        InputError: its messages do not alternate, which LLaMA-Factory would leave out without an error.
    """
    conversations = kind.conversations(row)
    for messages in conversations:
        _check_turns(row, messages)
    if kind is JUDGED:
        return {"messages": conversations[0], "label": bool(row["label"])}
    chosen, rejected = conversations
    return {"messages": chosen[:-1], "chosen": chosen[-1], "rejected": rejected[-1]}


def _check_turns(row: Row, messages: list[Message]) -> None:
    turns = [message["role"] for message in messages]
    spoken = turns[1:] if turns[0] == "system" else turns
    if len(spoken) % 2 or any(role != ("user", "assistant")[index % 2] for index, role in enumerate(spoken)):
        raise InputError(
            f"row {row.get('id')!r}: llama_factory needs user and assistant in turns, not {', '.join(turns)}; "
            "use backend=trl or axolotl"
        )


def _datasets(job: TrainJob, rows: ExportedRows) -> dict[str, Any]:
    """Return dataset_info.json."""
    kind = job.objective.rows

    def entry(path: Path) -> dict[str, Any]:
        if kind.packs:
            return {"file_name": path.name}
        columns = {"messages": "messages"}
        columns |= {"kto_tag": "label"} if kind is JUDGED else {"chosen": "chosen", "rejected": "rejected"}
        ranking = kind is PAIRS
        return {"file_name": path.name, "formatting": "sharegpt", "ranking": ranking, "columns": columns, "tags": TAGS}

    found = {"train": entry(rows.train)}
    return {**found, "validation": entry(rows.validation)} if rows.validation else found


def _lengths(job: TrainJob, directory: Path, rows: ExportedRows) -> dict[str, Any]:
    """Rows that reach the backend fit; it tokenises pairs piece by piece, which may give a few tokens more."""
    values: dict[str, Any] = {"packing": False}
    if job.objective.rows.packs:
        parts = [path.stem for path in (rows.train, rows.validation) if path is not None]
        values = {
            "tokenized_path": str((directory / SCRATCH / "-".join(["tokenised", *parts])).absolute()),
            # Any name keeps it from deriving a template, which some tokenizers do not allow.
            "template": "empty",
            "neat_packing": job.trainer.packing,
        }
    return {
        **values,
        "cutoff_len": 2 * job.trainer.max_length,
        "preprocessing_num_workers": 1,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
    }


def _weights(job: TrainJob) -> dict[str, Any]:
    if job.adapter.whole:
        return {"finetuning_type": "full"}
    names = target_modules(job)
    values: dict[str, Any] = {
        "finetuning_type": "lora",
        "lora_rank": job.lora.r,
        "lora_alpha": job.lora.alpha,
        "lora_dropout": job.lora.dropout,
        "lora_target": "all" if names == ALL_LINEAR else ",".join(names),
        "use_dora": job.adapter.magnitudes,
    }
    if job.adapter.quantised:
        values |= {
            "quantization_bit": job.quantization.bits,
            "quantization_method": "bnb",
            "quantization_type": job.quantization.type,
            "double_quantization": job.quantization.double,
        }
    return values


def _steps(job: TrainJob, validates: bool) -> dict[str, Any]:
    return {
        "learning_rate": job.trainer.learning_rate,
        "lr_scheduler_type": job.trainer.scheduler,
        "warmup_ratio": job.trainer.warmup_ratio,
        "weight_decay": job.trainer.weight_decay,
        "max_grad_norm": job.trainer.max_grad_norm,
        "optim": optimizer_argument(job, "adamw_torch"),
        "num_train_epochs": job.trainer.epochs,
        "max_steps": job.trainer.max_steps or -1,
        "per_device_train_batch_size": job.trainer.micro_batch_size,
        "per_device_eval_batch_size": job.trainer.micro_batch_size,
        "gradient_accumulation_steps": job.trainer.gradient_accumulation,
        "disable_gradient_checkpointing": not job.trainer.gradient_checkpointing,
        "seed": job.seed,
        "data_seed": job.seed,
        "logging_steps": job.log_steps,
        "logging_nan_inf_filter": False,
        **intervals(job, validates=validates),
        "load_best_model_at_end": False,
        "disable_tqdm": True,
        "plot_loss": False,
        "report_to": "none",
    }
