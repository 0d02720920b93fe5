"""The stages of pretraining in nanoGPT's formats: texts to a corpus, a corpus to a model, a model to a verdict."""

from __future__ import annotations

import datetime
import math
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from secft.artifact import Artifact
from secft.config.run import RunConfig
from secft.environment import environment
from secft.errors import InputError, Problem
from secft.files import (
    digest,
    plain,
    read_json,
    read_jsonl,
    sha256_file,
    storage_errors,
    tree_digests,
    write_json,
    write_text,
)
from secft.release.pretrain_card import PretrainFacts, pretrain_card
from secft.release.registry import register
from secft.stage import Inputs
from secft.track import following
from secft.train.attempt import start
from secft.train.backends.nanogpt import NanogptConfig
from secft.train.backends.nanogpt.backend import NanoGptBackend
from secft.train.backends.nanogpt.corpus import published
from secft.train.backends.nanogpt.corpus.data import DataSettings, prepare
from secft.train.backends.nanogpt.corpus.obfuscate import Obfuscator
from secft.train.backends.nanogpt.corpus.pseudonyms import key_file
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.launch import explain_end
from secft.train.objectives.pretrain import PretrainTrainer
from secft.work.judge import GATES, RESULTS

CARD = "MODEL_CARD.md"
DOCUMENTS = "documents.jsonl"
DATA = "nanogpt"
"""Where corpora lie below the data root."""
_NO_TEXT = "Give trainer.files=[/var/log/auth.log], or a source such as source=[tool_logs]."


def is_pretraining(config: RunConfig) -> bool:
    """Tell whether a run trains from random weights in nanoGPT's formats: its stages are other ones."""
    return config.backend.name == NanoGptBackend.name


def trainer_of(config: RunConfig) -> PretrainTrainer:
    """Return the settings of pretraining.

    Raises:
        InputError: the trainer is another one.
    """
    if isinstance(config.trainer, PretrainTrainer):
        return config.trainer
    raise InputError(f"backend=nanogpt trains from random weights: trainer=pretrain, not {config.trainer.name}.")


def pretraining_problems(config: RunConfig) -> list[Problem]:
    """Return what is wrong with the settings, or lacking on this machine."""
    trainer = config.trainer
    if not isinstance(trainer, PretrainTrainer):
        reason = f"trains from random weights, and trainer={trainer.name} does not"
        return [Problem("backend", reason, "nanogpt", remedy="Use trainer=pretrain, or another backend.")]
    missing = [name for name in trainer.files if not Path(name).exists()]
    found = [Problem("trainer.files", "no such file or folder", name) for name in missing]
    if not trainer.files and not config.source:
        found.append(Problem("trainer.files", "there is neither a file nor a source of texts", [], remedy=_NO_TEXT))
    if trainer.shape.width % trainer.shape.heads:
        reason = f"is no multiple of {trainer.shape.heads} heads"
        found.append(Problem("trainer.shape.width", reason, trainer.shape.width))
    if trainer.level == "tokenizer" and trainer.tokenizer is None:
        remedy = "Give trainer.tokenizer=<tokenizer.json>, or trainer.level=character."
        found.append(Problem("trainer.tokenizer", "names no tokenizer", None, remedy=remedy))
    return found


def corpus_digests(config: RunConfig) -> dict[str, str]:
    """Return what a corpus depends on from outside: the files, the tokenizer, and the key of the pseudonyms."""
    trainer = trainer_of(config)
    found = {}
    for name in trainer.files:
        path = Path(name)
        inside = tree_digests(path, leave_out=()) if path.is_dir() else {"": sha256_file(path)}
        found.update({f"file:{name}/{inner}".rstrip("/"): value for inner, value in inside.items()})
    if trainer.obfuscate:
        found["key"] = digest(["pseudonyms", _key(config).hex()])
    if trainer.level == "tokenizer" and trainer.tokenizer:
        place = Path(trainer.tokenizer)
        found["tokenizer"] = sha256_file(place / "tokenizer.json" if place.is_dir() else place)
    return found


def _key(config: RunConfig) -> bytes:
    """Return the key of the pseudonyms; it stays on this machine, outside of all data."""
    path = trainer_of(config).key_file or str(Path(config.paths.cache) / "pseudonyms.key")
    return key_file(Path(path), Path(config.paths.data))


