"""Millions of short documents through all data stages: time, memory and disk of collection, synthesis and curation.

    python benchmarks/data_stages.py 50000 500000 5000000 --workers 2

Documents are conversations made of real security sentences (ATT&CK, CAPEC, Sigma, OSV, CWE; ../shared/data); one in ten
repeats another one, with up to four words changed. Memory is the sum of the proportional set sizes of this
process and all its children, looked at twice a second; it holds what is mapped, but not the cache of the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from dedup_texts import variations

RESULTS = Path(__file__).parent / "results" / "data_stages.md"
WORDS = 40
"""Most words of an answer."""


def write_records(path: Path, count: int) -> int:
    """Write so many conversations, and return the words of all."""
    words = 0
    with path.open("w", encoding="utf-8") as stream:
        for number, text in enumerate(variations(count)):
            parts = text.split()
            question, answer = " ".join(parts[:12]), " ".join(parts[12 : 12 + WORDS])
            row = {"user": f"Note {number}: {question}. What else is known?", "assistant": f"{answer}."}
            words += len(parts[: 12 + WORDS]) + 6
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return words


class Memory(threading.Thread):
    """Watches how much memory a process and its children have."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak, self.stopped = root, 0, threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        while not self.stopped.wait(0.5):
            self.peak = max(self.peak, sum(map(_proportional, _family(self.root))))

    def since(self) -> int:
        """Return the peak since the last call."""
        peak, self.peak = self.peak, 0
        return peak


def _family(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                waiting.extend(map(int, children.read_text().split()))
            except OSError:
                continue
    return found


def _proportional(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def one_size(count: int, workers: int, place: Path) -> dict[str, Any]:
    """Run the three stages over so many documents."""
    from secft.artifact import Artifact, ArtifactStore
    from secft.config.compose import read_config
    from secft.pipelines import FINETUNE_STAGES
    from secft.stage import run_stage

    source = place / "notes.jsonl"
    words = write_records(source, count)
    config = read_config(
        ["source=[jsonl]", f"source.jsonl.path={source}", "synthesis=none", f"executor.workers={workers}",
         f"paths.cache={place / 'cache'}"]
    )  # fmt: skip
    memory = Memory(os.getpid())
    memory.start()
    store = ArtifactStore(place / "cache" / "stages")
    artifacts: dict[str, Artifact] = {}
    told: dict[str, dict[str, float]] = {}
    for stage in FINETUNE_STAGES[:3]:
        start = time.perf_counter()
        artifacts[stage.name] = run_stage(stage, config, artifacts, store).artifact
        disk = sum(file.stat().st_size for file in artifacts[stage.name].path.rglob("*") if file.is_file())
        told[stage.name] = {"seconds": time.perf_counter() - start, "peak": memory.since(), "disk": disk}
    memory.stopped.set()
    manifest = artifacts["dataset"].summary
    return {"count": count, "words": words / count, "stages": told, "splits": manifest["splits"],
            "funnel": {step["step"]: sum(step["dropped"].values()) for step in manifest["funnel"]}}  # fmt: skip


def table(results: list[dict[str, Any]], workers: int) -> list[str]:
    """Return the results as Markdown."""
    lines = [
        "# All data stages on one machine", "",
        f"`python benchmarks/data_stages.py {' '.join(str(one['count']) for one in results)} --workers {workers}`",
        "", str(__doc__).split("\n\n")[2].strip().replace("\n", " "), "",
        f"{workers} worker processes, shards of 2,000; {results[-1]['words']:.0f} words a document; executor=local, "
        "synthesis=none, everything else as configured by default (scrubbing, quality, near-duplicates, "
        "decontamination).", "",
        "| documents | stage | time | documents/s | peak memory | on disk |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for one in results:
        for stage, facts in one["stages"].items():
            lines.append(
                f"| {one['count']:,} | {stage} | {facts['seconds']:,.0f} s | {one['count'] / facts['seconds']:,.0f} | "
                f"{facts['peak'] / 2**30:.2f} GiB | {facts['disk'] / 2**30:.2f} GiB |"
            )
    for one in results:
        kept = ", ".join(f"{facts['examples']:,} {split}" for split, facts in one["splits"].items())
        lost = ", ".join(f"{step}: {count:,}" for step, count in one["funnel"].items() if count)
        lines += ["", f"{one['count']:,} documents: {kept}. Dropped: {lost}."]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", type=int, nargs="*", default=[50_000, 500_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--place", default=None, help="directory for everything that is made; removed at the end")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        place = Path(tempfile.mkdtemp(dir=given.place))
        try:
            print(json.dumps(one_size(given.one, given.workers, place)))
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return
    results = []
    for count in given.counts:
        # A process of its own: memory of one size must not count for the next.
        command = [sys.executable, __file__, "--one", str(count), "--workers", str(given.workers)]
        done = subprocess.run(
            [*command, *(["--place", given.place] if given.place else [])],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print("\n".join(table(results, given.workers)), flush=True)
    RESULTS.write_text("\n".join(table(results, given.workers)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
