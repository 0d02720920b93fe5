"""From documents to examples: templates, or records that already are conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from secft.config.synthesis import NoSynthesis, SynthesisConfig, TemplateSynthesis
from secft.dataset.templates import WRITERS
from secft.dataset.templates.choice import neighbours
from secft.dataset.templates.general import LICENSE, VERSION, PoolItem, assist_items, general_items, refusal_items
from secft.dataset.templates.writing import Draft, Setting, Skip, dice
from secft.errors import InputError
from secft.files import read_jsonl, write_jsonl
from secft.lookup import pick
from secft.records import Document, Example, Message, Provenance, Tally

EXAMPLES = "examples.jsonl"
SYNTHESIS_VERSION = 1
"""Raised when the same documents would give other examples."""

TEMPLATED = ("weakness", "technique")
"""Kinds of documents that the templates write about."""

Tallies = dict[str, Tally]


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


def _template(
    documents: Mapping[str, Document], config: SynthesisConfig, seed: int, tallies: Tallies
) -> Iterator[Example]:
    if not isinstance(config, TemplateSynthesis):
        raise InputError(
            f"synthesis.name: 'template' needs the settings of TemplateSynthesis, not {type(config).__name__}."
        )
    # Records that a user brought beside other sources are conversations already.
    records = {key: document for key, document in documents.items() if document.kind == "record"}
    yield from write_examples(documents, config, seed, tallies)
    yield from pass_records(records, tallies)


def _none(documents: Mapping[str, Document], config: SynthesisConfig, seed: int, tallies: Tallies) -> Iterator[Example]:
    yield from pass_records(documents, tallies)


SYNTHESISERS: Mapping[str, Callable[[Mapping[str, Document], SynthesisConfig, int, Tallies], Iterator[Example]]] = {
    TemplateSynthesis.name: _template,
    NoSynthesis.name: _none,
}


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


def synthesise(config: SynthesisConfig, documents_file: Path, out: Path, seed: int) -> dict[str, Any]:
    """Write ``examples.jsonl`` from documents.

    Args:
        config: which synthesiser, and its settings.
        documents_file: what ``sources.collect`` wrote.
        out: an existing or new directory of an unfinished stage.
        seed: seed of the run.

    Returns:
        ``examples`` (number of all), ``per_task`` (task -> examples) and ``documents`` (task -> documents seen, kept
        and dropped by reason).

    Raises:
        InputError: no example came out.
        StorageError: the disk is full or cannot be written.
    """
    tallies: Tallies = {}
    write = pick(SYNTHESISERS, config.name, "synthesis.name")
    examples = list(write(read_documents(documents_file), config, seed, tallies))
    if not examples:
        reasons = {task: tally.dropped for task, tally in tallies.items()}
        raise InputError(f"synthesis={config.name} wrote no example; dropped documents: {reasons or 'none'}.")
    write_jsonl(out / EXAMPLES, (example.record() for example in examples))
    per_task: dict[str, int] = {}
    for example in examples:
        per_task[example.task] = per_task.get(example.task, 0) + 1
    return {"examples": len(examples), "per_task": per_task, "documents": tallies}