def corpus_name(config: RunConfig) -> str:
    """Return the name of the corpus: what the user says, or where its texts come from."""
    return config.dataset.name or ("logs" if trainer_of(config).files else "-".join(sorted(config.source)))


def make_corpus(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Obfuscate texts and write them in nanoGPT's formats."""
    trainer = trainer_of(config)
    settings = DataSettings(
        corpus_name(config),
        split=trainer.split,
        validation_share=trainer.validation_share,
        seed=config.seed,
        tokenizer=(trainer.tokenizer or "") if trainer.level == "tokenizer" else "",
    )
    obfuscator = Obfuscator(_key(config), tuple(trainer.allow)) if trainer.obfuscate else None
    with tempfile.TemporaryDirectory(dir=out, prefix=".texts-") as scratch:
        paths = [Path(name) for name in trainer.files]
        if not paths:
            paths = _written(inputs["documents"].path / DOCUMENTS, Path(scratch))
        place = prepare(paths, out, settings, obfuscator)
    manifest = published.check_data(place)
    tokens = {part: facts["tokens"] for part, facts in manifest["splits"].items()}
    told = ", ".join(f"{count:,} tokens {part}" for part, count in tokens.items())
    replaced = sum(manifest.get("obfuscated", {}).values())
    hidden = f"; {replaced:,} places obfuscated" if trainer.obfuscate else "; not obfuscated"
    return {"place": place.relative_to(out).as_posix(), "tokens": tokens, "headline": told + hidden}


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
        _close(streams.values())
    return sorted(scratch.glob("*.txt"))


def _close(streams: Iterable[Any]) -> None:
    for stream in streams:
        stream.close()


def publish_corpus(config: RunConfig, corpus: Artifact) -> Path:
    """Put a corpus where people look for it: data/nanogpt/<name>-vN, the same content only once."""
    source, root = corpus.path / corpus.summary["place"], Path(config.paths.data)
    parent = root / DATA
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=".publishing-") as scratch:
            copy = Path(scratch) / "data"
            copy.mkdir()
            for path in sorted(source.iterdir()):
                shutil.copyfile(path, copy / path.name)
            return published.publish(copy, root, corpus_name(config))


def pretraining_job(config: RunConfig, data: Path) -> PretrainJob:
    """Translate the configuration into what an engine is told."""
    trainer = trainer_of(config)
    shape, steps = trainer.shape, trainer.max_steps or 2000
    checkout = config.backend.checkout if isinstance(config.backend, NanogptConfig) else None
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
        seed=1337 if checkout else config.seed,
        compile=trainer.compile,
        precision=trainer.precision,
        experiments=("gated_attention",) if shape.gated_attention else (),
        checkout=checkout or "",
    )


def plan_lines(config: RunConfig) -> list[str]:
    """Return what a run would do, for people."""
    trainer, job = trainer_of(config), pretraining_job(config, Path("DATA"))
    texts = ", ".join(trainer.files) or f"the documents of {', '.join(sorted(config.source))}"
    # Embeddings are tied; a block has four square matrices in attention and eight in the feed-forward part.
    weights = job.n_layer * 12 * job.n_embd**2 + job.block_size * job.n_embd
    hidden = "obfuscated first" if trainer.obfuscate else "as they are: nothing is obfuscated"
    return [
        f"texts: {texts}; {hidden}; {trainer.level} level",
        f"held out: {100 * trainer.validation_share:g} % by {trainer.split}",
        f"corpus: {config.paths.data}/{DATA}/{corpus_name(config)}-vN",
        f"model: {job.n_layer} layers, {job.n_head} heads, {job.n_embd} wide, block {job.block_size}; "
        f"about {weights:,} weights and the embeddings",
        f"training: {job.max_iters:,} steps of {job.tokens_per_step:,} tokens by {job.checkout or 'the own engine'}",
        "gate: the loss on held-out text lies certainly below that of counted trigrams",
    ]


