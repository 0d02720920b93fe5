"""The stages of pretraining in nanoGPT's formats: texts to a corpus, a corpus to a model, a model to a verdict."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from secft.artifact import Artifact, ArtifactStore
from secft.config.roots import RunConfig
from secft.config.schemas.training import BackendConfig, TrackerConfig, TrainerConfig
from secft.documents.document import as_json
from secft.documents.results import RESULTS, EvaluationResults, TaskResult, read_results
from secft.documents.train_result import TrainingRecord
from secft.errors import ConfigError, InputError, Problem
from secft.evaluate.gates import GateCheck, decide
from secft.evaluate.gates.learned import LearnedGate
from secft.files import (
    digest,
    read_json,
    read_jsonl,
    sha256_file,
    storage_errors,
    tree_digests,
    write_json,
)
from secft.stage import INTERNAL, Inputs, Stage, run_stage
from secft.stages.documents import DOCUMENTS
from secft.stages.evaluation import write_decision
from secft.stages.training import training_record
from secft.track import following
from secft.train.attempt import start
from secft.train.backends.nanogpt import NanogptConfig
from secft.train.backends.nanogpt.backend import NanoGptBackend
from secft.train.backends.nanogpt.corpus import published
from secft.train.backends.nanogpt.corpus.data import DataSettings, prepare
from secft.train.backends.nanogpt.corpus.obfuscate import Obfuscator
from secft.train.backends.nanogpt.corpus.pseudonyms import key_file
from secft.train.backends.nanogpt.job import NANOGPT_SEED, PretrainJob
from secft.train.launch import explain_end
from secft.train.objectives import objective_of
from secft.train.objectives.pretrain import PretrainTrainer

DATA = "nanogpt"
"""Where corpora lie below the data root."""
HELD_OUT = "held_out_text"
"""What the model is measured by: the only task of a pretraining."""
MOST_NATS = 700.0
"""The perplexity of a larger loss is no number of 64 bits."""


def pretraining_of(trainer: TrainerConfig) -> PretrainTrainer:
    """Return the settings of pretraining.

    Raises:
        InputError: the trainer is another one.
    """
    if isinstance(trainer, PretrainTrainer):
        return trainer
    raise InputError(f"backend=nanogpt trains from random weights: trainer=pretrain, not {trainer.name}.")


@dataclass(frozen=True)
class CorpusSettings:
    """What a corpus depends on.

    Attributes:
        name: of the corpus: what the user says, or where its texts come from.
        trainer: files, tokenizer, split, obfuscation.
        seed: of the split.
        data: root of published data.
        cache: where the key of the pseudonyms is, unless the trainer names another place.
    """

    name: str
    trainer: PretrainTrainer
    seed: int
    data: Path = field(metadata=INTERNAL)
    cache: Path = field(metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> CorpusSettings:
        """Take them from the configuration of a run."""
        trainer = pretraining_of(config.trainer)
        name = config.dataset.name or ("logs" if trainer.files else "-".join(sorted(config.source)))
        return cls(name, trainer, config.seed, Path(config.paths.data), Path(config.paths.cache))

    @property
    def key(self) -> bytes:
        """The key of the pseudonyms; it stays on this machine, outside of all data."""
        path = self.trainer.key_file or str(self.cache / "pseudonyms.key")
        return key_file(Path(path), self.data)


def corpus_digests(settings: CorpusSettings) -> dict[str, str]:
    """Return what a corpus depends on from outside: the files, the tokenizer, and the key of the pseudonyms."""
    trainer, found = settings.trainer, {}
    for name in trainer.files:
        path = Path(name)
        inside = tree_digests(path, leave_out=()) if path.is_dir() else {"": sha256_file(path)}
        found.update({f"file:{name}/{inner}".rstrip("/"): value for inner, value in inside.items()})
    if trainer.obfuscate:
        found["key"] = digest(["pseudonyms", settings.key.hex()])
    if trainer.level == "tokenizer" and trainer.tokenizer:
        place = Path(trainer.tokenizer)
        found["tokenizer"] = sha256_file(place / "tokenizer.json" if place.is_dir() else place)
    return found


def make_corpus(settings: CorpusSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Obfuscate texts and write them in nanoGPT's formats."""
    trainer = settings.trainer
    data = DataSettings(
        settings.name,
        split=trainer.split,
        validation_share=trainer.validation_share,
        seed=settings.seed,
        tokenizer=(trainer.tokenizer or "") if trainer.level == "tokenizer" else "",
    )
    obfuscator = Obfuscator(settings.key, tuple(trainer.allow)) if trainer.obfuscate else None
    with tempfile.TemporaryDirectory(dir=out, prefix=".texts-") as scratch:
        paths = [Path(name) for name in trainer.files]
        if not paths:
            paths = _written(inputs["documents"].path / DOCUMENTS, Path(scratch))
        place = prepare(paths, out, data, obfuscator)
    manifest = published.check_data(place)
    tokens = {part: facts["tokens"] for part, facts in manifest["splits"].items()}
    counts = ", ".join(f"{count:,} tokens {part}" for part, count in tokens.items())
    replaced = sum(manifest.get("obfuscated", {}).values())
    hidden = f"; {replaced:,} places obfuscated" if trainer.obfuscate else "; not obfuscated"
    return {"place": place.relative_to(out).as_posix(), "tokens": tokens, "headline": counts + hidden}


