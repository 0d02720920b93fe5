"""Tables of benchmarks that run the main command: printed, and written to benchmarks/results."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
DEFAULT_MODEL = "smollm2"


def publish(name: str, model: str, title: str, notes: str, table: Sequence[str]) -> None:
    """Print a table and write it beside the command; that of another model than the default one gets its name.

    Args:
        name: of the benchmark, without ``.py``.
        model: what was trained.
        title: heading.
        notes: what has to be known to read the table, after the machine.
        table: lines of Markdown.
    """
    from train_cpu import machine

    command = " ".join(["python", f"benchmarks/{name}.py", *sys.argv[1:]])
    cores = len(os.sched_getaffinity(0))
    about = f"Machine: {machine()}, {cores} cores. Model {model}. {notes}"
    text = "\n".join([f"# {title}", "", f"`{command}`", "", about, "", *table, ""])
    print(text, flush=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / (f"{name}.md" if model == DEFAULT_MODEL else f"{name}_{model}.md")
    path.write_text(text, encoding="utf-8")
