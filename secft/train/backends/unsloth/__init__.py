"""backend=unsloth: Unsloth in an environment of its own."""

from dataclasses import dataclass
from typing import Any

from secft.config.schemas.training import BackendConfig
from secft.config.setting import setting
from secft.train.backends.record import BackendRecord, in_environment


@dataclass
class UnslothConfig(BackendConfig):
    """Unsloth in an environment of its own."""

    name: str = "unsloth"
    extra: dict[str, Any] = setting({}, about="Settings for Unsloth and its trainer by their own names; they win.")


BACKEND = BackendRecord(
    name="unsloth",
    config=UnslothConfig,
    implementation="secft.train.backends.unsloth.backend:UnslothBackend",
    program=in_environment("unsloth_run.py"),
    otherwise="has no trainer for it here",
    environment_bytes=int(1.9 * 2**30),
    cpu_variables={"UNSLOTH_FORCE_CPU": "1"},
    owned=frozenset({
        "dataset_kwargs", "full_finetuning", "load_in_4bit", "load_in_8bit", "model_name", "output_dir",
        "resume_from_checkpoint", "train_rows", "use_dora", "validation_rows",
    }),
)  # fmt: skip