def _written(documents: Path, scratch: Path) -> list[Path]:
    """Write the texts of documents into one file per source; the order of the sources is that of their names."""
    streams: dict[str, Any] = {}
    try:
        with storage_errors(scratch):
            for row in read_jsonl(documents):
                source = row["source"]
                if source not in streams:
                    streams[source] = (scratch / f"{source}.txt").open("w", encoding="utf-8")
                streams[source].write(f"{row['title']}\n{row['text']}\n\n")
    finally:
        for stream in streams.values():
            stream.close()
    return sorted(scratch.glob("*.txt"))


def publish_corpus(settings: CorpusSettings, corpus: Artifact) -> Path:
    """Put a corpus where people look for it: data/nanogpt/<name>-vN, the same content only once."""
    source, parent = corpus.path / corpus.summary["place"], settings.data / DATA
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=".publishing-") as scratch:
            copy = Path(scratch) / "data"
            copy.mkdir()
            for path in sorted(source.iterdir()):
                shutil.copyfile(path, copy / path.name)
            return published.publish(copy, settings.data, settings.name)


@dataclass(frozen=True)
class PretrainSettings:
    """What a pretraining depends on.

    Attributes:
        trainer: shape, learning rate, steps.
        backend: a checkout of nanoGPT, or secft's own trainer.
        seed: of weights and batches.
        tracker: who is told about progress.
    """

    trainer: PretrainTrainer
    backend: BackendConfig
    seed: int
    tracker: TrackerConfig = field(metadata=INTERNAL)

    @classmethod
    def of(cls, config: RunConfig) -> PretrainSettings:
        """Take them from the configuration of a run."""
        return cls(pretraining_of(config.trainer), config.backend, config.seed, config.tracker)


