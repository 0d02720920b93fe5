"""dataset_report.html: what a dataset is made of, on one page that needs nothing else, not even a network.

Documents, questions and answers are hostile: everything is escaped by the template, and the page forbids itself
scripts and requests. The page belongs to a run, not to the frozen dataset: what asking a model has cost is not the
same in every run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from secft.documents.dataset_manifest import FunnelStep
from secft.reasons import read_reason, reason_text
from secft.records import message_text
from secft.reports.charts import funnel
from secft.reports.dataset_facts import SPLITS, DatasetFacts
from secft.reports.figures import clock
from secft.reports.histogram import histogram
from secft.reports.rendering import render

_SHOWN_CHARACTERS, _PASSAGE_CHARACTERS = 1_200, 700


def dataset_report(facts: DatasetFacts) -> str:
    """Write the page."""
    steps = facts.manifest["funnel"]
    return render(
        "dataset_report.html.jinja",
        {
            "facts": facts,
            "manifest": facts.manifest,
            "splits": SPLITS,
            "tiles": _tiles(facts),
            "sources": [
                {
                    "name": name,
                    "version": source.get("version", ""),
                    "documents": source["documents"],
                    "refused": sum(source.get("dropped", {}).values()),
                    "reasons": source.get("dropped", {}),
                    "tagged": source.get("tagged", {}),
                    "scrubbed": source.get("scrubbed", {}),
                    "unused": source.get("unused", {}),
                    "license": source.get("license", ""),
                    "records": facts.refused.get(name, []),
                }
                for name, source in facts.manifest["sources"].items()
            ],
            "written": sorted(facts.written.items()),
            "funnel": funnel(
                [FunnelStep(step["step"], step["seen"], step["kept"]) for step in steps],
                title="Examples that each step let through",
            ),
            "reasons": [
                (reason_text(step["step"]), reason_text(why), count)
                for step in steps
                for why, count in step["dropped"].items()
            ],
            "changes": _noted(steps, "changed"),
            "flags": _noted(steps, "flagged"),
            "injections": _dropped_by(steps, "injection"),
            "secrets": dict(_step(steps, "secrets").get("changed", {})),
            "teacher": _teacher(facts),
            "sent": facts.manifest.get("sent") or {},
            "lengths": _lengths(facts.manifest.get("lengths") or {}),
            "balance": _balance(steps),
            "matrix": _matrix(facts.matrix),
            "clusters": _clusters(steps),
            "pairs": [_pair(row) for row in facts.duplicates],
            "guards": _details(steps, "evaluation_sets"),
            "leaks": _dropped_by(steps, "decontamination"),
            "samples": [(task, [_sample(row) for row in rows]) for task, rows in facts.samples.items()],
            "accepted": [_accepted(row) for row in facts.accepted],
            "rejected": [_rejected(row) for row in facts.rejected],
        },
    )


def _tiles(facts: DatasetFacts) -> list[tuple[str, str, str]]:
    splits, steps = facts.manifest["splits"], facts.manifest["funnel"]
    total = sum(numbers["examples"] for numbers in splits.values())
    written = steps[0]["seen"] if steps else total
    held_out = f"{splits['validation']['examples']:,} validation, {splits['test']['examples']:,} test"
    documents = sum(source["documents"] for source in facts.manifest["sources"].values())
    return [
        ("Documents", f"{documents:,}", f"from {len(facts.manifest['sources'])} sources"),
        ("Examples written", f"{written:,}", f"{total:,} are in the dataset"),
        ("To train on", f"{splits['train']['examples']:,}", f"{splits['train']['tokens']:,} tokens"),
        ("Held out", f"{splits['validation']['examples'] + splits['test']['examples']:,}", held_out),
    ]


def _step(steps: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((step for step in steps if read_reason(step["step"]).code == name), {})


def _dropped_by(steps: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    return {reason_text(why): count for why, count in _step(steps, name).get("dropped", {}).items()}


def _details(steps: Sequence[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    return list(_step(steps, name).get("details", []))


def _noted(steps: Sequence[Mapping[str, Any]], key: str) -> list[tuple[str, str, int]]:
    return [(reason_text(step["step"]), what, count) for step in steps for what, count in step.get(key, {}).items()]


def _teacher(facts: DatasetFacts) -> dict[str, Any] | None:
    """Return the table of what a model was asked; None where none was."""
    if not facts.teacher:
        return None
    asked, accepted = facts.teacher["asked"], facts.teacher["accepted"]
    rejected, spent = facts.teacher["rejected"], facts.spent
    reasons = sorted(((reason_text(why), count) for why, count in rejected.items()), key=lambda row: (-row[1], row[0]))
    return {
        "tasks": [(task, count, accepted.get(task, 0)) for task, count in asked.items()],
        "asked": sum(asked.values()),
        "accepted": sum(accepted.values()),
        "rejected": sum(rejected.values()),
        "reasons": reasons,
        "models": sorted({row["provenance"]["teacher"] for row in facts.accepted}),
        "spent": [
            ("answered by the model", f"{spent.get('asked', 0):,}"),
            ("answered by kept replies", f"{spent.get('cached', 0):,}"),
            ("without an answer", f"{sum(spent.get('failed', {}).values()):,}"),
            ("tokens of questions", f"{spent.get('prompt_tokens', 0):,}"),
            ("tokens of replies", f"{spent.get('completion_tokens', 0):,}"),
            ("cost", f"{spent.get('cost', 0.0):,.2f} US dollars"),
            ("time", clock(spent.get("seconds", 0.0))),
        ]
        if spent
        else [],
    }


def _lengths(lengths: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for each task its histogram and one row per split."""
    by_task: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in lengths.get("rows", ()):
        by_task[row["task"]][row["split"]] = row
    edges = lengths.get("edges", ())
    charts = []
    for number, (task, rows) in enumerate(by_task.items()):
        bins = {split: rows[split]["bins"] if split in rows else [0] * len(edges) for split in SPLITS}
        chart = histogram(edges, bins, f"lengths-{number}", f"Lengths of {task} in tokens")
        charts.append({"task": task, "chart": chart, "rows": list(rows.values())})
    return charts


