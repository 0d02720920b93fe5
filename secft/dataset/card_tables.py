"""Short tables of a dataset card: what a model wrote, lengths, balance, duplicates, what training is kept clear of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from secft.reasons import read_reason, reason_text

Table = Callable[[Sequence[str], Sequence[Sequence[object]]], str]

_REASONS = 10
SENT = ("requests", "passages", "characters")
"""What is counted of everything that leaves for a server."""


def short_tables(manifest: Mapping[str, Any], table: Table) -> list[str]:
    """Return the sections that have something to tell, as Markdown.

    Args:
        manifest: of the dataset.
        table: writes a Markdown table of a header and rows.
    """
    steps = {read_reason(step["step"]).code: step for step in manifest["funnel"]}
    sections = [
        ("Asked of a model", _teacher(manifest.get("teacher") or {}, manifest.get("sent") or {}, table)),
        ("Lengths", _lengths((manifest.get("lengths") or {}).get("rows", ()), table)),
        ("Balance", _balance(steps.get("balance", {}).get("details", ()), table)),
        ("Duplicates", _clusters(manifest["funnel"])),
        ("Kept clear of", _guards(manifest, steps, table)),
    ]
    return [f"## {title}\n\n{text}" for title, text in sections if text]


def _teacher(teacher: Mapping[str, Mapping[str, int]], sent: Mapping[str, Mapping[str, int]], table: Table) -> str:
    if not teacher:
        return ""
    asked, accepted = teacher["asked"], teacher["accepted"]
    rows: list[list[object]] = [[task, count, accepted.get(task, 0)] for task, count in asked.items()]
    rows.append(["**all**", sum(asked.values()), sum(accepted.values())])
    reasons = sorted(teacher["rejected"].items(), key=lambda pair: (-pair[1], reason_text(pair[0])))
    lines = (
        table(["rejected because", "pairs"], [[reason_text(why), count] for why, count in reasons[:_REASONS]])
        if reasons
        else ""
    )
    more = len(reasons) - _REASONS
    rest = f"\n\n{more} more reasons are in `manifest.json`." if more > 0 else ""
    first = "What a model wrote was checked by rules against its passage; only what passed is in the dataset."
    tables = (first, table(["task", "asked", "accepted"], rows), lines)
    return "\n\n".join(part for part in tables if part) + rest + f"\n\n{_sent(sent, table)}"


def _sent(sent: Mapping[str, Mapping[str, int]], table: Table) -> str:
    if not sent:
        return "The model ran inside of this program: no text was sent to a server."
    rows = [[host, *(counts[name] for name in SENT)] for host, counts in sent.items()]
    return table(["sent to", *SENT], rows)


def _lengths(rows: Sequence[Mapping[str, Any]], table: Table) -> str:
    if not rows:
        return ""
    kept = ("task", "split", "examples", "shortest", "median", "longest")
    return "Tokens of whole conversations.\n\n" + table(kept, [[row[key] for key in kept] for row in rows])


def _balance(mixture: Sequence[Mapping[str, Any]], table: Table) -> str:
    """Return the training examples of each task before and after, and the share of its most frequent class."""
    by_task: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row in mixture:
        counts = by_task[row["task"]][row["class"]]
        counts[0] += row["before"]
        counts[1] += row["after"]
    rows = []
    for task, classes in sorted(by_task.items()):
        before, after = (sum(counts[side] for counts in classes.values()) for side in (0, 1))
        named = {name: counts[1] for name, counts in classes.items() if name}
        most = max(sorted(named), key=lambda name: named[name]) if named else ""
        share = f"{most}: {100 * named[most] / after:.0f} %" if most and after else "-"
        rows.append([task, before, after, len(named) or "-", share])
    if not rows:
        return ""
    header = ["task", "before", "after", "classes", "most frequent class"]
    return "Training examples before and after the mixture was evened out.\n\n" + table(header, rows)


def _clusters(funnel: Sequence[Mapping[str, Any]]) -> str:
    """Return one line for each step that found duplicates: how many clusters of which size."""
    lines = []
    for step in funnel:
        name = read_reason(step["step"])
        if name.code.endswith("duplicates") and step.get("details"):
            sizes = ", ".join(f"{row['clusters']} of {row['size']}" for row in step["details"])
            lines.append(f"- {name.text()}, clusters by size: {sizes}")
    return "\n".join([*lines, "", "Some of them stand in `duplicates.jsonl`."]) if lines else ""


def _guards(manifest: Mapping[str, Any], steps: Mapping[str, Mapping[str, Any]], table: Table) -> str:
    if "decontamination" not in steps:
        return ""
    own = steps["decontamination"]["dropped"]
    rows: list[list[object]] = [
        ["own test split", manifest["splits"]["test"]["examples"], _hits(own), sum(own.values())]
    ]
    for row in steps.get("evaluation_sets", {}).get("details", ()):
        rows.append([row["set"], row["items"], _hits(row["hits"]), row["dropped"]])
    return table(["evaluation set", "items", "hits", "examples dropped"], rows)


def _hits(hits: Mapping[str, int]) -> str:
    return "; ".join(f"{reason_text(rule)}: {count}" for rule, count in hits.items()) or "-"