def pretraining_job(settings: PretrainSettings, data: Path) -> PretrainJob:
    """Translate the settings into what a trainer is told."""
    trainer = settings.trainer
    shape, steps = trainer.shape, trainer.max_steps or 2000
    checkout = settings.backend.checkout if isinstance(settings.backend, NanogptConfig) else None
    return PretrainJob(
        data_dir=str(data.absolute()),
        n_layer=shape.layers,
        n_head=shape.heads,
        n_embd=shape.width,
        block_size=shape.block,
        dropout=shape.dropout,
        bias=shape.bias,
        learning_rate=trainer.learning_rate,
        min_lr=trainer.learning_rate / 10,
        warmup_iters=round(trainer.warmup_ratio * steps),
        decay_lr=trainer.scheduler == "cosine",
        max_iters=steps,
        weight_decay=trainer.weight_decay,
        grad_clip=trainer.max_grad_norm,
        batch_size=trainer.micro_batch_size,
        gradient_accumulation_steps=trainer.gradient_accumulation,
        eval_interval=trainer.eval_steps,
        # A checkout has a seed of its own.
        seed=NANOGPT_SEED if checkout else settings.seed,
        compile=trainer.compile,
        precision=trainer.precision,
        experiments=("gated_attention",) if shape.gated_attention else (),
        checkout=checkout or "",
    )


def print_pretraining_plan(config: RunConfig, stages: Sequence[Stage[Any]], problems: Sequence[Problem]) -> bool:
    """Print what a run would do, and return whether it could be started; its corpus is made in a temporary place.

    Args:
        config: the whole configuration.
        stages: of its pipeline.
        problems: what is known already to keep the run from being started.

    Raises:
        ConfigError: the trainer is another one, so that there is nothing to plan.
    """
    if not isinstance(config.trainer, PretrainTrainer):
        raise ConfigError(problems)
    trainer, job = pretraining_of(config.trainer), pretraining_job(PretrainSettings.of(config), Path("DATA"))
    texts = ", ".join(trainer.files) or f"the documents of {', '.join(sorted(config.source))}"
    # Embeddings are tied; a block has four square matrices in attention and eight in the feed-forward part.
    weights = job.n_layer * 12 * job.n_embd**2 + job.block_size * job.n_embd
    hidden = "obfuscated first" if trainer.obfuscate else "as they are: nothing is obfuscated"
    told, failed = ("", []) if problems else _planned_corpus(config, stages)
    problems = [*problems, *failed]
    by = job.checkout or "secft's own trainer"
    lines = [
        f"texts: {texts}; {hidden}; {trainer.level} level",
        f"held out: {100 * trainer.validation_share:g} % by {trainer.split}",
        f"corpus: {config.paths.data}/{DATA}/{CorpusSettings.of(config).name}-vN{told}",
        f"model: {job.n_layer} layers, {job.n_head} heads, {job.n_embd} wide, block {job.block_size}; "
        f"about {weights:,} weights and the embeddings",
        f"training: {job.max_iters:,} steps of {job.tokens_per_step:,} tokens by {by}",
        "gate: the loss on held-out text lies certainly below that of counted trigrams",
    ]
    print("\n".join([*lines, *(f"lacking: {problem}" for problem in problems)]))
    return not problems


def _planned_corpus(config: RunConfig, stages: Sequence[Stage[Any]]) -> tuple[str, list[Problem]]:
    """Make the corpus of a plan, and say what is in it, or why neither a plan nor a run can make or train on it."""
    with tempfile.TemporaryDirectory(prefix="secft-plan-") as scratch:
        trainer = pretraining_of(config.trainer)
        key = trainer.key_file if trainer.key_file and Path(trainer.key_file).is_file() else None
        # A key that does not exist yet is made beside the plan, and goes with it.
        apart = replace(config, paths=replace(config.paths, cache=scratch), trainer=replace(trainer, key_file=key))
        store, made = ArtifactStore(Path(scratch) / "stages"), dict[str, Artifact]()
        for stage in stages[: [one.name for one in stages].index("train")]:
            try:
                made[stage.name] = run_stage(stage, apart, made, store).artifact
            except InputError as error:
                return "", [Problem(f"stage {stage.name}", str(error).rstrip("."), code="data")]
        corpus = made["corpus"]
        try:
            pretraining_job(PretrainSettings.of(config), corpus.path / corpus.summary["place"]).check()
        except InputError as error:
            return "", [Problem("trainer", str(error).rstrip("."), code="data")]
        return f": {corpus.summary['headline']}", []


