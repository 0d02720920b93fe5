"""From examples to a frozen dataset, step by step; every example that is dropped is counted with its reason.

Examples stay on disk: workers screen them in shards, and what they must be compared by is kept as numbers
(secft.dataset.curation.facts), so memory grows by a few hundred bytes an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from secft.config.schemas.curation import CurationConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset import dedup as duplicates
from secft.dataset.curation.balance import OVER, mixture, over_added, over_share
from secft.dataset.curation.facts import ANSWER_TOO_SHORT, TOO_LONG
from secft.dataset.curation.funnel import Funnel
from secft.dataset.curation.label_noise import CONTRADICTION, conflicts
from secft.dataset.curation.looking import Looking
from secft.dataset.curation.screening import Screening, screened
from secft.dataset.curation.sieve import Sieve, by_reason
from secft.dataset.curation.table import ExampleTable
from secft.dataset.decontaminate import (
    COMMON,
    SAME_QUESTION,
    SPARED,
    Embed,
    GuardSets,
    HeldOutAnswers,
    add_similar,
    fewer_held_out,
    guarded,
)
from secft.dataset.dedup.compared import Text, compared
from secft.dataset.dedup.found import cluster_sizes, shown_pairs
from secft.dataset.dedup.words import Rows
from secft.dataset.freeze import DatasetDescription, freeze
from secft.dataset.lengths import length_table
from secft.dataset.split import SPLITS, TEST, Ranks, assign, joined_ranks, only_first_phrasings, over_cap
from secft.errors import InputError
from secft.executor import Workplace
from secft.reasons import Reason, reason_text
from secft.records import Example

CURATION_VERSION = 9
"""Raised when the same examples would give another dataset."""

Splits = dict[str, Rows]


@dataclass(frozen=True)
class Curated:
    """What curation leaves.

    Attributes:
        table: the examples.
        splits: train, validation and test -> rows of the table; no entity stands in two of them.
        funnel: steps with ``step``, ``seen``, ``kept`` and ``dropped`` (reason -> number); what one step keeps is what
            the next one sees. Steps may add ``changed``, ``flagged`` and ``details``, see Funnel.
        lengths: how long the examples of each task and split are, see length_table.
        duplicates: some of the pairs that were taken for duplicates, see shown_pairs.
    """

    table: ExampleTable
    splits: Splits
    funnel: list[dict[str, Any]]
    lengths: dict[str, Any]
    duplicates: list[dict[str, Any]]

    def examples(self, split: str) -> Iterator[Example]:
        """Yield the examples of a split in natural order of ids."""
        return self.table.examples(self.splits[split])

    @property
    def tokens(self) -> dict[str, int]:
        """Split -> tokens in the model's chat template."""
        tokens = self.table.columns["tokens"]
        return {split: int(tokens[rows].sum(dtype=np.int64)) for split, rows in self.splits.items()}


