"""Everything that the reports of a run tell, gathered in one record of plain values."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from secft.documents.dataset_manifest import DatasetManifest
from secft.documents.decision import Decision
from secft.documents.results import EvaluationResults
from secft.documents.run_record import StageRecord
from secft.documents.train_result import TrainingRecord


@dataclass(frozen=True)
class RunFacts:
    """One run, as its artifacts tell it.

    Attributes:
        run_id: name of the run.
        command: the command line that a person would repeat.
        created: when the reports were written; the only time that they show.
        config: the resolved configuration, plain values, without secrets.
        model: BaseModel.as_dict(): name, hub_id, source, license, digest, tokenizer_digest,
            chat_template_digest, parameters.
        dataset: the frozen dataset.
        dataset_path: where a reader finds it, for example ``data/template/attack-cwe-v1``.
        train: what came out of the training.
        metrics: rows of metrics.jsonl.
        results: of the evaluation.
        gates: what was decided.
        samples: rows of samples.jsonl.
        adapter: file name -> SHA-256 of what would be registered.
        environment: secft.environment.environment(): python, packages, hardware, git.
        stages: what was done, in order.
        start: the adapter that the training went on with: run, name, digest, rank; None where it began with a new one.
            What stands under "base" is then the base model with this adapter.
    """

    run_id: str
    command: str
    created: datetime.datetime
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    dataset: DatasetManifest
    dataset_path: str
    train: TrainingRecord
    metrics: Sequence[Mapping[str, Any]]
    results: EvaluationResults
    gates: Decision
    samples: Sequence[Mapping[str, Any]] = ()
    adapter: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[StageRecord] = ()
    start: Mapping[str, Any] | None = None

    @property
    def verdict(self) -> str:
        """``pass``, ``fail`` or ``inconclusive``."""
        return self.gates.verdict

    @property
    def base_name(self) -> str:
        """The base model as the world knows it: its id on the Hub, or its name here."""
        return str(self.model.get("hub_id") or self.model.get("name") or "unknown")

    @property
    def base_to_load(self) -> str:
        """What a reader loads the base model by: its id on the Hub, or a directory of theirs."""
        return str(self.model.get("hub_id") or f"path/to/{self.base_name}")

    @property
    def dataset_id(self) -> str:
        """Provider and version of the dataset, for example ``template/attack-cwe-v1``."""
        return "/".join(self.dataset_path.rstrip("/").split("/")[-2:])

    @property
    def trainer(self) -> Mapping[str, Any]:
        """The trainer's part of the configuration."""
        settings: Mapping[str, Any] = self.config.get("trainer", {})
        return settings
