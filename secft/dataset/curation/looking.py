"""Look through all that is learned for runs of words of held-out answers, on the workers of an executor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from secft.config.schemas.curation import CurationConfig
from secft.dataset.curation.table import ExampleTable
from secft.dataset.decontaminate import (
    COUNTED,
    FEWEST_COUNTED,
    NEVER,
    GuardSets,
    HeldOutAnswers,
    Watch,
    answer_runs,
    common_limits,
    common_pieces,
    lowest_places,
    watch,
)
from secft.dataset.dedup.common import Common
from secft.dataset.dedup.words import Hashes, Rows
from secft.executor import Workplace
from secft.files import storage_errors


@dataclass(frozen=True)
class Looking:
    """What is looked through, and for what.

    Attributes:
        table: the examples.
        place: on what and where shards are made.
        settings: length of a run, and what is common.
        held_out: the test split.
        everything: rows of all splits, ascending.
    """

    table: ExampleTable
    place: Workplace
    settings: CurationConfig
    held_out: HeldOutAnswers
    everything: Rows

    @property
    def limits(self) -> list[float]:
        """In how many answers a piece must stand to be common: one number after the other is tried."""
        return common_limits(self.settings.common_share, self.everything.size)

    def first_repeated(self, limit: float, hits: dict[str, dict[int, str]], sets: GuardSets) -> Rows:
        """Return for each row of the table the lowest place of a held-out answer that it repeats, or NEVER.

        Args:
            limit: answers beyond which a piece is common.
            hits: name of an evaluation set -> row that it forbids -> rule; filled here.
            sets: name of an evaluation set -> texts of its items.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        first = np.full(len(self.table), NEVER, np.int64)
        if not self.settings.decontamination_words and not sets:
            return first
        look = partial(watch, self._written(limit, sets))
        for seen in self.place.executor.map(look, self.table.parts(self.everything, self.place.shard_size)):
            first[seen.rows] = seen.first
            for name, found in seen.forbidden.items():
                hits[name].update(found)
        return first

    def _written(self, limit: float, sets: GuardSets) -> Watch:
        """Write down the runs of held-out answers."""
        words, parts = self.settings.decontamination_words, self.table.parts(self.held_out.rows, self.place.shard_size)
        found: list[tuple[Hashes, Rows]] = []
        if words:
            look = partial(answer_runs, words=words, common=self._common(limit), held_out=self.held_out)
            found = list(self.place.executor.map(look, parts))
        runs, places = lowest_places(
            np.concatenate([np.zeros(0, np.uint64), *(hashes for hashes, _ in found)]),
            np.concatenate([np.zeros(0, np.int64), *(of for _, of in found)]),
        )
        directory = self.place.directory
        made = Watch(words, directory / "test_runs.npy", directory / "test_places.npy", sets, self.settings.guard)
        with storage_errors(made.runs):
            directory.mkdir(parents=True, exist_ok=True)
            np.save(made.runs, runs)
            np.save(made.places, places)
        return made

    def _common(self, limit: float) -> Common:
        rows = self.everything
        counted = np.sort(rows[np.argsort(self.table.columns["rank"][rows], kind="stable")[:COUNTED]])
        answers = (example.reply for example in self.table.examples(counted))
        some = max(limit * counted.size / rows.size, FEWEST_COUNTED) if counted.size < rows.size else limit
        return common_pieces(answers, counted.size, some)