def _balance(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return for each task of the training split its classes before and after balancing."""
    mixture = _details(steps, "balance")
    classed = {row["task"] for row in mixture if row["class"]}
    by_task: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in mixture:
        name = (row["class"] or "no class") if row["task"] in classed else row["source"]
        counts = by_task[row["task"]][name]
        counts[0] += row["before"]
        counts[1] += row["after"]
    ordered = enumerate(sorted(by_task.items()))
    return [_balanced(number, task, groups, by_class=task in classed) for number, (task, groups) in ordered]


def _balanced(number: int, task: str, classes: Mapping[str, Sequence[int]], *, by_class: bool) -> dict[str, Any]:
    rows = sorted(classes.items(), key=lambda pair: (-pair[1][0], pair[0]))
    before, after = (sum(counts[side] for counts in classes.values()) for side in (0, 1))
    steps = [FunnelStep(name, first, last) for name, (first, last) in rows]
    chart: Markup = funnel(steps, f"balance-{number}", f"Training examples of {task} before and after balancing")
    kept = [last for _, (_, last) in rows if last]
    kind = ("class" if by_class else "source") + ("" if len(rows) == 1 else "es" if by_class else "s")
    told = f"{len(rows)} {kind}" + (f", {max(kept) / min(kept):.1f} : 1" if by_class and kept else "")
    return {"task": task, "before": before, "after": after, "groups": told, "chart": chart}


def _matrix(matrix: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    sources = sorted({source for source, _ in matrix})
    most = max(matrix.values(), default=1)
    rows = []
    for task in sorted({task for _, task in matrix}):
        counts = [matrix.get((source, task), 0) for source in sources]
        # Square roots, so that small counts are told from none.
        cells = [(count, round(100 * (count / most) ** 0.5)) for count in counts]
        rows.append({"task": task, "cells": cells, "all": sum(counts)})
    totals = [sum(count for (source, _), count in matrix.items() if source == wanted) for wanted in sources]
    return {"sources": sources, "rows": rows, "totals": totals}


def _clusters(steps: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, list[Mapping[str, Any]]]]:
    """Return step, dropped examples and sizes of clusters for each step that looks for duplicates."""
    found = [step for step in steps if read_reason(step["step"]).code.endswith("duplicates")]
    return [(reason_text(step["step"]), step["seen"] - step["kept"], list(step.get("details", ()))) for step in found]


def _cut(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    return text if len(text) <= characters else text[:characters] + " …"


def _pair(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "step": reason_text(row["step"]),
        "kept_text": _cut(row["kept_text"]),
        "dropped_text": _cut(row["dropped_text"]),
    }


def _sample(row: Mapping[str, Any]) -> dict[str, Any]:
    turns = [(turn["role"], _cut(message_text(turn))) for turn in row["messages"] if turn["role"] != "system"]
    return {"id": row["id"], "turns": turns, "rejected": _cut(row.get("rejected", ""))}


def _accepted(row: Mapping[str, Any]) -> dict[str, str]:
    turns = [message_text(turn) for turn in row["messages"] if turn["role"] != "system"]
    return {
        "title": f"{row['id']} · {row['provenance']['teacher']} · {row['provenance']['prompt']}",
        "question": _cut("\n".join(turns[:-1])),
        "answer": _cut(turns[-1]),
        "passage": _cut(row["passage"], _PASSAGE_CHARACTERS),
    }


def _rejected(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "title": f"{row['document']} · {row['task']} · {row.get('teacher') or 'no reply'}",
        "reason": row["reason"],
        "question": _cut(row.get("question", "")),
        "answer": _cut(row.get("answer", "")),
        "passage": _cut(row.get("passage", ""), _PASSAGE_CHARACTERS),
    }
