"""The root schema of each command: what ``conf/<command>.yaml`` fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.data import DatasetConfig
from secft.config.schemas.dedup import DedupConfig
from secft.config.schemas.distributed import DistributedConfig
from secft.config.schemas.executor import ExecutorConfig
from secft.config.schemas.hardware import HardwareConfig
from secft.config.schemas.llm import LlmConfig
from secft.config.schemas.model import ModelConfig
from secft.config.schemas.sweep import SweepConfig
from secft.config.schemas.synthesis import SynthesisConfig
from secft.config.schemas.training import BackendConfig, TrackerConfig, TrainerConfig
from secft.config.setting import setting
from secft.evaluate.gates.settings import GatesConfig
from secft.evaluate.settings import EvalConfig

C = TypeVar("C")
GIVEN = "secft_given"
"""Name under which Hydra knows a file of --config-name."""


@dataclass
class EvidenceConfig:
    """The header of the evidence document."""

    language: str = setting("es", about="Language of the document.", choices=("es", "en"))
    agent: str = setting("secft", about="Who did the work (Agente).")
    iteration: int = setting(1, about="Iteration of the fine-tuning.", low=1)


@dataclass
class PathsConfig:
    """Where things are kept, relative to the current directory."""

    data: str = setting("data", about="Frozen datasets.", internal=True)
    models: str = setting("models", about="Registered adapters.", internal=True)
    outputs: str = setting("outputs", about="One directory per run.", internal=True)
    cache: str = setting(".secft", about="Artifacts of stages, shared by all runs.", internal=True)
    backends: str = setting(".backends", about="Environments of training backends.", internal=True)


@dataclass
class RunConfig:
    """One experiment, from sources to a registered adapter."""

    source: dict[str, Any] = field(default_factory=dict)
    synthesis: SynthesisConfig = field(default_factory=SynthesisConfig)
    llm: LlmConfig = field(default_factory=LlmConfig)
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    dedup: DedupConfig = field(default_factory=DedupConfig)
    curation: CurationConfig = field(default_factory=CurationConfig)
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    backend: BackendConfig = field(default_factory=BackendConfig)
    hardware: HardwareConfig = setting(HardwareConfig(), about="What trains.", internal=True)
    distributed: DistributedConfig = field(default_factory=DistributedConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    gates: GatesConfig = field(default_factory=GatesConfig)
    tracker: TrackerConfig = field(default_factory=TrackerConfig)
    sweep: SweepConfig = setting(SweepConfig(), about="How jobs of a multirun are compared.", internal=True)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    seed: int = setting(7, about="Seed of everything that is random.", low=0, high=2**31 - 1)
    name: str | None = setting(None, about="Name of the run; null means model-trainer-<fingerprint>.")
    dry_run: bool = setting(False, about="Print the plan and stop.", internal=True)


@dataclass(frozen=True)
class Root(Generic[C]):
    """Where the configuration of a command begins.

    Attributes:
        name: of the file in conf, without its suffix.
        schema: its type.
        given: another file that is composed instead (--config-name), without its suffix; empty is the command's own.
            What it holds is kept in Hydra's ConfigStore, since Hydra looks for a root in its own folder only.
    """

    name: str
    schema: type[C]
    given: str = ""

    @property
    def file(self) -> str:
        """What Hydra composes: a file of its folder, or a name in its ConfigStore."""
        return GIVEN if self.given else self.name


@dataclass
class PlacesConfig:
    """A command that looks at what is there: places, and nothing else."""

    paths: PathsConfig = field(default_factory=PathsConfig)


@dataclass
class ModelDownloadConfig:
    """A download of a base model from the Hub."""

    license: str | None = setting(None, about="Name of the licence that is accepted; null asks on a terminal.")
    revision: str | None = setting(None, about="Branch, tag or commit; null is that of the option, or main.")
    file: str | None = setting(None, about="One file of weights, such as a GGUF file; null takes the safetensors.")


RUN = Root("run", RunConfig)
