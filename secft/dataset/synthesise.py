"""From documents to examples: templates, a model that is asked, or records that already are conversations."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from secft.chat.host import host_of
from secft.chat.session import AskingProgress, Llm, open_llm
from secft.chat.spread import SpreadLlm
from secft.config.schemas.curation import SplitConfig
from secft.config.schemas.llm import LlmConfig
from secft.config.schemas.synthesis import (
    HybridSynthesis,
    LlmSynthesis,
    NoSynthesis,
    SynthesisConfig,
    TemplateSynthesis,
    WritingConfig,
)
from secft.dataset.split import is_held_out
from secft.dataset.store import DocumentStore
from secft.dataset.teacher.attempts import TeacherLog
from secft.dataset.teacher.prompts import prompt_files
from secft.dataset.teacher.write import plan_requests, write_pairs
from secft.dataset.writing import SYNTHESIS_VERSION as SYNTHESIS_VERSION
from secft.dataset.writing import Tallies, pass_records, write_examples, write_pools, writing_setting
from secft.dataset.writing_shards import write_in_shards
from secft.errors import InputError
from secft.executor import Executor, InProcess, Workplace
from secft.files import json_line, plain, read_jsonl, sha256_file, write_jsonl
from secft.lookup import pick
from secft.progress import counted, meter
from secft.reasons import counted_text
from secft.records import Document, Example, Message

EXAMPLES, REJECTED, SHARDS, INDEX = "examples.jsonl", "rejected.jsonl", "shards", "index"
RECORD = "record"
"""Kind of the documents that are conversations already."""
SYSTEM_READ = 10_000
"""Conversations whose system message is looked at."""


@dataclass
class SynthesisContext:
    """What a synthesis may use: workers, and a model that it may ask, with the log of what it asked.

    Attributes:
        llm: which model.
        cache: where its replies are kept; what was answered once is not asked again.
        executor: on what shards are made.
        split: how examples are divided; about what is held out no model is asked. None asks about everything.
        spread: the model is asked by the workers of the executor, not from here.
        shard_size: documents that one worker writes about in one go.
        shards: where shards are kept until the examples are written; filled by ``synthesise``.
        per_task: task -> examples that workers wrote; filled by the synthesis.
        log: what was asked, accepted and rejected; filled by the synthesis.
        spent: what it cost; filled by the synthesis.
    """

    llm: LlmConfig
    cache: Path
    executor: Executor = field(default_factory=InProcess)
    split: SplitConfig | None = None
    spread: bool = False
    shard_size: int = 2000
    shards: Path = Path(SHARDS)
    per_task: Counter[str] = field(default_factory=Counter)
    log: TeacherLog = field(default_factory=TeacherLog)
    spent: dict[str, Any] = field(default_factory=dict)

    @property
    def workplace(self) -> Workplace:
        """Where and by whom shards are made."""
        return Workplace(self.executor, self.shards, self.shard_size)

    def few(self, documents: Sized) -> bool:
        """Tell whether there are so few documents that they are written about here."""
        return len(documents) <= self.shard_size

    @contextmanager
    def session(self, questions: int) -> Iterator[tuple[Llm | SpreadLlm, Callable[[AskingProgress], None]]]:
        """Open the model and show progress over so many questions."""
        with self._opened(self.llm) as llm, meter("asking", questions, "questions") as show:
            show.begin(self.llm.model or self.llm.name)
            try:
                yield llm, lambda progress: show.advance(1)
            finally:
                self.spent = plain(llm.spent)

    @contextmanager
    def judging(self, model: str | None) -> Iterator[Llm | SpreadLlm | None]:
        """Open another model of the same server, which judges; None if the one that writes does."""
        if model is None:
            yield None
            return
        with self._opened(replace(self.llm, model=model)) as llm:
            yield llm

    def _opened(self, config: LlmConfig) -> AbstractContextManager[Llm | SpreadLlm]:
        if self.spread:
            return nullcontext(SpreadLlm(self.executor, config, self.cache))
        return open_llm(config, self.cache)


Row = Example | str
"""An example, or the line of one that was counted when it was written."""

Synthesiser = Callable[[DocumentStore, Any, int, Tallies, SynthesisContext], Iterator[Row]]


def _template(
    documents: DocumentStore, config: TemplateSynthesis, seed: int, tallies: Tallies, context: SynthesisContext
) -> Iterator[Row]:
    if context.few(documents):
        yield from write_examples(documents.values(), config, writing_setting(documents, config), seed, tallies)
    else:
        yield from write_in_shards(documents, config, seed, tallies, context.per_task, context.workplace)
    records = [document.fields["messages"] for document in islice(documents.rows_of([RECORD]), SYSTEM_READ)]
    only_records = records and all(document.kind == RECORD for document in documents.values())
    # What secft adds is asked as the rest is: a refusal under another system message would not be learned for this one.
    yield from write_pools(
        replace(config, system_prompt=usual_system(records)) if only_records else config, seed, tallies
    )
    # Records that a user brought beside other sources are conversations already.
    if records:
        yield from _records(documents, seed, tallies, context, only_records=True)


def is_taught(split: SplitConfig | None, seed: int) -> Callable[[Document], bool]:
    """Return what tells whether examples about a document are trained on."""

    def taught(document: Document) -> bool:
        family = document.fields.get("parent") or document.id
        return split is None or not is_held_out(document.id, family, split, seed)

    return taught


def usual_system(conversations: Iterable[Sequence[Message]]) -> str:
    """Return the system message that most conversations have, or an empty string."""
    heads = Counter(turns[0]["content"] if turns[0]["role"] == "system" else "" for turns in conversations)
    return heads.most_common(1)[0][0]


def _records(
    documents: DocumentStore, seed: int, tallies: Tallies, context: SynthesisContext, only_records: bool = False
) -> Iterator[Row]:
    if context.few(documents):
        yield from pass_records(documents.rows_of([RECORD]) if only_records else documents.values(), tallies)
    else:
        yield from write_in_shards(documents, None, seed, tallies, context.per_task, context.workplace, only_records)


def _none(
    documents: DocumentStore, config: NoSynthesis, seed: int, tallies: Tallies, context: SynthesisContext
) -> Iterator[Row]:
    yield from _records(documents, seed, tallies, context)


def _llm(
    documents: DocumentStore,
    config: LlmSynthesis | HybridSynthesis,
    seed: int,
    tallies: Tallies,
    context: SynthesisContext,
) -> Iterator[Row]:
    writing, log = config.writing, context.log
    planned = plan_requests(documents, writing, seed, log, is_taught(context.split, seed))
    if not planned and isinstance(config, HybridSynthesis):
        return
    with context.session(len(planned)) as (llm, on_progress), context.judging(writing.judge_model) as judge:
        yield from write_pairs(documents, planned, writing, config.system_prompt, llm, log, on_progress, judge)


def _hybrid(
    documents: DocumentStore, config: HybridSynthesis, seed: int, tallies: Tallies, context: SynthesisContext
) -> Iterator[Row]:
    yield from _template(documents, config, seed, tallies, context)
    yield from _llm(documents, config, seed, tallies, context)


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
    config: SynthesisConfig, documents_file: Path, out: Path, seed: int, context: SynthesisContext | None = None
) -> dict[str, Any]:
    """Write ``examples.jsonl`` from documents, and ``rejected.jsonl`` with what a model wrote and was not accepted.

    Args:
        config: which synthesiser, and its settings.
        documents_file: what ``sources.collect`` wrote.
        out: an existing or new directory of an unfinished stage.
        seed: seed of the run.
        context: workers, and the model that may be asked; None writes here and asks none.

    Returns:
        ``examples`` (number of all), ``per_task`` (task -> examples), ``documents`` (task -> documents seen, kept
        and dropped by reason), and where a model was asked ``teacher`` (asked, accepted and rejected by reason),
        ``spent`` (tokens, cost, seconds; not the same in every run), and where it is behind a server ``sent`` (host ->
        requests, passages, characters).

    Raises:
        InputError: no example came out.
        StorageError: the disk is full or cannot be written.
    """
    tallies: Tallies = {}
    schema, write = pick(SYNTHESISERS, config.name, "synthesis.name")
    if not isinstance(config, schema):
        raise InputError(f"synthesis.name: {config.name!r} needs the settings of {schema.__name__}.")
    if context is None and asks_a_model(config):
        raise InputError(f"synthesis={config.name} asks a model, and none is given.")
    context = replace(context or SynthesisContext(LlmConfig(name=""), out), shards=out / SHARDS, per_task=Counter())
    documents = DocumentStore.build(documents_file, out / SHARDS / INDEX)
    count = write_jsonl(out / EXAMPLES, _counted(write(documents, config, seed, tallies, context), context.per_task))
    if not count:
        found = ((task, counted_text(tally.dropped)) for task, tally in tallies.items())
        reasons = ", ".join(f"{task} ({words})" for task, words in found if words)
        raise InputError(f"synthesis={config.name} wrote no example; dropped documents: {reasons or 'none'}.")
    shutil.rmtree(out / SHARDS, ignore_errors=True)
    summary: dict[str, Any] = {"examples": count, "per_task": dict(context.per_task), "documents": tallies}
    if not asks_a_model(config):
        return summary
    write_jsonl(out / REJECTED, context.log.rows)
    host = host_of(context.llm)
    sent = {"sent": {host: context.log.sent()}} if host else {}
    return {**summary, "teacher": context.log.summary(), "spent": context.spent, **sent}


def _counted(rows: Iterable[Row], per_task: Counter[str]) -> Iterator[str]:
    for row in counted(rows, "examples", "examples"):
        if isinstance(row, Example):
            per_task[row.task] += 1
        yield row if isinstance(row, str) else json_line(row.record())
