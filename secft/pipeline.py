"""The story of a run.

    documents -> examples -> dataset -> train -> evaluate -> gates -> papers, then register

Each stage reads finished artifacts and makes one. What exists already is not made again; what was interrupted
is continued. The tail of the story, what of all this a person finds where, is told in run_directory.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from secft.artifact import ArtifactStore
from secft.config.run import RunConfig
from secft.dataset import collect
from secft.dataset.curate import CURATION_VERSION
from secft.dataset.synthesise import SYNTHESIS_VERSION
from secft.files import storage_errors
from secft.log import RunLog
from secft.stage import Inputs, Stage, StageResult, run_stage
from secft.work import data, judge, papers, pretraining, training
from secft.work.naming import run_name

STAGES: tuple[Stage, ...] = (
    Stage(
        "documents",
        version=collect.VERSION,
        needs=(),
        settings=lambda config: config.source,
        work=data.read_documents,
        external=data.source_digests,
        resumable=True,
    ),
    Stage(
        "examples",
        version=SYNTHESIS_VERSION,
        needs=("documents",),
        settings=data.example_settings,
        work=data.write_examples,
        external=data.teacher_digests,
        resumable=True,
    ),
    Stage(
        "dataset",
        version=CURATION_VERSION,
        needs=("documents", "examples"),
        settings=data.dataset_settings,
        work=data.freeze_dataset,
        volatile=(data.DATASET_REPORT,),
        external=data.dataset_digests,
        resumable=True,
    ),
    Stage(
        "train",
        version=1,
        needs=("dataset",),
        settings=lambda config: {
            "trainer": config.trainer,
            "backend": config.backend,
            "distributed": config.distributed,
        },
        work=training.train,
        external=training.model_digests,
        volatile=training.VOLATILE,
        resumable=True,
    ),
    Stage(
        "evaluate",
        version=1,
        needs=("dataset", "train"),
        settings=lambda config: config.eval,
        work=judge.evaluate_candidate,
        external=training.model_digests,
    ),
    Stage(
        "gates",
        version=1,
        needs=("evaluate",),
        settings=lambda config: config.gates,
        work=judge.decide,
    ),
    Stage(
        "papers",
        version=1,
        needs=("documents", "dataset", "train", "evaluate", "gates"),
        settings=lambda config: config,
        work=papers.write_papers,
        volatile=papers.VOLATILE,
    ),
)


PRETRAINING: tuple[Stage, ...] = (
    Stage(
        "corpus",
        version=1,
        needs=(),
        settings=lambda config: {"trainer": pretraining.trainer_of(config), "name": pretraining.corpus_name(config)},
        work=pretraining.make_corpus,
        external=pretraining.corpus_digests,
    ),
    Stage(
        "train",
        version=1,
        needs=("corpus",),
        settings=lambda config: {"trainer": config.trainer, "backend": config.backend},
        work=pretraining.pretrain,
        volatile=training.VOLATILE,
        resumable=True,
    ),
    Stage(
        "evaluate",
        version=1,
        needs=("corpus", "train"),
        settings=lambda config: {"confidence": config.eval.confidence},
        work=pretraining.evaluate,
    ),
    Stage(
        "gates",
        version=1,
        needs=("train", "evaluate"),
        settings=lambda config: {},
        work=pretraining.decide,
    ),
    Stage(
        "papers",
        version=1,
        needs=("corpus", "train", "evaluate", "gates"),
        settings=lambda config: config,
        work=lambda config, inputs, out: pretraining.write_card(config, inputs, out, run_name(config)),
        volatile=papers.VOLATILE,
    ),
)
"""The story of a model that is trained from random weights in nanoGPT's formats."""


def stages_of(config: RunConfig) -> tuple[Stage, ...]:
    """Return the stages of a run; texts for pretraining come from files, or from the documents of sources."""
    if not pretraining.is_pretraining(config):
        return STAGES
    if pretraining.trainer_of(config).files:
        return PRETRAINING
    corpus, *rest = PRETRAINING
    return (STAGES[0], replace(corpus, needs=("documents",)), *rest)


@dataclass
class Progress:
    """What a run has done so far; it grows while the run goes on.

    Attributes:
        results: one entry per finished stage.
        artifacts: stage -> artifact, what later stages read.
    """

    results: list[StageResult] = field(default_factory=list)

    @property
    def artifacts(self) -> Inputs:
        """Stage -> finished artifact."""
        return {result.stage: result.artifact for result in self.results}


def run_stages(
    config: RunConfig,
    log: RunLog,
    on_stage: Callable[[StageResult], None],
    stages: tuple[Stage, ...] | None = None,
) -> Progress:
    """Run every stage in order, skipping those whose artifact exists.

    Args:
        config: what to do.
        log: where progress is told.
        on_stage: called after each stage.
        stages: the table; None is that of the run.

    Raises:
        SecftError: the first thing that goes wrong; earlier stages stay finished.
    """
    stages = stages_of(config) if stages is None else stages
    progress = Progress()
    store = ArtifactStore(Path(config.paths.cache) / "stages")
    for number, stage in enumerate(stages, start=1):
        title = f"{number}/{len(stages)} {stage.name}"

        def waiting(title: str = title) -> None:
            log.say(f"{title}: another run is making this; waiting for it")

        with storage_errors(store.root):
            result = run_stage(stage, config, progress.artifacts, store, waiting)
        progress.results.append(result)
        log.say(f"{title}: {headline(result)}")
        on_stage(result)
    return progress


def headline(result: StageResult) -> str:
    """Return one line about a finished stage."""
    told = result.artifact.summary.get("headline", "")
    how = "reused" if result.reused else f"{result.seconds:.1f} s"
    return f"{told} ({how})" if told else how