def pretrain(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Train in the stage's own directory, going on from the last checkpoint there."""
    corpus = inputs["corpus"]
    job, backend = pretraining_job(config, corpus.path / corpus.summary["place"]), NanoGptBackend()
    job.check()
    if not _is_finished(job, out):
        backend.render(job, out)
        with following(config.tracker, out) as follow:
            attempt = start(backend.command(out), out, None, follow)
        if attempt.code:
            explain_end(attempt, out)
    result = backend.collect(out)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    facts = {**result.as_dict(), "adapter_dir": result.adapter_dir.relative_to(out).as_posix()}
    loss = "not finite" if result.final_validation_loss is None else f"{result.final_validation_loss:.3f}"
    told = f"{result.steps} steps, {result.tokens:,} tokens, validation loss {loss}, "
    return {**facts, "headline": told + f"{result.tokens_per_second:.0f} tokens/s, {result.status}"}


def _is_finished(job: PretrainJob, directory: Path) -> bool:
    path = directory / "result.json"
    return path.is_file() and bool(read_json(path).get("job_digest") == job.fingerprint())


def evaluate(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Measure the model on held-out text beside smoothed trigrams of the same training text."""
    from secft.evaluate.statistics import mean_interval
    from secft.train.backends.nanogpt.measure import measure  # heavy: imports torch

    corpus, confidence = inputs["corpus"], config.eval.confidence
    found = measure(inputs["train"].path, corpus.path / corpus.summary["place"], config.seed)
    loss, difference = (mean_interval(values, confidence) for values in (found.own, found.own - found.trigrams))
    results: dict[str, Any] = {
        "loss": vars(loss),
        "trigrams": vars(mean_interval(found.trigrams, confidence)),
        "difference": vars(difference),
        "confidence": confidence,
        "perplexity": math.exp(loss.value),
        "tokens": found.own.size * found.block,
        "windows": found.own.size,
        "vocabulary": found.vocabulary,
        "samples": found.samples,
        **({"bits_per_character": loss.value / math.log(2)} if found.characters else {}),
    }
    write_json(out / RESULTS, results)
    told = f"loss {loss.value:.3f}, trigrams {results['trigrams']['value']:.3f} ({difference.value:+.3f})"
    return {"results": results, "headline": told}


def decide(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Pass what certainly predicts held-out text better than trigrams; gates.json tells the comparison."""
    results, trained = read_json(inputs["evaluate"].path / RESULTS), inputs["train"].summary
    found = results["difference"]
    verdict = "pass" if found["high"] < 0 else "fail" if found["low"] > 0 else "inconclusive"
    reason = (
        f"loss minus that of trigrams {found['value']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}] nats a token"
    )
    told = [] if verdict == "pass" else [f"learned: {reason}"]
    if trained["status"] == "diverged":
        verdict, told = "fail", [*told, "the training diverged"]
    gate = {
        "name": "learned", "kind": "perplexity", "task": "held-out text", "metric": "loss",
        "rule": "the upper bound of the difference lies below 0", "difference": found["value"], "low": found["low"],
        "high": found["high"], "margin": 0.0, "verdict": verdict, "reason": reason, "items": results["windows"],
    }  # fmt: skip
    write_json(out / GATES, {"format": 1, "verdict": verdict, "reasons": told, "gates": [gate]})
    return {"verdict": verdict, "headline": f"{verdict}: {reason}"}


def write_card(config: RunConfig, inputs: Inputs, out: Path, name: str) -> dict[str, Any]:
    """Write the card of a pretrained model, whatever the gate says."""
    corpus, train = inputs["corpus"], inputs["train"]
    facts = PretrainFacts(
        run_id=name,
        created=datetime.datetime.now(datetime.UTC),
        trainer=plain(config.trainer),
        data=published.check_data(corpus.path / corpus.summary["place"]),
        data_path=str(publish_corpus(config, corpus)),
        train=train.summary,
        results=read_json(inputs["evaluate"].path / RESULTS),
        gates=read_json(inputs["gates"].path / GATES),
        model=tree_digests(train.path / train.summary["adapter_dir"]),
        environment=environment(),
    )
    write_text(out / CARD, pretrain_card(facts))
    return {"headline": "model card"}


def register_pretrained(config: RunConfig, inputs: Inputs, name: str) -> Path:
    """Put a pretrained model that passed into the registry; the same one again changes nothing."""
    train, corpus = inputs["train"], inputs["corpus"]
    manifest = read_json(corpus.path / corpus.summary["place"] / published.MANIFEST)
    return register(
        train.path / train.summary["adapter_dir"],
        (inputs["papers"].path / CARD).read_text(encoding="utf-8"),
        read_json(inputs["gates"].path / GATES),
        Path(config.paths.models),
        config.backend.name,
        name,
        {"run": name, "base_model": "", "dataset_digest": manifest["digest"]},
    )