def pretrain(settings: PretrainSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Train in the stage's own directory, going on from the last checkpoint there."""
    corpus = inputs["corpus"]
    job, backend = pretraining_job(settings, corpus.path / corpus.summary["place"]), NanoGptBackend()
    job.check()
    if not _is_finished(job, out):
        backend.render(job, out)
        with following(settings.tracker, out) as follow:
            attempt = start(backend.command(out), out, None, follow)
        if attempt.code:
            explain_end(attempt, out)
    result = backend.collect(out)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    loss = "not finite" if result.final_validation_loss is None else f"{result.final_validation_loss:.3f}"
    speed = f"{result.tokens_per_second:.0f} tokens/s, {result.status}"
    record = TrainingRecord(
        **{**vars(result), "adapter_dir": result.adapter_dir.relative_to(out)},
        learned_from=objective_of(settings.trainer).loss,
        headline=f"{result.steps} steps, {result.tokens:,} tokens, validation loss {loss}, {speed}",
    )
    return record.as_dict()


def _is_finished(job: PretrainJob, directory: Path) -> bool:
    path = directory / "result.json"
    return path.is_file() and bool(read_json(path).get("job_digest") == job.fingerprint())


@dataclass(frozen=True)
class TextEvaluationSettings:
    """What the measurement of a pretrained model depends on.

    Attributes:
        confidence: level of the intervals.
        seed: of samples.
    """

    confidence: float
    seed: int

    @classmethod
    def of(cls, config: RunConfig) -> TextEvaluationSettings:
        """Take them from the configuration of a run."""
        return cls(config.eval.confidence, config.seed)


def evaluate_text(settings: TextEvaluationSettings, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Measure the model on held-out text beside smoothed trigrams of the same training text."""
    from secft.evaluate.metrics import compared
    from secft.evaluate.statistics import mean_interval
    from secft.train.backends.nanogpt.measure import measure  # heavy: imports torch

    corpus, confidence = inputs["corpus"], settings.confidence
    found = measure(inputs["train"].path, corpus.path / corpus.summary["place"], settings.seed)
    trigrams, loss, difference = (
        mean_interval(values, confidence) for values in (found.trigrams, found.own, found.own - found.trigrams)
    )
    metric = replace(
        compared(trigrams, loss, difference),
        title={"en": "loss (nats a token, lower is better)", "es": "pérdida (nats por token, menor es mejor)"},
        share=False,
        higher_is_better=False,
        problem=None if math.isfinite(loss.value) else "the loss of the model is not finite",
    )
    bits = {"bits_per_character": loss.value / math.log(2)} if found.characters and metric.problem is None else {}
    task = TaskResult(
        items=int(found.own.size),
        metrics={"loss": metric},
        primary="loss",
        title={"en": "Held-out text", "es": "Texto reservado"},
        extra={
            "perplexity": math.exp(loss.value) if loss.value < MOST_NATS else None,
            "tokens": int(found.own.size * found.block),
            "vocabulary": found.vocabulary,
            "samples": found.samples,
            **bits,
        },
    )
    results = EvaluationResults({HELD_OUT: task}, confidence=confidence, seed=settings.seed)
    write_json(out / RESULTS, as_json(results))
    if metric.problem:
        return {"headline": f"loss not finite, trigrams {trigrams.value:.3f}"}
    return {"headline": f"loss {loss.value:.3f}, trigrams {trigrams.value:.3f} ({difference.value:+.3f})"}


def decide_pretrained(settings: None, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Pass what certainly predicts held-out text better than trigrams; gates.json tells the comparison."""
    results = read_results(inputs["evaluate"].path / RESULTS)
    decision = decide(results, [GateCheck(LearnedGate(), HELD_OUT, 0.0)])
    diverged = training_record(inputs).status == "diverged"
    return write_decision(decision, out, ["the training diverged"] if diverged else [])
