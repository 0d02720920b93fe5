"""What a card and a manifest tell of the rows of a dataset, gathered while they are written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from secft.dataset.languages import LanguageSample
from secft.dataset.rows import Record, RowLayout
from secft.dataset.split import SPLITS

OWN = "secft"
"""Source of examples that have no document behind them."""


@dataclass
class Contents:
    """Counts and first rows.

    Attributes:
        counts: split -> task -> rows.
        licenses: licences of all rows.
        choices: some row is a choice.
        own: provenance of the first row of secft's own texts, or None.
        own_entities: what secft's own texts are about.
        first: task -> first row of the training split.
        mixture: training rows that are a choice (``label``), by a model (``model``), or secft's own (``added``).
        languages: sample of the rows, which tells their languages.
        layout: which optional parts the rows have; known once they are written.
    """

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    licenses: set[str] = field(default_factory=set)
    choices: bool = False
    own: Record | None = None
    own_entities: set[str] = field(default_factory=set)
    first: dict[str, Record] = field(default_factory=dict)
    mixture: Counter[str] = field(default_factory=Counter)
    languages: LanguageSample = field(default_factory=LanguageSample)
    layout: RowLayout = field(default_factory=RowLayout)

    def seen(self, split: str, records: Iterable[Record]) -> Iterator[Record]:
        """Pass rows on, and take notice of them."""
        for record in records:
            self._notice(split, record)
            yield record

    def _notice(self, split: str, record: Record) -> None:
        self.counts[split][record["task"]] += 1
        self.languages.add(record)
        provenance = record["provenance"]
        self.licenses.add(provenance["license"])
        self.choices = self.choices or bool(record["choices"])
        if provenance["source"] == OWN:
            self.own = self.own or provenance
            self.own_entities.add(record["entity"])
        if split == "train":
            found = {"label": record["choices"], "model": provenance["teacher"], "added": provenance["source"] == OWN}
            self.mixture.update(kind for kind, there in found.items() if there)
            self.first.setdefault(record["task"], record)

    def rows(self, split: str) -> int:
        """Return the number of rows of a split."""
        return self.counts[split].total()

    def tasks(self) -> dict[str, dict[str, int]]:
        """Return task -> split -> rows."""
        names = sorted({task for counts in self.counts.values() for task in counts})
        return {task: {split: self.counts[split][task] for split in SPLITS} for task in names}
