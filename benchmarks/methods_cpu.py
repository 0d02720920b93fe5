"""Every method through the main command on a CPU: trained, loaded and evaluated, with what its loss did.

    python benchmarks/methods_cpu.py [--model smollm2] [--methods trl:dpo,axolotl:ppo] [--steps 24]

Each run is ``python -m secft`` in one scratch directory. Pairs are right answers against corrupted ones, made of CWE by
secft; pretraining reads the words of the same entries. grpo and ppo are told by their reward, which rises where the
loss of the others falls. The table goes to the screen and to benchmarks/results/methods_cpu.md.
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
METHODS = (
    "trl:full,trl:dora,trl:dpo,trl:orpo,trl:simpo,trl:kto,trl:reward,trl:grpo,trl:continue,axolotl:ppo,nanogpt:pretrain"
)
ENDED = {0: "gates passed", 3: "gates not passed"}
SAMPLED = ("grpo", "ppo")
PAIRED = ("dpo", "orpo", "simpo", "kto", "reward")
NOISY = ("simpo", "reward")
"""Whose loss over two pairs says little."""
STEPS = {"dpo": 2, "orpo": 2, "simpo": 2, "kto": 2, "reward": 4, "pretrain": 20}
"""How many times the steps of the others: preferences are learned more slowly than answers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="smollm2, or tiny for a trial of the script itself")
    parser.add_argument("--methods", default=METHODS, help="comma-separated backend:trainer")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument(
        "--work",
        type=Path,
        help="directory to work in and to keep, what was measured there before "
        "included; a scratch directory if left out",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = (options.work or Path(scratch)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        kept = work / "rows.json"
        rows = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        for method in options.methods.split(","):
            backend, _, trainer = method.partition(":")
            rows[method] = measure(work, backend, trainer, options)
            kept.write_text(json.dumps(rows), encoding="utf-8")
            report([rows[name] for name in METHODS.split(",") if name in rows], options)


def settings(work: Path, backend: str, trainer: str, options: argparse.Namespace) -> list[str]:
    """Return the overrides of one run."""
    count = options.steps * STEPS.get(trainer, 1)
    steps = [f"trainer.max_steps={count}", f"trainer.eval_steps={max(count // 2, 1)}"]
    shared = [f"backend={backend}", f"trainer={trainer}", *steps, f"paths.backends={HERE.parent / '.backends'}"]
    if trainer == "pretrain":
        return [*shared, f"trainer.files=[{texts(work)}]"]
    shared += [
        f"model={options.model}",
        "source=[cwe]",
        f"source.cwe.limit={200 if trainer in (*PAIRED, *SAMPLED) else 60}",
        "synthesis=template",
        *(["trainer.pairs.corrupt=true"] if trainer in PAIRED else []),
        "trainer.save_steps=0",
        f"trainer.packing={'true' if trainer == 'continue' else 'false'}",
        "trainer.max_length=256",
        # Long examples are left out here for speed, knowingly.
        "trainer.max_dropped_share=1",
        "eval.samples=0",
        "eval.resamples=200",
        "gates.general_tasks=[]",
        "gates.safety_tasks=[]",
    ]
    if trainer in SAMPLED:
        # Short questions, whose answers name what they explain: a reward that a small model can earn.
        shared += ["synthesis.tasks=[explain]", "trainer.learning_rate=2e-4"]
        shared += ["trainer.sampling.max_new_tokens=24"]
        # Eight answers to each of four questions, or one to each of 16, which ppo then learns from four times.
        shared += (
            ["trainer.micro_batch_size=4", "trainer.sampling.generations=8"]
            if trainer == "grpo"
            else ["trainer.micro_batch_size=16"]
        )
    else:
        shared += [f"trainer.micro_batch_size={4 if trainer in NOISY else 2}"]
    if trainer == "reward":
        # A head that starts from nothing.
        return [*shared, "trainer.learning_rate=3e-4", "eval.max_items={preference: 40}"]
    task = "answer_perplexity"
    return [*shared, f"eval.tasks=[{task}]", f"eval.max_items={{{task}: 6}}", f"gates.target_tasks=[{task}]"]


def texts(work: Path) -> Path:
    """Write the words of weaknesses as plain text, and return the directory."""
    from cwe_examples import cwe_examples

    place = work / "texts"
    place.mkdir(exist_ok=True)
    lines = (message["content"] for row in cwe_examples(900) for message in row["messages"])
    (place / "weaknesses.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def measure(work: Path, backend: str, trainer: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one method and read what it left."""
    from secft.train.metrics import read_metrics

    print(f"running: {backend} {trainer}", file=sys.stderr, flush=True)
    before = set(work.glob("outputs/*/run.json"))
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "secft", *settings(work, backend, trainer, options)],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {"backend": backend, "trainer": trainer, "whole": time.perf_counter() - started, "code": done.returncode}
    made = set(work.glob("outputs/*/run.json")) - before
    if done.returncode not in ENDED or not made:
        return {**found, "error": (done.stderr.strip() or done.stdout.strip())[-400:]}
    run = made.pop().parent
    rows = [row for row in read_metrics(run / "metrics.jsonl") if "step" in row]
    column = "reward" if trainer in SAMPLED else "loss"
    told = [row[column] for row in rows if row.get(column) is not None]
    part = max(len(told) // 4, 1)
    return {
        **found,
        "column": column,
        "steps": rows[-1]["step"],
        "training": rows[-1]["seconds"],
        "first": sum(told[:part]) / part,
        "last": sum(told[-part:]) / part,
        "held_out": [row["eval_loss"] for row in rows if row.get("eval_loss") is not None],
        "evaluation": evaluation(run),
    }


def evaluation(run: Path) -> str:
    """Return what the first task measured for the base and for the candidate."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    if "tasks" not in results:
        # A model from scratch has no base; it is measured beside trigrams of the same text.
        return f"loss {results['loss']['value']:.3f}, {results['difference']['value']:+.3f} against trigrams"
    name, task = next(iter(results["tasks"].items()))
    metric, measured = next(iter(task["metrics"].items()))
    values = " -> ".join(f"{measured[who]['value']:.3f}" for who in ("base", "candidate") if measured.get(who))
    return f"{name} {metric} {values}"


def report(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table and write it beside the command."""
    from result_tables import publish

    lines = [
        "| trainer | backend | whole run s | training s | steps | told by | first quarter | last quarter | "
        "held-out loss | evaluated | ended |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        head = f"| {row['trainer']} | {row['backend']} | {row['whole']:.0f} |"
        if "error" in row:
            lines.append(f"{head} failed: {row['error']!r} |")
            continue
        held_out = ", ".join(f"{loss:.3f}" for loss in row["held_out"])
        lines.append(
            f"{head} {row['training']:.0f} | {row['steps']} | {row['column']} | {row['first']:.3f} | "
            f"{row['last']:.3f} | {held_out} | {row['evaluation']} | {ENDED[row['code']]} |"
        )
    notes = (
        "First and last quarter of the steps are means. The held-out loss of grpo and ppo is the negative mean "
        "reward of answers to held-out questions."
    )
    publish("methods_cpu", options.model, "Every method on a CPU, through the main command", notes, lines)


if __name__ == "__main__":
    main()