@dataclass
class _Comparing:
    """The steps that compare examples with each other.

    Attributes:
        table: the examples.
        sieve: which are left.
        screening: rules.
        dedup: what a duplicate is.
        place: on what and where shards are made.
        pairs: pairs that were taken for duplicates; filled here.
        clusters: row that is kept -> first row of its cluster of near-duplicates, where that is another one; filled
            here.
        ranks: shape (n,), rank of what each row was divided by; filled here.
    """

    table: ExampleTable
    sieve: Sieve
    screening: Screening
    dedup: DedupConfig
    place: Workplace
    pairs: list[dict[str, Any]]
    clusters: dict[int, int] = field(default_factory=dict)
    ranks: Ranks = field(default_factory=lambda: np.zeros(0))

    @property
    def settings(self) -> CurationConfig:
        return self.screening.settings

    def column(self, name: str, rows: Rows | slice = slice(None)) -> Any:
        return self.table.columns[name][rows]

    def labels(self) -> None:
        """Drop labels that contradict each other or their document."""
        questions, nearby, labels = (self.column(name) for name in ("question_key", "near_key", "label_key"))
        wrong, counted = conflicts(questions, nearby, labels, self.settings.labels)
        contradicting = np.flatnonzero(self.column("contradicts"))
        self.sieve.drop("labels", [*by_reason(wrong), (contradicting, CONTRADICTION)], flagged=counted)

    def lengths(self) -> None:
        """Drop examples that are too short or too long."""
        reasons = {
            ANSWER_TOO_SHORT: Reason("length.short", str(self.settings.min_answer_tokens)),
            TOO_LONG: Reason("length.long", str(self.screening.max_tokens)),
        }
        fault = self.column("fault")
        self.sieve.drop("length", [(np.flatnonzero(fault == code), reason) for code, reason in reasons.items()])

    def duplicates(self) -> None:
        """Drop what says the same as an earlier example."""
        name, rows = self.dedup.name, self.sieve.rows
        exact = duplicates.exact_duplicates(self.column("text", rows)) if name != "none" else {}
        found = {int(rows[dropped]): int(rows[kept]) for dropped, kept in exact.items()}
        self._drop_duplicates("exact_duplicates", found, Reason("exact_duplicates.same"))
        near: dict[str, str] = {}
        if name in ("minhash", "semantic"):
            rows = self.sieve.rows
            kept = duplicates.near_duplicates(self._texts(rows), rows.size, self.dedup, self.place)
            near = kept.left_out
            for row, first in kept.clusters.items():
                self.clusters[int(row)] = int(first)
        reason = Reason("near_duplicates.similar", f"{self.dedup.threshold:g}")
        self._drop_duplicates("near_duplicates", _rows_of(near), reason)
        if name == "semantic":
            same = duplicates.semantic_duplicates(self._texts(self.sieve.rows), self.dedup)
            reason = Reason("semantic_duplicates.similar", f"{self.dedup.cosine:g}")
            self._drop_duplicates("semantic_duplicates", _rows_of(same), reason)

    def _texts(self, rows: Rows) -> Iterator[Text]:
        """Yield what is compared; the key is the row, so the first of a cluster is the first by natural order."""
        for row, example in zip(rows.tolist(), self.table.examples(rows), strict=True):
            yield compared(example, str(row))

    def _drop_duplicates(self, step: str, found: Mapping[int, int], reason: Reason) -> None:
        self.pairs.extend(shown_pairs(step, found, self._read))
        self.sieve.drop(step, [(np.fromiter(found, np.int64, len(found)), reason)], details=cluster_sizes(found))

    def _read(self, rows: Sequence[int]) -> Iterator[Example]:
        return self.table.examples(np.asarray(rows, np.int64))

    def split(self) -> Splits:
        """Divide what is left; what cannot measure is not held out."""
        rows = self.sieve.rows
        of = np.full(len(self.table), -1, np.int8)
        together = np.arange(len(self.table))
        together[list(self.clusters)] = list(self.clusters.values())
        ranks = joined_ranks(self.column("entity_rank", rows), together[rows])
        self.ranks = np.full(len(self.table), 1.0)
        self.ranks[rows] = ranks
        of[rows] = assign(ranks, self.settings.split)
        held_out = np.flatnonzero(of == TEST)
        repeated = only_first_phrasings(held_out, self.column("subject", held_out), self.column("choices", held_out))
        taught = held_out[self.column("taught", held_out)]
        self.sieve.drop(
            f"split.by.{self.settings.split.by}",
            [(repeated, Reason("split.phrasing")), (taught, Reason("split.taught"))],
        )
        return {name: np.flatnonzero(self.sieve.alive & (of == number)) for number, name in enumerate(SPLITS)}

    def keep_clear(self, splits: Splits, sets: GuardSets, embed: Embed | None) -> Splits:
        """Drop training and validation examples that give away what is measured.

        Where that would cost too many of them, the entities of the highest ranks are no longer held out.
        """
        learned, test = np.union1d(splits["train"], splits["validation"]), splits["test"]
        split, words = self.settings.split, self.settings.decontamination_words
        _, places, sizes = np.unique(self.ranks[test], return_inverse=True, return_counts=True)
        held_out, everything = HeldOutAnswers(test, places), np.union1d(learned, test)
        looking = Looking(self.table, self.place, self.settings, held_out, everything)
        hits: dict[str, dict[int, str]] = {name: {} for name in sets}
        flagged: dict[str, int] = {}
        before = 0
        for number, limit in enumerate(looking.limits):
            first = looking.first_repeated(limit, hits, sets if number == 0 else {})
            stay = fewer_held_out(first[learned], sizes, split.most_dropped, split.least)
            repeating = int((first[learned] < stay).sum())
            if number and repeating < before:
                flagged[str(Reason(COMMON, f"{limit:g}"))] = before - repeating
            before = repeating
            if repeating <= split.most_dropped * learned.size:
                break
        spared, test = test[places >= stay], test[places < stay]
        if spared.size:
            flagged[str(SPARED)] = spared.size
        learned = np.union1d(learned, spared)
        same = learned[np.isin(self.column("asked", learned), self.column("asked", test))]
        shared = Reason("decontamination.words", str(words))
        self.sieve.drop("decontamination", [(learned[first[learned] < stay], shared), (same, SAME_QUESTION)], flagged)
        if sets:
            self._guard(learned[self.sieve.alive[learned]], sets, hits, embed)
        after = {**splits, "train": np.union1d(splits["train"], spared), "test": test}
        return {name: rows[self.sieve.alive[rows]] for name, rows in after.items()}

    def _guard(self, learned: Rows, sets: GuardSets, hits: dict[str, dict[int, str]], embed: Embed | None) -> None:
        left = np.zeros(len(self.table), bool)
        left[learned] = True
        hits = {name: {row: rule for row, rule in of.items() if left[row]} for name, of in hits.items()}
        if embed is not None and self.settings.guard.similarity is not None:
            pairs = zip(learned.tolist(), self.table.examples(learned), strict=True)
            add_similar(pairs, sets, self.settings.guard.similarity, embed, hits)
        found, table = guarded(hits, sets, learned.size)
        self.sieve.drop("evaluation_sets", by_reason(found), details=table)

    def balance(self, splits: Splits) -> Splits:
        """Even out the mixture of the training split, then cap its tasks."""
        train = splits["train"]
        groups, names = self.column("group", train), self.table.names["group"].all()
        over = train[over_share(groups, names, self.column("rank", train), self.settings.balance)]
        dropped: list[tuple[Rows, Reason]] = [(over, OVER)]
        rest = np.setdiff1d(train, over, assume_unique=True)
        tasks = self.table.names["task"].all()
        for task, cap in self.settings.max_examples_per_task.items():
            own = rest[self.column("task", rest) == tasks.index(task)] if task in tasks else rest[:0]
            beyond = own[over_cap(self.column("label", own), self.column("rank", own), cap)]
            dropped.append((beyond, Reason("balance.cap", task)))
        kept = np.setdiff1d(train, np.concatenate([rows for rows, _ in dropped]), assume_unique=True)
        added = over_added(self.column("group", kept), names, self.column("rank", kept), self.settings.balance)
        dropped.append((kept[added], Reason("balance.added")))
        gone = np.concatenate([rows for rows, _ in dropped])
        after = np.setdiff1d(train, gone, assume_unique=True)
        self.sieve.drop("balance", dropped, details=mixture(groups, self.column("group", after), names))
        return {**splits, "train": after}


