"""backend=llama_factory: LLaMA-Factory in an environment of its own."""

from dataclasses import dataclass
from typing import Any

from secft.config.schemas.training import BackendConfig
from secft.config.setting import setting
from secft.train.backends.record import SHARED_SETTINGS, TORCHRUN, BackendRecord, in_environment


@dataclass
class LlamaFactoryConfig(BackendConfig):
    """LLaMA-Factory in an environment of its own."""

    name: str = "llama_factory"
    extra: dict[str, Any] = setting({}, about="Settings for LLaMA-Factory by its own names; they win.")


BACKEND = BackendRecord(
    name="llama_factory",
    config=LlamaFactoryConfig,
    implementation="secft.train.backends.llama_factory.backend:LlamaFactoryBackend",
    program=in_environment("llama_factory_run.py"),
    otherwise="has no such stage",
    environment_bytes=int(2.3 * 2**30),
    owned=frozenset({
        "dataset", "dataset_dir", "do_train", "eval_dataset", "finetuning_type", "model_name_or_path", "output_dir",
        "overwrite_output_dir", "resume_from_checkpoint", "stage", "tokenized_path", "val_size",
    }),
    same_settings={
        **SHARED_SETTINGS,
        "num_train_epochs": "epochs",
        "optim": "optimizer",
        "per_device_train_batch_size": "micro_batch_size",
        "cutoff_len": "max_length",
        "packing": "packing",
        "lr_scheduler_type": "scheduler",
        "lora_rank": "lora.r",
    },
    discouraged={
        "template": (
            "names a template of LLaMA-Factory's own, which need not render what the tokenizer's template does",
            "Leave it out: LLaMA-Factory then trains with the tokenizer's template, which serving uses too.",
        )
    },
    launchers=TORCHRUN,
)  # fmt: skip
