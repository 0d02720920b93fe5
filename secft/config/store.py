"""Put every schema into Hydra's ConfigStore, beside the YAML files that select among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore

from secft.config.roots import RUN, Root
from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.config.schemas.distributed import DistributedConfig
from secft.config.schemas.executor import ExecutorConfig
from secft.config.schemas.hardware import HardwareConfig, register_resolver
from secft.config.schemas.llm import GeminiLlm, HfLlm, LlamaCppLlm, OpenAiLlm
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.synthesis import HybridSynthesis, LlmSynthesis, NoSynthesis, TemplateSynthesis
from secft.config.schemas.training import NoTracker, TensorboardTracker
from secft.dataset.sources.table import SOURCES
from secft.evaluate.gates.settings import GatesConfig
from secft.evaluate.settings import EvalConfig
from secft.train.backends import BACKENDS
from secft.train.objectives import METHODS

SCHEMAS: dict[str, dict[str, type]] = {
    "synthesis": {
        "template_schema": TemplateSynthesis,
        "llm_schema": LlmSynthesis,
        "hybrid_schema": HybridSynthesis,
        "none_schema": NoSynthesis,
    },
    "llm": {
        "llama_cpp_schema": LlamaCppLlm,
        "openai_schema": OpenAiLlm,
        "gemini_schema": GeminiLlm,
        "hf_schema": HfLlm,
    },
    "executor": {"executor_schema": ExecutorConfig},
    "dedup": {"minhash_schema": DedupConfig},
    "curation": {"standard_schema": CurationConfig},
    "model": {"model_schema": ModelConfig},
    "trainer": {f"{name}_schema": method.config for name, method in METHODS.items()},
    "backend": {f"{name}_schema": record.config for name, record in BACKENDS.items()},
    "hardware": {"hardware_schema": HardwareConfig},
    "distributed": {"distributed_schema": DistributedConfig},
    "eval": {"standard_schema": EvalConfig},
    "gates": {"standard_schema": GatesConfig},
    "tracker": {"none_schema": NoTracker, "tensorboard_schema": TensorboardTracker},
}
"""group -> schema name -> dataclass. `source` stands apart: several sources compose."""


def conf_directory() -> Path:
    """Return the directory of the configuration groups: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def register_schemas(root: Root[Any] = RUN) -> None:
    """Tell Hydra about every schema; calling it again changes nothing.

    Args:
        root: of the command whose configuration is composed.
    """
    register_resolver(conf_directory() / "hardware")
    store = ConfigStore.instance()
    store.store(name=f"{root.name}_schema", node=root.schema, provider="secft")
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=group, name=name, node=schema, provider="secft")
    for name, source in SOURCES.items():
        package = f"source.{name}"
        store.store(group="source", name=f"{name}_schema", node=source.config, package=package, provider="secft")
