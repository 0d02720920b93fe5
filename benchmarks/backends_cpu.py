"""Every backend through the main command on a CPU: lora and qlora, 20 steps each, trained, loaded and evaluated.

    python benchmarks/backends_cpu.py [--model smollm2] [--backends trl,axolotl,llama_factory,unsloth] [--steps 20]

Each run is ``python -m secft`` in one scratch directory, so that all train on the same dataset (written by the first
run, found again by the others) and share the measurement of the base model. The table goes to the screen and to
benchmarks/results/backends_cpu.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
BACKENDS = "trl,axolotl,llama_factory,unsloth"
TASK = "answer_perplexity"
ENDED = {0: "gates passed", 3: "gates not passed"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="smollm2, or tiny for a trial of the script itself")
    parser.add_argument("--backends", default=BACKENDS, help="comma-separated")
    parser.add_argument("--trainers", default="lora,qlora", help="comma-separated")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--max-length", type=int, default=256, help="longest example in tokens")
    parser.add_argument("--work", type=Path, help="directory to work in and to keep; a scratch directory if left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (options.work or Path(scratch)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        rows = []
        for backend in options.backends.split(","):
            for trainer in options.trainers.split(","):
                rows.append(measure(work, backend, trainer, options))
                report(rows, options)


def settings(backend: str, trainer: str, options: argparse.Namespace) -> list[str]:
    """Return the overrides of one run."""
    return [
        f"backend={backend}",
        f"trainer={trainer}",
        f"model={options.model}",
        "source=[cwe]",
        "source.cwe.limit=60",
        "synthesis=template",
        *(["trainer.pairs.corrupt=true"] if trainer in ("dpo", "orpo", "simpo", "kto", "reward") else []),
        f"trainer.max_steps={options.steps}",
        f"trainer.eval_steps={max(options.steps // 2, 1)}",
        "trainer.save_steps=0",
        "trainer.micro_batch_size=1",
        "trainer.packing=false",
        f"trainer.max_length={options.max_length}",
        # Long examples are left out here for speed, knowingly.
        "trainer.max_dropped_share=1",
        f"eval.tasks=[{TASK}]",
        f"eval.max_items={{{TASK}: 6}}",
        "eval.samples=0",
        "eval.resamples=200",
        f"gates.target_tasks=[{TASK}]",
        "gates.general_tasks=[]",
        "gates.safety_tasks=[]",
        f"paths.backends={HERE.parent / '.backends'}",
    ]


def measure(work: Path, backend: str, trainer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one pair and read what it left."""
    from secft.train.metrics import read_metrics

    print(f"running: {backend} {trainer}", file=sys.stderr, flush=True)
    before = set(work.glob("outputs/*/run.json"))
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "secft", *settings(backend, trainer, options)],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    found = {"backend": backend, "trainer": trainer, "seconds": seconds, "code": done.returncode}
    if done.returncode not in ENDED:
        return {**found, "error": (done.stderr.strip() or done.stdout.strip())[-400:]}
    made = set(work.glob("outputs/*/run.json")) - before
    if not made:
        raise SystemExit(f"{backend} {trainer} was run in {work} before; remove its outputs/ or take another --work")
    path = made.pop().parent
    metrics = read_metrics(path / "metrics.jsonl")
    losses = [row["loss"] for row in metrics if row.get("loss") is not None]
    held_out = [row["eval_loss"] for row in metrics if row.get("eval_loss") is not None]
    return {
        **found,
        "steps": metrics[-1]["step"],
        "training": metrics[-1]["seconds"],
        "first": losses[0],
        "last": sum(losses[-4:]) / len(losses[-4:]),
        "held_out": held_out,
        "evaluation": evaluation(path),
    }


def evaluation(run: Path) -> str:
    """Return what the task measured for the base model and for the candidate."""
    task = json.loads((run / "results.json").read_text(encoding="utf-8"))["tasks"][TASK]
    measured = task["metrics"]["perplexity"]
    return f"{measured['base']['value']:.2f} -> {measured['candidate']['value']:.2f}"


def report(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table and write it beside the command."""
    from result_tables import publish

    lines = [
        "| backend | trainer | whole run s | training s | steps | first loss | mean of last 4 | held-out loss | "
        "perplexity, base -> candidate | ended |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['backend']} | {row['trainer']} | {row['seconds']:.0f} | failed: {row['error']!r} |")
            continue
        held_out = ", ".join(f"{loss:.3f}" for loss in row["held_out"])
        lines.append(
            f"| {row['backend']} | {row['trainer']} | {row['seconds']:.0f} | {row['training']:.0f} | {row['steps']} | "
            f"{row['first']:.3f} | {row['last']:.3f} | {held_out} | {row['evaluation']} | {ENDED[row['code']]} |"
        )
    notes = (
        f"{options.steps} steps of one example, validation in the middle and at the end; {TASK} on 6 items, base and "
        "candidate. Seconds are not for comparison: whatever else the machine did is in them."
    )
    publish("backends_cpu", options.model, "Every backend on a CPU, through the main command", notes, lines)


if __name__ == "__main__":
    main()
