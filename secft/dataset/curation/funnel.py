"""What curation did: ordered steps, where what one keeps is what the next one sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from secft.reasons import Reason, reason_text
from secft.records import Example

LARGE = 0.1
"""Share of its examples from which on a step that leaves them out is told on the console."""
SETTINGS: Mapping[str, str] = {
    "injection": "curation.injection",
    "secrets": "curation.secrets",
    "language": "curation.language",
    "quality": "curation.quality",
    "toxicity": "curation.toxicity.drop",
    "coherence": "curation.coherence",
    "labels": "curation.labels",
    "length": "trainer.max_length, curation.max_tokens, curation.min_answer_tokens",
    "exact_duplicates": "dedup=none",
    "near_duplicates": "dedup.threshold, dedup.common_share, dedup=exact",
    "semantic_duplicates": "dedup.cosine",
    "decontamination": "curation.decontamination_words, curation.common_share, curation.split.most_dropped",
    "evaluation_sets": "curation.guard",
    "balance": "curation.max_examples_per_task, curation.balance",
}
"""Step -> the settings that change what it leaves out."""


def large_drops(steps: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each step that left out more than a tenth of what it saw, with the setting that changes it."""
    lines = []
    for step in steps:
        seen, gone = step["seen"], step["seen"] - step["kept"]
        if not seen or gone <= LARGE * seen:
            continue
        worst = max(step["dropped"].items(), key=lambda item: (item[1], item[0]))[0]
        setting = SETTINGS.get(step["step"])
        lines.append(
            f"{reason_text(step['step'])}: {gone:,} of {seen:,} examples left out ({gone / seen:.0%}), mostly: "
            f"{reason_text(worst)}{f'; see {setting}' if setting else ''}"
        )
    return lines


class Funnel:
    """Steps with ``step``, ``seen``, ``kept`` and ``dropped`` (spelled reason -> number, see secft.reasons).

    A step may have more to tell: ``changed`` (what was changed -> number), ``flagged`` (what was found and kept ->
    number) and ``details``, a table of its own.
    """

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def add(self, steps: Iterable[Mapping[str, Any]]) -> None:
        """Add what the same steps did to other examples, and steps that are new."""
        own = {step["step"]: step for step in self.steps}
        for step in steps:
            mine = own.get(step["step"])
            if mine is None:
                self.steps.append(dict(step))
                continue
            mine["seen"] += step["seen"]
            mine["kept"] += step["kept"]
            for name in ("dropped", "changed", "flagged"):
                counts = Counter(mine.get(name, {})) + Counter(step.get(name, {}))
                if counts or name == "dropped":
                    mine[name] = dict(sorted(counts.items()))

    def record(
        self,
        step: str,
        seen: int,
        reasons: Iterable[Reason] | Mapping[Reason, int],
        changed: Mapping[str, int] | None = None,
        flagged: Mapping[str, int] | None = None,
        details: Any = None,
    ) -> None:
        """Add a step that saw ``seen`` examples and dropped one per reason given, or so many."""
        dropped = {str(reason): count for reason, count in sorted(Counter(reasons).items())}
        entry: dict[str, Any] = {"step": step, "seen": seen, "kept": seen - sum(dropped.values()), "dropped": dropped}
        for name, counts in (("changed", changed), ("flagged", flagged)):
            if counts:
                entry[name] = dict(sorted(counts.items()))
        if details:
            entry["details"] = details
        self.steps.append(entry)

    def drop(
        self,
        step: str,
        examples: Sequence[Example],
        reasons: Mapping[str, Reason],
        changed: Mapping[str, int] | None = None,
        flagged: Mapping[str, int] | None = None,
        details: Any = None,
    ) -> list[Example]:
        """Add a step and return the examples whose id has no reason to be dropped."""
        kept = [example for example in examples if example.id not in reasons]
        found = (reasons[example.id] for example in examples if example.id in reasons)
        self.record(step, len(examples), found, changed, flagged, details)
        return kept
