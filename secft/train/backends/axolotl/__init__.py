"""backend=axolotl: Axolotl in an environment of its own."""

from dataclasses import dataclass
from typing import Any

from secft.config.schemas.training import BackendConfig
from secft.config.setting import setting
from secft.train.backends.record import SHARED_SETTINGS, TORCHRUN, BackendRecord, in_environment


@dataclass
class AxolotlConfig(BackendConfig):
    """Axolotl in an environment of its own."""

    name: str = "axolotl"
    extra: dict[str, Any] = setting({}, about="Settings for Axolotl by its own names; they win.")


BACKEND = BackendRecord(
    name="axolotl",
    config=AxolotlConfig,
    implementation="secft.train.backends.axolotl.backend:AxolotlBackend",
    program=in_environment("axolotl_run.py"),
    otherwise="has no settings for it here",
    environment_bytes=int(4.0 * 2**30),
    owned=frozenset({
        "base_model", "chat_template", "chat_template_jinja", "dataset_prepared_path", "datasets", "output_dir",
        "resume_from_checkpoint", "rl", "test_datasets", "val_set_size",
    }),
    same_settings={
        **SHARED_SETTINGS,
        "num_epochs": "epochs",
        "micro_batch_size": "micro_batch_size",
        "sequence_len": "max_length",
        "sample_packing": "packing",
        "lr_scheduler": "scheduler",
        "optimizer": "optimizer",
        "early_stopping_patience": "early_stopping_patience",
        "lora_r": "lora.r",
    },
    launchers=TORCHRUN,
    kernels=True,
    cpu_bf16=False,
)  # fmt: skip
