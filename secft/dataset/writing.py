"""Examples out of documents, one document at a time: by templates, or records that already are conversations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from secft.config.schemas.synthesis import TemplateSynthesis
from secft.dataset.store import DocumentStore
from secft.dataset.templates import WRITERS
from secft.dataset.templates.choice import neighbours
from secft.dataset.templates.general import LICENSE, VERSION, PoolItem, assist_items, general_items, refusal_items
from secft.dataset.templates.writing import Setting, Skip, dice
from secft.files import digest
from secft.reasons import Reason
from secft.records import Document, Example, Message, Provenance, Tally, message_text

SYNTHESIS_VERSION = 8
"""Raised when the same documents would give other examples."""

INJECTED = Reason("template.injected")
CATALOGUED = ("weakness", "technique", "attack_pattern")
"""Kinds whose owners write every word: an injection there is an example of one, which is told as such."""

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
                yield Example(
                    id=f"{document.source}:{document.id}:{task}:{draft.label or number}",
                    task=task,
                    entity=document.id,
                    family=document.fields.get("parent") or document.id,
                    messages=draft.messages or _messages(config.system_prompt, draft.question, draft.answer),
                    provenance=_provenance(document, draft.fields),
                    choices=draft.choices,
                    answer=draft.right,
                    tools=draft.tools,
                )


def writing_setting(documents: Mapping[str, Document], config: TemplateSynthesis) -> Setting:
    """Return what writers may use besides the document that they write about."""
    return Setting(config.max_answer_characters, near_ones(documents, config), documents)


def near_ones(documents: Mapping[str, Document], config: TemplateSynthesis) -> dict[str, list[str]]:
    """Return for each document that a choice is written about the ids of similar ones."""
    kinds = [kind for kind, writers in WRITERS.items() if "multiple_choice" in writers]
    return neighbours(of_kinds(documents, kinds)) if "multiple_choice" in config.tasks else {}


def of_kinds(documents: Mapping[str, Document], kinds: Collection[str]) -> Iterator[Document]:
    """Yield the documents of some kinds, in order."""
    if isinstance(documents, DocumentStore):
        yield from documents.rows_of(kinds)
    else:
        yield from (document for document in documents.values() if document.kind in kinds)


def write_pools(config: TemplateSynthesis, seed: int, tallies: Tallies) -> Iterator[Example]:
    """Write the examples that have no document behind them."""
    for item in _pool(config.tasks, seed):
        tallies.setdefault(f"{item.task} (pool)", Tally()).keep()
        yield Example(
            id=f"secft:{item.id}:{item.task}:{item.label}",
            task=item.task,
            entity=item.entity,
            family=item.entity,
            messages=_messages(config.system_prompt, item.question, item.answer),
            provenance=Provenance(item.id, ("question", "answer"), "secft", VERSION, LICENSE, ""),
        )


def pass_records(documents: Iterable[Document], tallies: Tallies) -> Iterator[Example]:
    """Turn documents that are chat records into examples, unchanged; others are dropped and counted."""
    for document in documents:
        fields = document.fields
        task = fields.get("task") or "chat"
        if document.kind != "record":
            tallies.setdefault(document.source, Tally()).drop(Reason("template.not_chat_record"))
            continue
        tallies.setdefault(task, Tally()).keep()
        entity = fields.get("entity") or _own_entity(document)
        yield Example(
            id=document.id,
            task=task,
            entity=entity,
            family=fields.get("family") or entity,
            messages=tuple(fields["messages"]),
            provenance=_provenance(document, ("messages",)),
            choices=tuple(fields.get("choices", ())),
            answer=fields.get("answer", -1),
            rejected=fields.get("rejected", ""),
            rejected_calls=tuple(fields.get("rejected_calls", ())),
            tools=tuple(fields.get("tools", ())),
            label=fields.get("label"),
        )


def _own_entity(document: Document) -> str:
    """Return what a record is about that does not say so: itself, or its question where several may answer that."""
    fields = document.fields
    if not (fields.get("rejected") or fields.get("rejected_calls") or "label" in fields):
        return document.id
    asked = [[message["role"], message_text(message)] for message in fields["messages"][:-1]]
    return f"{document.source}:question-{digest(asked)[:16]}"
