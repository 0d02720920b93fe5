"""The pipelines: what a run goes through, as tables.

    FINETUNE   documents -> examples -> dataset -> train -> evaluate -> gates
    PRETRAIN   (documents ->) corpus -> train -> evaluate -> gates

Each stage reads finished artifacts and makes one. What exists already is not made again; what was interrupted is
continued. After the last stage the reports are written, and what passed its gates is registered (run.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from secft.artifact import Artifact
from secft.base import find_start
from secft.config.compose import read_config
from secft.config.roots import RunConfig
from secft.dataset import collect
from secft.dataset.curate import CURATION_VERSION
from secft.dataset.synthesise import SYNTHESIS_VERSION
from secft.documents.run_record import RunRecord
from secft.errors import Problem, stopping
from secft.files import digest
from secft.naming import directory_name
from secft.planning.checks import BEFORE_ANYTHING, FINETUNE_CHECKS, PRETRAIN_CHECKS, Check, When, inspect
from secft.planning.plan import print_plan
from secft.planning.situation import Situation
from secft.planning.unread import unread_problems
from secft.stage import Inputs, Stage, lasting
from secft.stages import dataset, documents, evaluation, examples, pretraining, reporting, training
from secft.train.backends.nanogpt.backend import NanoGptBackend
from secft.train.objectives import objective_of
from secft.train.objectives.pretrain import PretrainTrainer

DOCUMENTS = Stage(
    "documents",
    version=collect.VERSION,
    needs=(),
    settings=documents.DocumentsSettings.of,
    work=documents.read_documents,
    external=documents.source_digests,
    resumable=True,
    intermediate=True,
)

FINETUNE_STAGES: tuple[Stage[Any], ...] = (
    DOCUMENTS,
    Stage(
        "examples",
        version=SYNTHESIS_VERSION,
        needs=("documents",),
        settings=examples.ExamplesSettings.of,
        work=examples.write_examples,
        external=examples.teacher_digests,
        resumable=True,
        intermediate=True,
    ),
    Stage(
        "dataset",
        version=CURATION_VERSION,
        needs=("documents", "examples"),
        settings=dataset.DatasetSettings.of,
        work=dataset.freeze_dataset,
        external=dataset.dataset_digests,
        volatile=(dataset.DATASET_REPORT,),
        resumable=True,
    ),
    Stage(
        "train",
        version=6,
        needs=("dataset",),
        settings=training.TrainSettings.of,
        work=training.train,
        external=lambda settings: training.model_digests(settings.model, settings.start),
        volatile=training.VOLATILE,
        resumable=True,
    ),
    Stage(
        "evaluate",
        version=4,
        needs=("dataset", "train"),
        settings=evaluation.EvaluationSettings.of,
        work=evaluation.evaluate_candidate,
        external=lambda settings: training.model_digests(settings.model, settings.start),
    ),
    Stage(
        "gates",
        version=3,
        needs=("evaluate",),
        settings=evaluation.DecisionSettings.of,
        work=evaluation.decide_candidate,
    ),
)

PRETRAIN_STAGES: tuple[Stage[Any], ...] = (
    Stage(
        "corpus",
        version=2,
        needs=(),
        settings=pretraining.CorpusSettings.of,
        work=pretraining.make_corpus,
        external=pretraining.corpus_digests,
    ),
    Stage(
        "train",
        version=3,
        needs=("corpus",),
        settings=pretraining.PretrainSettings.of,
        work=pretraining.pretrain,
        volatile=training.VOLATILE,
        resumable=True,
    ),
    Stage(
        "evaluate",
        version=2,
        needs=("corpus", "train"),
        settings=pretraining.TextEvaluationSettings.of,
        work=pretraining.evaluate_text,
    ),
    Stage(
        "gates",
        version=2,
        needs=("train", "evaluate"),
        settings=lambda config: None,
        work=pretraining.decide_pretrained,
    ),
)


@dataclass(frozen=True)
class Pipeline:
    """One way from settings to a registered model.

    Attributes:
        name: for messages.
        chosen: whether a configuration asks for it.
        stages: its stages.
        title: first part of a run's name.
        external: digests of everything that it reads from outside; they belong to a run's name.
        checks: what is checked before anything starts.
        unread: setting, or group of settings, that it does not read -> why; to set one of them is refused.
        unread_here: those that this configuration leaves unread on top.
        read: settings inside of unread groups that are read all the same.
        plan: prints what would be done, and returns whether it could be started.
        publish: stage -> puts what it made where people look for it, and returns the place.
        reports: returns file name -> text of what people read.
        card: the report that a model is registered with.
        first: the report that a person should open first.
        origin: what the registry keeps about a model besides its files.
    """

    name: str
    chosen: Callable[[RunConfig], bool]
    stages: Callable[[RunConfig], tuple[Stage[Any], ...]]
    title: Callable[[RunConfig], str]
    external: Callable[[RunConfig], dict[str, str]]
    checks: tuple[Check, ...]
    unread: Mapping[str, str]
    unread_here: Callable[[RunConfig], Mapping[str, str]]
    read: frozenset[str]
    plan: Callable[[RunConfig, Sequence[Problem]], bool]
    publish: Mapping[str, Callable[[RunConfig, Artifact], Path]]
    reports: Callable[[reporting.ReportSettings, Inputs, RunRecord], dict[str, str]]
    card: str
    first: str
    origin: Callable[[reporting.ReportSettings, Inputs], dict[str, Any]]

    def run_name(self, config: RunConfig) -> str:
        """Return the name of a run: model, trainer, and a hash of the configuration and of all read from outside.

        The same experiment always has the same name; ``name=...`` chooses another one.
        """
        if config.name:
            return directory_name(config.name)
        fingerprint = digest({"config": lasting(config), "external": self.external(config)})
        return f"{self.title(config)}-{config.trainer.name}-{fingerprint[:10]}"

    def problems(self, config: RunConfig, *, machine: bool = True) -> list[Problem]:
        """Return everything that keeps a run from being started.

        Args:
            config: the whole configuration.
            machine: whether this machine is asked, too; impossible settings are wrong on any.
        """
        when: tuple[When, ...] = BEFORE_ANYTHING if machine else ("settings",)
        return [*self._unread(config), *stopping(inspect(self.checks, Situation(config), when))]

    def _unread(self, config: RunConfig) -> list[Problem]:
        """Return settings that were chosen and that neither this pipeline nor the objective reads."""
        trainer, objective = config.trainer.name, objective_of(config.trainer)
        unread = {**self.unread, **self.unread_here(config)}
        if not unread and not objective.unread:
            return []
        defaults = read_config([f"trainer={trainer}", f"backend={config.backend.name}"])
        return [
            *unread_problems(config, defaults, self.name, unread, self.read),
            *unread_problems(config, defaults, f"trainer={trainer}", objective.unread, objective.read),
        ]


def _pretrain_stages(config: RunConfig) -> tuple[Stage[Any], ...]:
    if pretraining.pretraining_of(config.trainer).files:
        return PRETRAIN_STAGES
    corpus, *rest = PRETRAIN_STAGES
    return (DOCUMENTS, replace(corpus, needs=("documents",)), *rest)


def _pretrain_external(config: RunConfig) -> dict[str, str]:
    files = pretraining.pretraining_of(config.trainer).files
    texts = {} if files else documents.source_digests(documents.DocumentsSettings.of(config))
    return {**texts, **pretraining.corpus_digests(pretraining.CorpusSettings.of(config))}


_NO_ADAPTATION = "it starts from random weights, on plain text"
_NOT_READ = {
    "synthesis": "texts are trained on as they are, without questions",
    "llm": "no model is asked",
    "curation": "texts are obfuscated, not curated",
    "dedup": "texts are obfuscated, not curated",
    "dataset.provider": "corpora stand in data/nanogpt",
    "model": _NO_ADAPTATION,
    "distributed": "it trains in one process",
    "eval": "it is measured by its loss on held-out text",
    "gates": "its only gate is that the loss lies below that of trigrams",
    "evidence": "it writes a model card only",
    "trainer.epochs": "it counts steps (trainer.max_steps)",
    "trainer.pass_tokens": "it counts steps (trainer.max_steps)",
    "trainer.max_length": "it reads blocks (trainer.shape.block)",
    "trainer.packing": "blocks are always full",
    "trainer.optimizer": "it trains by AdamW",
    "trainer.gradient_checkpointing": _NO_ADAPTATION,
    "trainer.attention": "its attention is its own",
    "trainer.kernels": "its kernels are its own",
    "trainer.max_dropped_share": "no text is too long: it is cut into blocks",
    "trainer.save_steps": "a checkpoint is written with each validation (trainer.eval_steps)",
    "trainer.save_total_limit": "only the last checkpoint is kept",
    "trainer.early_stopping_patience": "all steps are done",
    "trainer.recovery": "a loss that is not finite ends the training as diverged",
}


def _unread_with_files(config: RunConfig) -> Mapping[str, str]:
    """Return why sources are not read where files are; another trainer than pretrain is told by another check."""
    if not isinstance(config.trainer, PretrainTrainer) or not config.trainer.files:
        return {}
    return {"source": "its texts are trainer.files"}


FINETUNE = Pipeline(
    name="fine-tuning",
    chosen=lambda config: config.backend.name != NanoGptBackend.name,
    stages=lambda config: FINETUNE_STAGES,
    title=lambda config: config.model.name,
    external=lambda config: {
        **documents.source_digests(documents.DocumentsSettings.of(config)),
        **training.model_digests(config.model, find_start(config.model, config.paths)),
    },
    checks=FINETUNE_CHECKS,
    unread={},
    unread_here=lambda config: {},
    read=frozenset(),
    plan=lambda config, problems: print_plan(config, FINETUNE_STAGES, FINETUNE_CHECKS, problems),
    publish={
        "dataset": lambda config, artifact: dataset.publish_dataset(
            dataset.DatasetSettings.of(config), artifact, Path(config.paths.data)
        )
    },
    reports=reporting.candidate_reports,
    card=reporting.CARD,
    first=reporting.REPORT,
    origin=reporting.candidate_origin,
)

PRETRAIN = Pipeline(
    name="pretraining",
    chosen=lambda config: config.backend.name == NanoGptBackend.name,
    stages=_pretrain_stages,
    title=lambda config: "nanogpt",
    external=_pretrain_external,
    checks=PRETRAIN_CHECKS,
    unread=_NOT_READ,
    unread_here=_unread_with_files,
    read=frozenset({"eval.confidence"}),
    plan=lambda config, problems: pretraining.print_pretraining_plan(config, _pretrain_stages(config), problems),
    publish={
        "corpus": lambda config, artifact: pretraining.publish_corpus(pretraining.CorpusSettings.of(config), artifact)
    },
    reports=lambda settings, artifacts, record: reporting.pretrained_reports(settings, artifacts, record, _NOT_READ),
    card=reporting.CARD,
    first=reporting.CARD,
    origin=reporting.pretrained_origin,
)

_NOTHING_TRAINED = "a dataset is made, and nothing is trained"
NOT_READ_BY_BUILD: Mapping[str, str] = {
    **dict.fromkeys(
        ("trainer", "backend", "hardware", "distributed", "eval", "gates", "tracker", "sweep", "evidence", "name"),
        _NOTHING_TRAINED,
    ),
    "dry_run": "a dataset is made in the plan of a run, too",
}
"""Settings of a run that ``dataset build`` does not read -> why."""
READ_BY_BUILD = frozenset({"trainer.max_length"})
DATASET_STAGES = FINETUNE_STAGES[:3]
"""Documents, examples, dataset: what ``dataset build`` makes, as a run of the same settings would."""

PIPELINES: tuple[Pipeline, ...] = (FINETUNE, PRETRAIN)


def pipeline_of(config: RunConfig) -> Pipeline:
    """Return the pipeline that a configuration asks for."""
    return next(pipeline for pipeline in PIPELINES if pipeline.chosen(config))
