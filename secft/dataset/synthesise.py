"""From documents to examples: templates, a model that is asked, or records that already are conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from secft.errors import InputError
from secft.files import plain, read_jsonl, sha256_file, write_jsonl
from secft.llm.session import Llm, Progress, open_llm
from secft.lookup import pick
from secft.progress import meter
from secft.records import Document, Example, Message, Provenance, Tally

EXAMPLES, REJECTED = "examples.jsonl", "rejected.jsonl"
SYNTHESIS_VERSION = 2
"""Raised when the same documents would give other examples."""

TEMPLATED = ("weakness", "technique")
"""Kinds of documents that the templates write about."""

Tallies = dict[str, Tally]


@dataclass
class Asking:
    """A model that a synthesis may ask, and the account of what it asked.

    Attributes:
        llm: which model.
        cache: where its replies are kept; what was answered once is not asked again.
        account: what was asked, accepted and rejected; filled by the synthesis.
        spent: what it cost; filled by the synthesis.
    """

    llm: LlmConfig
    cache: Path
    account: Account = field(default_factory=Account)
    spent: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def session(self, questions: int) -> Iterator[tuple[Llm, Callable[[Progress], None]]]:
        """Open the model and show progress over so many questions."""
        with open_llm(self.llm, self.cache) as llm, meter("asking", questions, "questions") as show:
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
    documents: Mapping[str, Document], config: TemplateSynthesis, seed: int, tallies: Tallies
) -> Iterator[Example]:
    """Write every configured task for every document, then the pools that have no document.

    Args:
        documents: by id, in the order of the result.
        config: tasks, system prompt and longest answer.
        seed: decides phrasings and the places of right options.
        tallies: task -> documents seen, used, and dropped by reason; filled here.
    """
    tasks = [task for task in WRITERS if task in config.tasks]
    near = neighbours(documents.values()) if "multiple_choice" in tasks else {}
    setting = Setting(config.max_answer_characters, near, documents)
    for document in documents.values():
        for task in tasks if document.kind in TEMPLATED else ():
            written = WRITERS[task](document, setting, dice(seed, document.id, task))
            tally = tallies.setdefault(task, Tally())
            if isinstance(written, Skip):
                tally.drop(written.reason)
                continue
            tally.keep()
            for number, draft in enumerate(written):
                yield _example(document, task, number, draft, config.system_prompt)
    for item in _pool(config.tasks, seed):
        tallies.setdefault(f"{item.task} (pool)", Tally()).keep()
        yield _from_pool(item, config.system_prompt)


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


Synthesiser = Callable[[Mapping[str, Document], Any, int, Tallies, Asking], Iterator[Example]]


def _template(
    documents: Mapping[str, Document], config: TemplateSynthesis, seed: int, tallies: Tallies, asking: Asking
) -> Iterator[Example]:
    # Records that a user brought beside other sources are conversations already.
    records = {key: document for key, document in documents.items() if document.kind == "record"}
    yield from write_examples(documents, config, seed, tallies)
    yield from pass_records(records, tallies)


def _none(
    documents: Mapping[str, Document], config: NoSynthesis, seed: int, tallies: Tallies, asking: Asking
) -> Iterator[Example]:
    yield from pass_records(documents, tallies)


def _llm(
    documents: Mapping[str, Document],
    config: LlmSynthesis | HybridSynthesis,
    seed: int,
    tallies: Tallies,
    asking: Asking,
) -> Iterator[Example]:
    count = len(plan_requests(documents, config.writing, seed))
    with asking.session(count) as (llm, on_progress):
        yield from write_pairs(documents, config.writing, config.system_prompt, seed, llm, asking.account, on_progress)


def _hybrid(
    documents: Mapping[str, Document], config: HybridSynthesis, seed: int, tallies: Tallies, asking: Asking
) -> Iterator[Example]:
    yield from _template(documents, config, seed, tallies, asking)
    yield from _llm(documents, config, seed, tallies, asking)


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
    config: SynthesisConfig, documents_file: Path, out: Path, seed: int, asking: Asking | None = None
) -> dict[str, Any]:
    """Write ``examples.jsonl`` from documents, and ``rejected.jsonl`` with what a model wrote and was not accepted.

    Args:
        config: which synthesiser, and its settings.
        documents_file: what ``sources.collect`` wrote.
        out: an existing or new directory of an unfinished stage.
        seed: seed of the run.
        asking: the model that may be asked, or None for a synthesis that asks none.

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
    if asking is None and asks_a_model(config):
        raise InputError(f"synthesis={config.name} asks a model, and none is given.")
    asking = asking or Asking(LlmConfig(name=""), out)
    examples = list(write(read_documents(documents_file), config, seed, tallies, asking))
    if not examples:
        reasons = {task: tally.dropped for task, tally in tallies.items()}
        raise InputError(f"synthesis={config.name} wrote no example; dropped documents: {reasons or 'none'}.")
    write_jsonl(out / EXAMPLES, (example.record() for example in examples))
    per_task: dict[str, int] = {}
    for example in examples:
        per_task[example.task] = per_task.get(example.task, 0) + 1
    summary: dict[str, Any] = {"examples": len(examples), "per_task": per_task, "documents": tallies}
    if not asks_a_model(config):
        return summary
    write_jsonl(out / REJECTED, asking.account.rows)
    return {**summary, "teacher": asking.account.summary(), "spent": asking.spent}
