"""The screens that every example passes one by one, before examples are compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from secft.config.schemas.curation import CurationConfig
from secft.dataset.clean import clean_example, fault
from secft.dataset.curation.catalogue import DocumentCatalogue
from secft.dataset.curation.coherence import coherence_fault
from secft.dataset.curation.funnel import Funnel
from secft.dataset.curation.injection import injection_fault, neutralised
from secft.dataset.curation.language import language_fault
from secft.dataset.curation.quality import quality_fault
from secft.dataset.curation.secrets import MOSTLY_SECRET, holds_placeholder, mostly_secret, scrub_example
from secft.dataset.curation.toxicity import toxicity_fault
from secft.reasons import Reason
from secft.records import Example

Fault = Callable[[Example], Reason | None]


def without_injection(examples: Sequence[Example], settings: CurationConfig, funnel: Funnel) -> list[Example]:
    """Drop examples that carry a prompt injection, and make tokens of chat templates harmless in all others."""
    reasons = _faults(examples, injection_fault) if settings.injection.drop else {}
    changed: Counter[str] = Counter()
    rows = []
    for example in examples:
        harmless, count = neutralised(example)
        changed.update({"tokens of chat templates made harmless": count} if count else {})
        rows.append(harmless)
    return funnel.drop("injection", rows, reasons, changed)


def normalised(examples: Sequence[Example], funnel: Funnel) -> list[Example]:
    """Normalise texts and drop conversations that cannot be trained on."""
    rows = [clean_example(example) for example in examples]
    return funnel.drop("normalise", rows, _faults(rows, fault))


def scrubbed(examples: Sequence[Example], settings: CurationConfig, funnel: Funnel) -> list[Example]:
    """Replace secrets and personal data; drop what is little else."""
    if not settings.secrets.scrub:
        return list(examples)
    changed: Counter[str] = Counter()
    reasons: dict[str, Reason] = {}
    rows = []
    for example in examples:
        clean, counts = scrub_example(example, settings.secrets)
        if (counts or holds_placeholder(example)) and mostly_secret(example, settings.secrets):
            reasons[example.id] = MOSTLY_SECRET
        else:
            changed.update({f"<{kind}>": count for kind, count in counts.items()})
        rows.append(clean)
    return funnel.drop("secrets", rows, reasons, changed)


def judged(
    examples: Sequence[Example], settings: CurationConfig, known: DocumentCatalogue | None, funnel: Funnel
) -> list[Example]:
    """Drop examples by language, quality, toxicity and coherence; each is a step of its own."""
    steps: list[tuple[str, bool, Fault]] = [
        ("language", bool(settings.language.languages), lambda row: language_fault(row, settings.language)),
        ("quality", settings.quality.drop, lambda row: quality_fault(row, settings.quality)),
        ("toxicity", settings.toxicity.drop, toxicity_fault),
        ("coherence", settings.coherence.drop, lambda row: coherence_fault(row, known, settings.coherence)),
    ]
    rows = list(examples)
    for name, wanted, judge in steps:
        if wanted:
            rows = funnel.drop(name, rows, _faults(rows, judge))
    return rows


def _faults(examples: Sequence[Example], judge: Fault) -> dict[str, Reason]:
    return {example.id: reason for example in examples if (reason := judge(example)) is not None}