def _rows_of(found: Mapping[str, str]) -> dict[int, int]:
    return {int(dropped): int(kept) for dropped, kept in found.items()}


def _embedding(settings: CurationConfig) -> Embed | None:
    if settings.guard.similarity is None:
        return None
    from secft.models.embedding import embed  # heavy: only where meanings are compared

    return embed


def curate(screening: Screening, dedup: DedupConfig, place: Workplace, guard_sets: GuardSets | None = None) -> Curated:
    """Turn raw examples into three disjoint splits.

    The order matters: hidden characters are judged before normalising removes them; texts are normalised and scrubbed
    before they are measured and compared; conflicting labels are voted on before duplicates go; duplicates go before
    the split, so that none can stand on both sides; the test split is fixed before training examples are checked
    against it; the mixture and the caps come last and only touch training examples.

    Args:
        screening: which examples, with unique ids in any order, and the rules for each.
        dedup: what a duplicate is.
        place: on what and where shards are made.
        guard_sets: name of an evaluation set -> texts of its items; training and validation are kept clear of them.

    Returns:
        Splits in natural order of ids, their tokens, and the funnel. The texts stay in the directory of ``place``.

    Raises:
        InputError: the file of examples is broken.
        MissingExtraError: a package that a rule needs is not installed.
        StorageError: the disk is full or cannot be written.
    """
    funnel = Funnel()
    table = screened(screening, place, funnel)
    steps = _Comparing(table, Sieve(len(table), funnel), screening, dedup, place, [])
    steps.labels()
    steps.lengths()
    steps.duplicates()
    splits = steps.split()
    splits = steps.keep_clear(splits, guard_sets or {}, _embedding(screening.settings))
    splits = steps.balance(splits)
    lengths = length_table(table.columns["task"], table.names["task"].all(), splits, table.columns["tokens"])
    return Curated(table, splits, funnel.steps, lengths, steps.pairs)


def curate_dataset(
    screening: Screening,
    out: Path,
    dedup: DedupConfig,
    place: Workplace,
    describe: DatasetDescription,
    guard_sets: GuardSets | None = None,
) -> dict[str, Any]:
    """Curate the examples of a file and freeze the result into a directory.

    Args:
        screening: which examples, and the rules for each.
        out: an existing or new directory of an unfinished stage.
        dedup: what a duplicate is.
        place: on what and where shards are made.
        describe: what the card and the manifest say about where the examples come from.
        guard_sets: name of an evaluation set -> texts of its items.

    Returns:
        The manifest of the dataset.

    Raises:
        InputError: the file is broken, or nothing is left to train on.
        MissingExtraError: a package that a rule needs is not installed.
        StorageError: the disk is full or cannot be written.
    """
    curated = curate(screening, dedup, place, guard_sets)
    if not curated.splits["train"].size:
        lost = _dropped(curated.funnel)
        raise InputError(f"{screening.examples_file}: no training example is left after curation: {lost}.")
    rules = {
        "curation": screening.settings,
        "max_tokens": screening.max_tokens,
        "seed": screening.seed,
        "dedup": duplicates.parameters(dedup),
    }
    records = {split: curated.table.records(rows) for split, rows in curated.splits.items()}
    return freeze(
        out,
        records,
        curated.funnel,
        curated.tokens,
        rules,
        describe,
        curated.lengths,
        curated.duplicates,
    )


def _dropped(funnel: list[dict[str, Any]]) -> str:
    lost = {
        f"{reason_text(step['step'])}: {reason_text(reason)}": count
        for step in funnel
        for reason, count in step["dropped"].items()
    }
    return ", ".join(f"{reason} ({count})" for reason, count in lost.items()) or "there was none"
