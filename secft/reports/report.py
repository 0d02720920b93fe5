"""report.html: one page that needs nothing else, not even a network.

Model answers, sources and configuration are hostile: everything is escaped by the template, and the page forbids
itself scripts and requests.
"""

from __future__ import annotations

from collections.abc import Mapping

from secft.reports.card import git_line
from secft.reports.charts import before_after, funnel, training_curve
from secft.reports.facts import RunFacts
from secft.reports.figures import clock, leaves, result_rows, result_table
from secft.reports.rendering import render

_BANNERS: Mapping[str, tuple[str, str]] = {
    "pass": (
        "Passed",
        "A target improved and nothing that must be kept fell. The adapter may be registered and served.",
    ),
    "fail": ("Failed", "At least one gate failed. Nothing was registered."),
    "inconclusive": (
        "Inconclusive",
        "The measurements cannot tell whether every gate would pass. Nothing was registered.",
    ),
}
_BETTER_THAN_CHANCE = "The better answer scores higher more often than chance. The model may be registered and served."


def report(facts: RunFacts) -> str:
    """Write the page."""
    rows = result_rows(facts.results)
    word, sentence = _BANNERS[facts.verdict]
    if facts.train.scores_answers and facts.verdict == "pass":
        sentence = _BETTER_THAN_CHANCE
    return render(
        "report.html.jinja",
        {
            "facts": facts,
            "word": word,
            "sentence": sentence,
            "tiles": _tiles(facts),
            "table": result_table(rows),
            "shares": before_after([row for row in rows if row.share], "shares"),
            "perplexities": before_after([row for row in rows if not row.share], "perplexities"),
            "loss": training_curve(facts.metrics),
            "funnel": funnel(facts.dataset.funnel),
            "confidence": f"{100 * facts.results.confidence:g}\u00a0%",
            "run_facts": _run_facts(facts),
        },
    )


def _tiles(facts: RunFacts) -> list[tuple[str, str, str]]:
    """Return the numbers on top: label, value, small print."""
    gates = facts.gates.gates
    passed = sum(gate.verdict == "pass" for gate in gates)
    splits, train = facts.dataset.splits, facts.train
    enough = "better than chance" if train.scores_answers else "one target task is enough"
    return [
        ("Gates passed", f"{passed} of {len(gates)}", enough),
        ("Training examples", f"{splits['train'].examples:,}", f"{splits['train'].tokens:,} tokens"),
        (
            "Training time",
            clock(train.seconds),
            f"{train.steps:,} steps, {train.tokens_per_second:.0f} tokens/s",
        ),
        ("Weights trained", f"{train.trainable_parameters:,}", f"of {facts.model['parameters']:,}"),
    ]


def _run_facts(facts: RunFacts) -> list[tuple[str, str]]:
    """Return everything that identifies the run."""
    hardware = facts.environment.get("hardware", {})
    packages = facts.environment.get("packages", {})
    stages = (f"{stage.stage} {'reused' if stage.reused else clock(stage.seconds)}" for stage in facts.stages)
    rows = [
        ("Command", facts.command),
        ("Seed", str(facts.config.get("seed", ""))),
        ("Code", git_line(facts.environment.get("git", {}))),
        ("Hardware", f"{hardware.get('processor', 'unknown')}, {hardware.get('cores', '?')} cores"),
        ("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
        ("Stages", ", ".join(stages)),
        ("Base weights", str(facts.model.get("digest", ""))),
        ("Went on with", f"{facts.start['name']}, {facts.start['digest']}" if facts.start else ""),
        ("Dataset", f"{facts.dataset_path}, {facts.dataset.digest}"),
        *((name, digest) for name, digest in facts.adapter.items()),
        *((f"trainer.{key}", value) for key, value in leaves(facts.trainer)),
    ]
    return [(name, value) for name, value in rows if value]
