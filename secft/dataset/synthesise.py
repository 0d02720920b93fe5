"""From documents to examples: templates, a model that is asked, or records that already are conversations."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from secft.config.llm import LlmConfig
from secft.config.synthesis import (
    HybridSynthesis,
    LlmSynthesis,
    NoSynthesis,
    SynthesisConfig,
    TemplateSynthesis,
    WritingConfig,
)
from secft.dataset.teacher.prompts import prompt_files
from secft.dataset.teacher.write import Account, plan_requests, write_pairs
from secft.dataset.templates import WRITERS
from secft.dataset.templates.choice import neighbours
from secft.dataset.templates.general import LICENSE, VERSION, PoolItem, assist_items, general_items, refusal_items
from secft.dataset.templates.writing import Draft, Setting, Skip, dice
from secft.engine import Engine, InProcess
from secft.engine.shards import Rows, Task, run_shards
from secft.errors import InputError
from secft.files import digest, plain, read_jsonl, sha256_file, write_jsonl
from secft.llm.session import Llm, Progress, open_llm
from secft.llm.spread import SpreadLlm
from secft.lookup import pick
from secft.progress import meter
from secft.records import Document, Example, Message, Provenance, Tally, example_from_record

EXAMPLES, REJECTED, SHARDS = "examples.jsonl", "rejected.jsonl", "shards"
SYNTHESIS_VERSION = 3
"""Raised when the same documents would give other examples."""

INJECTED = "the document holds instructions to a model"
CATALOGUED = ("weakness", "technique", "attack_pattern")
"""Kinds whose owners write every word: an injection there is an example of one, which is told as such."""

Tallies = dict[str, Tally]


@dataclass
class Means:
    """What a synthesis may use: workers, and a model that it may ask, with the account of what it asked.

    Attributes:
        llm: which model.
        cache: where its replies are kept; what was answered once is not asked again.
        engine: on what shards are made.
        spread: the model is asked by the workers of the engine, not from here.
        shard_size: documents that one worker writes about in one go.
        documents_file: where the documents are, for workers; filled by ``synthesise``.
        shards: where shards are kept until the examples are written; filled by ``synthesise``.
        account: what was asked, accepted and rejected; filled by the synthesis.
        spent: what it cost; filled by the synthesis.
    """

    llm: LlmConfig
    cache: Path
    engine: Engine = field(default_factory=InProcess)
    spread: bool = False
    shard_size: int = 2000
    documents_file: Path | None = None
    shards: Path | None = None
    account: Account = field(default_factory=Account)
    spent: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def session(self, questions: int) -> Iterator[tuple[Llm | SpreadLlm, Callable[[Progress], None]]]:
        """Open the model and show progress over so many questions."""
        opened = (
            nullcontext(SpreadLlm(self.engine, self.llm, self.cache)) if self.spread else open_llm(self.llm, self.cache)
        )
        with opened as llm, meter("asking", questions, "questions") as show:
            show.begin(self.llm.model or self.llm.name)
            try:
                yield llm, lambda progress: show.advance(1)
            finally:
                self.spent = plain(llm.spent)


def _messages(system: str, question: str, answer: str) -> tuple[Message, ...]:
    turns: list[Message] = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return ({"role": "system", "content": system}, *turns) if system else tuple(turns)


def _provenance(document: Document, fields: tuple[str, ...]) -> Provenance:
    return Provenance(
        document=document.id,
        fields=fields,
        source=document.source,
        source_version=document.source_version,
        license=document.license,
        url=document.url,
    )


def _example(document: Document, task: str, number: int, draft: Draft, system: str) -> Example:
    return Example(
        id=f"{document.source}:{document.id}:{task}:{draft.label or number}",
        task=task,
        entity=document.id,
        family=document.fields.get("parent") or document.id,
        messages=_messages(system, draft.question, draft.answer),
        provenance=_provenance(document, draft.fields),
        choices=draft.choices,
        answer=draft.right,
    )


def _from_pool(item: PoolItem, system: str) -> Example:
    return Example(
        id=f"secft:{item.id}:{item.task}:{item.label}",
        task=item.task,
        entity=item.entity,
        family=item.entity,
        messages=_messages(system, item.question, item.answer),
        provenance=Provenance(item.id, ("question", "answer"), "secft", VERSION, LICENSE, ""),
    )


def _pool(tasks: Iterable[str], seed: int) -> list[PoolItem]:
    pools = {"general": general_items, "refuse": lambda: refusal_items(seed), "assist": assist_items}
    return [item for task, items in pools.items() if task in set(tasks) for item in items()]


def write_examples(
    documents: Iterable[Document], config: TemplateSynthesis, setting: Setting, seed: int, tallies: Tallies
) -> Iterator[Example]:
    """Write every configured task for every document.

    Args:
        documents: in the order of the result.
        config: tasks, system prompt and longest answer.
        setting: what writers may use besides a document, see writing_setting.
        seed: decides phrasings and the places of right options.
        tallies: task -> documents seen, used, and dropped by reason; filled here.
    """
    for document in documents:
        writers = WRITERS.get(document.kind, {})
        for task in (task for task in writers if task in config.tasks):
            tally = tallies.setdefault(task, Tally())
            if document.fields.get("injection") and document.kind not in CATALOGUED:
                tally.drop(INJECTED)
                continue
            written = writers[task](document, setting, dice(seed, document.id, task))
            if isinstance(written, Skip):
                tally.drop(written.reason)
                continue
            tally.keep()
            for number, draft in enumerate(written):
                yield _example(document, task, number, draft, config.system_prompt)


def writing_setting(documents: Mapping[str, Document], config: TemplateSynthesis) -> Setting:
    """Return what writers may use besides the document that they write about."""
    asked = "multiple_choice" in config.tasks
    near = neighbours(one for one in documents.values() if asked and "multiple_choice" in WRITERS.get(one.kind, {}))
    return Setting(config.max_answer_characters, near, documents)


def write_pools(config: TemplateSynthesis, seed: int, tallies: Tallies) -> Iterator[Example]:
    """Write the examples that have no document behind them."""
    for item in _pool(config.tasks, seed):
        tallies.setdefault(f"{item.task} (pool)", Tally()).keep()
        yield _from_pool(item, config.system_prompt)


@dataclass(frozen=True)
class _Piece:
    """The documents that one worker writes about: a part of a file, by position."""

    documents_file: str
    config: TemplateSynthesis
    seed: int
    start: int
    stop: int


def _write_piece(piece: _Piece) -> Rows:
    """Write the examples of a piece; runs in any process."""
    documents, setting = _loaded(piece.documents_file, digest(piece.config), lambda: piece.config)
    tallies: Tallies = {}
    mine = islice(documents.values(), piece.start, piece.stop)
    examples = write_examples(mine, piece.config, setting, piece.seed, tallies)
    return (example.record() for example in examples), lambda: {"tallies": tallies}


class _Kept:
    """What a worker keeps from piece to piece: the documents, and which are alike, are the same for all of them."""

    key: tuple[str, str] | None = None
    value: tuple[dict[str, Document], Setting]


def _loaded(path: str, settings: str, config: Callable[[], TemplateSynthesis]) -> tuple[dict[str, Document], Setting]:
    if _Kept.key != (path, settings):
        documents = read_documents(Path(path))
        _Kept.value, _Kept.key = (documents, writing_setting(documents, config())), (path, settings)
    return _Kept.value


def _write_in_shards(
    documents: Mapping[str, Document], config: TemplateSynthesis, seed: int, tallies: Tallies, means: Means
) -> Iterator[Example]:
    """Write by the engine, in the order of the documents; few documents are written about here."""
    if len(documents) <= means.shard_size or means.documents_file is None or means.shards is None:
        yield from write_examples(documents.values(), config, writing_setting(documents, config), seed, tallies)
        return
    file, content = str(means.documents_file.absolute()), sha256_file(means.documents_file)
    pieces = [
        _Piece(file, config, seed, start, start + means.shard_size)
        for start in range(0, len(documents), means.shard_size)
    ]
    facts = {"version": SYNTHESIS_VERSION, "documents": content, "config": plain(config), "seed": seed}
    tasks = (Task({**facts, "start": piece.start, "stop": piece.stop}, piece) for piece in pieces)
    for shard in run_shards(means.engine, _write_piece, tasks, means.shards):
        for task, counts in shard.summary["tallies"].items():
            tallies.setdefault(task, Tally()).add(Tally(**counts))
        yield from map(example_from_record, read_jsonl(shard.path))


def pass_records(documents: Mapping[str, Document], tallies: Tallies) -> Iterator[Example]:
    """Turn documents that are chat records into examples, unchanged; others are dropped and counted."""
    for document in documents.values():
        fields = document.fields
        task = fields.get("task") or "chat"
        if document.kind != "record":
            tallies.setdefault(document.source, Tally()).drop("not a chat record; use synthesis=template")
            continue
        tallies.setdefault(task, Tally()).keep()
        entity = fields.get("entity") or document.id
        yield Example(
            id=document.id,
            task=task,
            entity=entity,
            family=fields.get("family") or entity,
            messages=tuple(fields["messages"]),
            provenance=_provenance(document, ("messages",)),
            choices=tuple(fields.get("choices", ())),
            answer=fields.get("answer", -1),
        )


Synthesiser = Callable[[Mapping[str, Document], Any, int, Tallies, Means], Iterator[Example]]


def _template(
    documents: Mapping[str, Document], config: TemplateSynthesis, seed: int, tallies: Tallies, means: Means
) -> Iterator[Example]:
    # Records that a user brought beside other sources are conversations already.
    records = {key: document for key, document in documents.items() if document.kind == "record"}
    yield from _write_in_shards(documents, config, seed, tallies, means)
    yield from write_pools(config, seed, tallies)
    yield from pass_records(records, tallies)


def _none(
    documents: Mapping[str, Document], config: NoSynthesis, seed: int, tallies: Tallies, means: Means
) -> Iterator[Example]:
    yield from pass_records(documents, tallies)


def _llm(
    documents: Mapping[str, Document],
    config: LlmSynthesis | HybridSynthesis,
    seed: int,
    tallies: Tallies,
    means: Means,
) -> Iterator[Example]:
    count = len(plan_requests(documents, config.writing, seed))
    with means.session(count) as (llm, on_progress):
        yield from write_pairs(documents, config.writing, config.system_prompt, seed, llm, means.account, on_progress)


def _hybrid(
    documents: Mapping[str, Document], config: HybridSynthesis, seed: int, tallies: Tallies, means: Means
) -> Iterator[Example]:
    yield from _template(documents, config, seed, tallies, means)
    yield from _llm(documents, config, seed, tallies, means)


SYNTHESISERS: Mapping[str, tuple[type[SynthesisConfig], Synthesiser]] = {
    TemplateSynthesis.name: (TemplateSynthesis, _template),
    LlmSynthesis.name: (LlmSynthesis, _llm),
    HybridSynthesis.name: (HybridSynthesis, _hybrid),
    NoSynthesis.name: (NoSynthesis, _none),
}


def asks_a_model(config: SynthesisConfig) -> bool:
    """Tell whether a synthesis needs the model of the ``llm`` group."""
    return isinstance(config, LlmSynthesis | HybridSynthesis)


def writing_settings(config: SynthesisConfig) -> WritingConfig:
    """Return what a model is asked to write.

    Raises:
        InputError: the synthesis asks no model.
    """
    if isinstance(config, LlmSynthesis | HybridSynthesis):
        return config.writing
    raise InputError(f"synthesis={config.name} asks no model.")


def template_part(config: HybridSynthesis) -> TemplateSynthesis:
    """Return the settings of the templates in a mix of templates and pairs of a model."""
    return TemplateSynthesis(
        tasks=config.tasks,
        system_prompt=config.system_prompt,
        max_answer_characters=config.max_answer_characters,
    )


def prompt_digests(config: SynthesisConfig) -> dict[str, str]:
    """Return name -> SHA-256 of every prompt file that a synthesis asks with."""
    if not isinstance(config, LlmSynthesis | HybridSynthesis):
        return {}
    writing = config.writing
    files = prompt_files(writing.tasks, writing.answers, writing.prompts)
    return {f"prompt {name}": sha256_file(path) for name, path in sorted(files.items())}


def read_documents(path: Path) -> dict[str, Document]:
    """Read the documents that ``sources.collect`` wrote, by id.

    Raises:
        InputError: a line is broken or lacks a column.
    """
    try:
        documents = [Document(**row) for row in read_jsonl(path)]
    except TypeError as error:
        raise InputError(f"{path}: a document lacks a column or has one too many ({error}).") from None
    return {document.id: document for document in documents}


def synthesise(
    config: SynthesisConfig, documents_file: Path, out: Path, seed: int, means: Means | None = None
) -> dict[str, Any]:
    """Write ``examples.jsonl`` from documents, and ``rejected.jsonl`` with what a model wrote and was not accepted.

    Args:
        config: which synthesiser, and its settings.
        documents_file: what ``sources.collect`` wrote.
        out: an existing or new directory of an unfinished stage.
        seed: seed of the run.
        means: workers, and the model that may be asked; None writes here and asks none.

    Returns:
        ``examples`` (number of all), ``per_task`` (task -> examples), ``documents`` (task -> documents seen, kept
        and dropped by reason), and where a model was asked ``teacher`` (asked, accepted and rejected by reason) and
        ``spent`` (tokens, cost, seconds; not the same in every run).

    Raises:
        InputError: no example came out.
        StorageError: the disk is full or cannot be written.
    """
    tallies: Tallies = {}
    schema, write = pick(SYNTHESISERS, config.name, "synthesis.name")
    if not isinstance(config, schema):
        raise InputError(f"synthesis.name: {config.name!r} needs the settings of {schema.__name__}.")
    if means is None and asks_a_model(config):
        raise InputError(f"synthesis={config.name} asks a model, and none is given.")
    means = replace(means or Means(LlmConfig(name=""), out), documents_file=documents_file, shards=out / SHARDS)
    per_task: Counter[str] = Counter()
    written = write(read_documents(documents_file), config, seed, tallies, means)
    count = write_jsonl(out / EXAMPLES, _counted(written, per_task))
    if not count:
        reasons = {task: tally.dropped for task, tally in tallies.items()}
        raise InputError(f"synthesis={config.name} wrote no example; dropped documents: {reasons or 'none'}.")
    shutil.rmtree(out / SHARDS, ignore_errors=True)
    summary: dict[str, Any] = {"examples": count, "per_task": dict(per_task), "documents": tallies}
    if not asks_a_model(config):
        return summary
    write_jsonl(out / REJECTED, means.account.rows)
    return {**summary, "teacher": means.account.summary(), "spent": means.spent}


def _counted(examples: Iterable[Example], per_task: Counter[str]) -> Iterator[dict[str, Any]]:
    for example in examples:
        per_task[example.task] += 1
        yield example.record()
