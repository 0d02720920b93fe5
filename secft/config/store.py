"""Put every schema into Hydra's ConfigStore, beside the YAML files that select among them."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import DictConfig, OmegaConf

from secft.config.places import conf_directory
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


class SchemaNode(ConfigNode):
    """A schema that becomes a configuration when Hydra reads it: of fifty, a command line reads a third."""

    def __init__(self, name: str, schema: type, group: str | None = None, package: str | None = None) -> None:
        self._schema, self._made = schema, list[DictConfig]()
        super().__init__(name, None, group, package, "secft")  # type: ignore[arg-type]  # made when it is read

    @property
    def node(self) -> DictConfig:
        """The schema as a configuration; Hydra copies what it is given, and gives the copy a node of its own."""
        if not self._made:
            self._made.append(OmegaConf.structured(self._schema))
        return self._made[0]

    @node.setter
    def node(self, value: DictConfig | None) -> None:
        self._made = self._made if value is None else [value]


def register_schemas(root: Root[Any] = RUN) -> None:
    """Tell Hydra about every schema; calling it again changes nothing.

    Args:
        root: of the command whose configuration is composed.
    """
    register_resolver(conf_directory() / "hardware")
    _store(SchemaNode(f"{root.name}_schema.yaml", root.schema))
    if "source" in ConfigStore.instance().repo:
        return
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            _store(SchemaNode(f"{name}.yaml", schema, group))
    for name, source in SOURCES.items():
        _store(SchemaNode(f"{name}_schema.yaml", source.config, "source", f"source.{name}"))


def _store(node: SchemaNode) -> None:
    """Put a node where ``ConfigStore.store`` would; that makes a configuration of each at once."""
    repo = ConfigStore.instance().repo
    place = repo.setdefault(node.group, {}) if node.group else repo
    place.setdefault(node.name, node)
