"""From examples to a frozen dataset, step by step; every example that is dropped is counted with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.config.curation import CurationConfig
from secft.config.dedup import DedupConfig
from secft.dataset import dedup as duplicates
from secft.dataset.curation.balance import OVER, mixture, over_share
from secft.dataset.curation.catalogue import Catalogue
from secft.dataset.curation.funnel import Funnel
from secft.dataset.curation.screens import judged, normalised, scrubbed, without_injection
from secft.dataset.decontaminate import Embed, GuardSets, contaminated, guarded
from secft.dataset.dedup.found import cluster_sizes, shown_pairs
from secft.dataset.freeze import DatasetDescription, freeze
from secft.dataset.lengths import length_table
from secft.dataset.sources import natural
from secft.dataset.split import SPLITS, assign, only_first_phrasings, over_caps
from secft.engine import Workplace
from secft.errors import InputError
from secft.files import read_jsonl
from secft.records import Example, Message, example_from_record

CURATION_VERSION = 3
"""Raised when the same examples would give another dataset."""

CountTokens = Callable[[Sequence[Message]], int]
CountAnswerTokens = Callable[[str], int]
Splits = dict[str, list[Example]]


@dataclass(frozen=True)
class Curated:
    """What curation leaves.

    Attributes:
        splits: train, validation and test -> examples; no entity stands in two of them.
        tokens: split -> tokens in the model's chat template.
        funnel: steps with ``step``, ``seen``, ``kept`` and ``dropped`` (reason -> number); what one step keeps is what
            the next one sees. Steps may add ``changed``, ``flagged`` and ``details``, see Funnel.
        lengths: how long the examples of each task and split are, see length_table.
        duplicates: some of the pairs that were taken for duplicates, see shown_pairs.
    """

    splits: Splits
    tokens: dict[str, int]
    funnel: list[dict[str, Any]]
    lengths: dict[str, Any]
    duplicates: list[dict[str, Any]]


def read_examples(path: Path) -> list[Example]:
    """Read the examples that ``synthesise`` wrote, in natural order of ids.

    Raises:
        InputError: a line is broken, lacks a column, or repeats an id.
    """
    try:
        examples = [example_from_record(row) for row in read_jsonl(path)]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: an example lacks a column ({error}).") from None
    ids = Counter(example.id for example in examples)
    repeated = [identifier for identifier, count in ids.items() if count > 1]
    if repeated:
        raise InputError(f"{path}: {len(repeated)} example id(s) come twice, for example {repeated[0]!r}.")
    return sorted(examples, key=lambda example: natural(example.id))


def _length_faults(
    examples: Iterable[Example],
    tokens: Mapping[str, int],
    count_answer_tokens: CountAnswerTokens,
    min_answer: int,
    max_tokens: int,
) -> dict[str, str]:
    found: dict[str, str] = {}
    for example in examples:
        # An answer that is not empty has a token, so the default needs no counting.
        if min_answer > 1 and count_answer_tokens(example.messages[-1]["content"]) < min_answer:
            found[example.id] = f"answer shorter than {min_answer} tokens"
        elif tokens[example.id] > max_tokens:
            found[example.id] = f"longer than {max_tokens} tokens"
    return found


def _drop_duplicates(
    examples: list[Example], dedup: DedupConfig, place: Workplace | None, funnel: Funnel
) -> tuple[list[Example], list[dict[str, Any]]]:
    pairs: list[dict[str, Any]] = []

    def drop(step: str, found: Mapping[str, str], reason: str) -> list[Example]:
        pairs.extend(shown_pairs(step, found, examples))
        return funnel.drop(step, examples, dict.fromkeys(found, reason), details=cluster_sizes(found))

    exact = duplicates.exact_duplicates(examples) if dedup.name != "none" else {}
    examples = drop("exact duplicates", exact, "same text as another example")
    near = duplicates.near_duplicates(examples, dedup, place) if dedup.name in ("minhash", "semantic") else {}
    reason = f"Jaccard similarity to another example is {dedup.threshold:g} or more"
    examples = drop("near duplicates", near, reason)
    if dedup.name == "semantic":
        same = duplicates.semantic_duplicates(examples, dedup)
        reason = f"cosine to the embedding of another example is {dedup.cosine:g} or more"
        examples = drop("semantic duplicates", same, reason)
    return examples, pairs


def _split(examples: list[Example], settings: CurationConfig, seed: int, funnel: Funnel) -> Splits:
    names = {example.id: _together(example, settings.split.by) for example in examples}
    groups = assign(names.values(), settings.split, seed)
    held_out = [example for example in examples if groups[names[example.id]] == "test"]
    generated = {row.id: "written by a model: not used to measure" for row in held_out if row.provenance.teacher}
    reasons = {**only_first_phrasings(held_out), **generated}
    kept = funnel.drop(f"split by {settings.split.by}", examples, reasons)
    return {split: [example for example in kept if groups[names[example.id]] == split] for split in SPLITS}


def _together(example: Example, by: str) -> str:
    return example.family if by == "family" else example.entity


def _protect_test(splits: Splits, words: int, funnel: Funnel) -> Splits:
    learned = splits["train"] + splits["validation"]
    reasons = contaminated(learned, splits["test"], words)
    funnel.record("decontamination", sum(map(len, splits.values())), reasons.values())
    return {split: [example for example in rows if example.id not in reasons] for split, rows in splits.items()}


def _guard(splits: Splits, sets: GuardSets, settings: CurationConfig, funnel: Funnel) -> Splits:
    learned = splits["train"] + splits["validation"]
    reasons, table = guarded(learned, sets, settings.guard, _embedding(settings))
    funnel.record("evaluation sets", sum(map(len, splits.values())), reasons.values(), details=table)
    return {
        split: rows if split == "test" else [example for example in rows if example.id not in reasons]
        for split, rows in splits.items()
    }


def _embedding(settings: CurationConfig) -> Embed | None:
    if settings.guard.similarity is None:
        return None
    from secft.models.embedding import embed  # heavy: only where meanings are compared

    return embed


def _balance(splits: Splits, settings: CurationConfig, seed: int, funnel: Funnel) -> Splits:
    """Even out the mixture of the training split, then cap its tasks."""
    before = splits["train"]
    shared = over_share(before, settings.balance, seed)
    train = [example for example in before if example.id not in shared]
    caps = settings.max_examples_per_task
    over = over_caps(train, caps, seed)
    reasons = [OVER for _ in shared] + [f"over the cap of {row.task}" for row in train if row.id in over]
    after = [example for example in train if example.id not in over]
    funnel.record("balance of tasks", sum(map(len, splits.values())), reasons, details=mixture(before, after))
    return {**splits, "train": after}


def curate(
    examples: Sequence[Example],
    settings: CurationConfig,
    dedup: DedupConfig,
    count_tokens: CountTokens,
    count_answer_tokens: CountAnswerTokens,
    max_tokens: int,
    seed: int,
    guard_sets: GuardSets | None = None,
    known: Catalogue | None = None,
    place: Workplace | None = None,
) -> Curated:
    """Turn raw examples into three disjoint splits.

    The order matters: hidden characters are judged before normalising removes them; texts are normalised and scrubbed
    before they are measured and compared; conflicting labels are voted on before duplicates go; duplicates go before
    the split, so that none can stand on both sides; the test split is fixed before training examples are checked
    against it; the mixture and the caps come last and only touch training examples.

    Args:
        examples: with unique ids; their order does not matter.
        settings: rules.
        dedup: what a duplicate is.
        count_tokens: tokens of a whole conversation in the model's chat template.
        count_answer_tokens: tokens of an answer.
        max_tokens: longest conversation.
        seed: seed of split, mixture and caps.
        guard_sets: name of an evaluation set -> texts of its items; training and validation are kept clear of them.
        known: what the documents say; without it, identifiers and labels are not checked against them.
        place: on what and where duplicates of many examples are found; None works here and in memory.

    Returns:
        Splits in natural order of ids, their tokens, and the funnel.

    Raises:
        MissingExtraError: a package that a rule needs is not installed.
    """
    funnel = Funnel()
    rows = sorted(examples, key=lambda example: natural(example.id))
    rows = without_injection(rows, settings, funnel)
    rows = normalised(rows, funnel)
    rows = scrubbed(rows, settings, funnel)
    rows = judged(rows, settings, known, funnel)
    tokens = {example.id: count_tokens(example.messages) for example in rows}
    lengths = _length_faults(rows, tokens, count_answer_tokens, settings.min_answer_tokens, max_tokens)
    rows = funnel.drop("length", rows, lengths)
    rows, pairs = _drop_duplicates(rows, dedup, place, funnel)
    splits = _split(rows, settings, seed, funnel)
    splits = _protect_test(splits, settings.decontamination_words, funnel)
    if guard_sets:
        splits = _guard(splits, guard_sets, settings, funnel)
    splits = _balance(splits, settings, seed, funnel)
    lengths_of = {split: sum(tokens[example.id] for example in rows) for split, rows in splits.items()}
    return Curated(splits, lengths_of, funnel.steps, length_table(splits, tokens), pairs)


def curate_dataset(
    examples_file: Path,
    out: Path,
    settings: CurationConfig,
    dedup: DedupConfig,
    count_tokens: CountTokens,
    count_answer_tokens: CountAnswerTokens,
    max_tokens: int,
    seed: int,
    describe: DatasetDescription,
    guard_sets: GuardSets | None = None,
    known: Catalogue | None = None,
    place: Workplace | None = None,
) -> dict[str, Any]:
    """Curate the examples of a file and freeze the result into a directory.

    Args:
        examples_file: what ``synthesise`` wrote.
        out: an existing or new directory of an unfinished stage.
        settings: rules of curation.
        dedup: what a duplicate is.
        count_tokens: tokens of a whole conversation in the model's chat template.
        count_answer_tokens: tokens of an answer.
        max_tokens: longest conversation.
        seed: seed of the run.
        describe: what the card and the manifest say about where the examples come from.
        guard_sets: name of an evaluation set -> texts of its items.
        known: what the documents say.
        place: on what and where duplicates of many examples are found.

    Returns:
        The manifest of the dataset.

    Raises:
        InputError: the file is broken, or nothing is left to train on.
        MissingExtraError: a package that a rule needs is not installed.
        StorageError: the disk is full or cannot be written.
    """
    examples = read_examples(examples_file)
    curated = curate(
        examples, settings, dedup, count_tokens, count_answer_tokens, max_tokens, seed, guard_sets, known, place
    )
    if not curated.splits["train"]:
        raise InputError(f"{examples_file}: no training example is left after curation: {_dropped(curated.funnel)}.")
    rules = {"curation": settings, "max_tokens": max_tokens, "seed": seed, "dedup": duplicates.parameters(dedup)}
    return freeze(
        out,
        curated.splits,
        curated.funnel,
        curated.tokens,
        rules,
        describe,
        curated.lengths,
        curated.duplicates,
    )


def _dropped(funnel: list[dict[str, Any]]) -> str:
    lost = {f"{step['step']}: {reason}": count for step in funnel for reason, count in step["dropped"].items()}
    return ", ".join(f"{reason} ({count})" for reason, count in lost.items()) or "there was none"
