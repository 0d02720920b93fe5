"""Deduplication side by side: secft, datasketch and rensa on the same real texts; and how secft scales.

    python benchmarks/dedup.py
    python benchmarks/dedup.py --scale 50000 500000 5000000

The first command measures recall and precision against the exact join, whether order and workers change anything, and
times from raw text to result. Arms take turns, and the best of --rounds counts. The second one generates variations of
real sentences and finds their clusters on disk, each size in a process of its own. Both put their tables onto the
screen and, each into its own part, into benchmarks/results/dedup.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from dedup_texts import real_texts, variations, with_near_duplicates  # noqa: E402

from secft.config.schemas.dedup import DedupConfig  # noqa: E402
from secft.dataset.clean import comparable  # noqa: E402
from secft.dataset.dedup import IMPLEMENTATIONS, Text, bands_and_rows, clusters, shingles  # noqa: E402
from secft.dataset.dedup.disk import clusters_on_disk  # noqa: E402
from secft.dataset.dedup.join import exact_join  # noqa: E402
from secft.executor import InProcess  # noqa: E402
from secft.executor.local import LocalExecutor  # noqa: E402

RESULTS = HERE / "results" / "dedup.md"
SETTINGS = DedupConfig()


def ours(texts: list[str]) -> int:
    rows = [Text(str(place), "", text) for place, text in enumerate(texts)]
    return len(set(IMPLEMENTATIONS["fast"](rows, SETTINGS).values()))


def datasketch_loop(texts: list[str]) -> int:
    """MinHash and MinHashLSH in the loop of datasketch's documentation, on the shingles that secft compares."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(params=bands_and_rows(SETTINGS.threshold, SETTINGS.permutations), num_perm=SETTINGS.permutations)
    kept = 0
    for place, text in enumerate(texts):
        signature = MinHash(num_perm=SETTINGS.permutations)
        for shingle in shingles(comparable(text), SETTINGS.shingle_words):
            signature.update(shingle.encode())
        kept += not index.query(signature)
        index.insert(str(place), signature)
    return kept


def rensa_words(texts: list[str]) -> int:
    """The deduplicator of rensa's README, as it stands there: single words as they are, estimated similarity."""
    from rensa import RMinHashDeduplicator

    dedup = RMinHashDeduplicator(threshold=SETTINGS.threshold, num_perm=SETTINGS.permutations, use_lsh=True)
    return sum(dedup.add_pairs((str(place), text.split()) for place, text in enumerate(texts)))


def rensa_loop(texts: list[str]) -> int:
    """RMinHash and RMinHashLSH, text after text: single words as they are, candidates only."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(SETTINGS.threshold, SETTINGS.permutations, 16)
    kept = 0
    for place, text in enumerate(texts):
        signature = RMinHash(num_perm=SETTINGS.permutations, seed=SETTINGS.seed)
        signature.update(text.split())
        kept += not index.query(signature)
        index.insert(place, signature)
    return kept


def rensa_shingles(texts: list[str]) -> int:
    """The deduplicator of rensa's README on the shingles that secft compares; still estimated, not verified."""
    from rensa import RMinHashDeduplicator

    dedup = RMinHashDeduplicator(threshold=SETTINGS.threshold, num_perm=SETTINGS.permutations, use_lsh=True)
    entries = (
        (str(place), list(shingles(comparable(text), SETTINGS.shingle_words))) for place, text in enumerate(texts)
    )
    return sum(dedup.add_pairs(entries))


ARMS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "secft, fast": ("3-word shingles, every cluster verified exactly", ours),
    "datasketch, MinHash + MinHashLSH loop": ("3-word shingles, candidates not verified", datasketch_loop),
    "rensa README, RMinHashDeduplicator": ("single words, similarity estimated", rensa_words),
    "rensa, RMinHash + RMinHashLSH loop": ("single words, candidates not verified", rensa_loop),
    "rensa README on the same shingles": ("3-word shingles, similarity estimated", rensa_shingles),
}


def timed(texts: list[str], rounds: int) -> dict[str, tuple[float, int]]:
    """Return arm -> best seconds and texts kept."""
    for _, run in ARMS.values():
        run(texts[:500])
    best: dict[str, tuple[float, int]] = {}
    for turn in range(rounds):
        for name, (_, run) in ARMS.items():
            if turn and best[name][0] > 20:
                continue
            start = time.perf_counter()
            kept = run(texts)
            seconds = time.perf_counter() - start
            best[name] = min(best.get(name, (seconds, kept)), (seconds, kept))
    return best


def correctness(texts: list[str], seeds: int) -> list[str]:
    """Return lines on recall and precision against the exact join, and on what order and workers change."""
    rows = [Text(str(place), "", text) for place, text in enumerate(texts)]
    sets = {row.key: shingles(comparable(row.text), SETTINGS.shingle_words) for row in rows}
    start = time.perf_counter()
    truth = exact_join(sets, SETTINGS.threshold)
    joined = clusters(sets, truth)
    seconds = time.perf_counter() - start
    near = [(one, other) for one, other in truth if sets[one] != sets[other]]
    lines = [
        f"Truth: {len(truth):,} pairs of the exact join ({seconds:.1f} s), {len(near):,} of them of different sets, "
        f"{len(texts) - len(set(joined.values())):,} texts that are not the first of their cluster.",
        "",
        "| seed | recall, all pairs | recall, pairs of different sets | precision |",
        "|---|---|---|---|",
    ]
    for seed in range(1, seeds + 1):
        found = IMPLEMENTATIONS["fast"](rows, DedupConfig(seed=seed), InProcess())
        lost = [key for key, first in found.items() if key != first]
        right = sum(joined[key] == joined[found[key]] for key in lost)
        every = sum(found[one] == found[other] for one, other in truth) / len(truth)
        different = sum(found[one] == found[other] for one, other in near) / len(near)
        lines.append(f"| {seed} | {every:.5f} | {different:.5f} | {right / len(lost):.5f} |")
    return [*lines, "", *_same(rows)]


def _same(rows: list[Text]) -> list[str]:
    expected = IMPLEMENTATIONS["fast"](rows, SETTINGS, InProcess())
    shuffled = rows[:]
    random.Random(7).shuffle(shuffled)
    results = {"shuffled": IMPLEMENTATIONS["fast"](shuffled, SETTINGS, InProcess()) == expected}
    with tempfile.TemporaryDirectory() as place:
        for workers in (1, 2, 4):
            engine = LocalExecutor(workers)
            try:
                results[f"{workers} worker(s)"] = IMPLEMENTATIONS["fast"](rows, SETTINGS, engine) == expected
                path = clusters_on_disk(rows, SETTINGS, Path(place) / str(workers), 2000, engine)
                results[f"{workers} worker(s), on disk"] = _table(path) == {
                    key: first for key, first in expected.items() if key != first
                }
            finally:
                engine.close()
    return ["Same result: " + "; ".join(f"{name}: {'yes' if same else 'NO'}" for name, same in results.items()) + "."]


def _table(path: Path) -> dict[str, str]:
    import pyarrow.parquet as pq

    table = pq.read_table(path).to_pydict()
    return dict(zip(table["key"], table["first"], strict=True))


def machine() -> str:
    cpu = next(
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyarrow", "datasketch", "rensa"))
    load = os.getloadavg()[0]
    return f"Machine: {cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}; load {load:.1f}."


def compare(rounds: int, seeds: int) -> list[str]:
    real = real_texts()
    texts = with_near_duplicates(real)
    words = sum(len(text.split()) for text in texts) / len(texts)
    bands, rows = bands_and_rows(SETTINGS.threshold, SETTINGS.permutations)
    lines = [
        "`python benchmarks/dedup.py`",
        "",
        machine(),
        f"{len(texts):,} texts: {len(real):,} real ones (ATT&CK, CAPEC, Sigma, OSV, CWE, genai-incidents) and "
        f"{len(texts) - len(real):,} edited copies, {words:.0f} words on average. Threshold {SETTINGS.threshold}, "
        f"{SETTINGS.permutations} permutations; secft and datasketch: {bands} bands of {rows} rows.",
        "",
        *correctness(texts, seeds),
        "",
        f"Times from raw text to the texts that stay, one process, best of up to {rounds}.",
        "",
        "| | what is compared | s | texts/s | against secft | texts kept |",
        "|---|---|---|---|---|---|",
    ]
    results = timed(texts, rounds)
    base = results["secft, fast"][0]
    for name, (seconds, kept) in results.items():
        speed = f"{len(texts) / seconds:,.0f}"
        lines.append(f"| {name} | {ARMS[name][0]} | {seconds:.2f} | {speed} | {seconds / base:.2f} | {kept:,} |")
    return lines


def scale(sizes: list[int], workers: int, shard_size: int) -> list[str]:
    """Return the lines of the scaling curve."""
    lines = [
        f"`python benchmarks/dedup.py --scale {' '.join(map(str, sizes))} --workers {workers}"
        f" --shard-size {shard_size}`",
        "",
        machine(),
        "Variations of real sentences, about 63 words each, one in ten a repetition with up to four edits. Times hold "
        "everything from generating a text to the written clusters; memory is the peak of the main process plus that "
        "of the biggest worker for each worker.",
        "",
        "| texts | s | of it shards | texts/s | peak GiB | on disk GiB | dropped |",
        "|---|---|---|---|---|---|---|",
    ]
    for size in sizes:
        command = [sys.executable, __file__, "--one", str(size), "--workers", str(workers)]
        command += ["--shard-size", str(shard_size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        facts = json.loads(done.stdout.splitlines()[-1])
        lines.append(
            f"| {size:,} | {facts['seconds']:.1f} | {facts['shards']:.1f} | {size / facts['seconds']:,.0f} "
            f"| {facts['peak']:.2f} | {facts['disk']:.2f} | {facts['dropped']:,} |"
        )
        print(lines[-1], flush=True)
    return lines


def one_size(size: int, workers: int, shard_size: int) -> dict[str, Any]:
    """Find the clusters of so many variations in a directory of its own; runs in a process of its own."""
    import pyarrow.parquet as pq

    engine = LocalExecutor(workers) if workers > 1 else InProcess()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as place:
        read_by: list[float] = []
        start = time.perf_counter()

        def rows() -> Any:
            for number, text in enumerate(variations(size)):
                yield Text(f"v:{number}", "", text)
            read_by.append(time.perf_counter() - start)

        path = clusters_on_disk(rows(), SETTINGS, Path(place), shard_size, engine)
        seconds = time.perf_counter() - start
        if isinstance(engine, LocalExecutor):
            engine.close()
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if workers > 1 else 0
        return {
            "seconds": seconds,
            "shards": read_by[0],
            "peak": (own + workers * worker) / 1024**2,
            "disk": sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file()) / 1024**3,
            "dropped": pq.read_metadata(path).num_rows,
        }


def write_part(title: str, lines: list[str]) -> None:
    """Put a part into the file of results, in place of an older one of the same title."""
    parts: dict[str, str] = {}
    if RESULTS.is_file():
        for part in RESULTS.read_text(encoding="utf-8").split("\n## ")[1:]:
            name, _, body = part.partition("\n")
            parts[name] = body.strip()
    parts[title] = "\n".join(lines).strip()
    body = "\n\n".join(f"## {name}\n\n{parts[name]}" for name in sorted(parts))
    RESULTS.write_text(f"# Deduplication on a CPU\n\n{body}\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="turns of each arm")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of recall")
    parser.add_argument("--scale", type=int, nargs="*", help="sizes of a scaling curve instead of the comparison")
    parser.add_argument("--workers", type=int, default=2, help="processes of the scaling curve")
    parser.add_argument("--shard-size", type=int, default=2000, help="texts in a shard of the scaling curve")
    parser.add_argument("--note", default="", help="a sentence about the circumstances, for the results")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(one_size(given.one, given.workers, given.shard_size)))
        return
    if given.scale is not None:
        title, lines = "Scale", scale(given.scale or [50_000, 500_000, 5_000_000], given.workers, given.shard_size)
    else:
        title, lines = "Comparison", compare(given.rounds, given.seeds)
    lines += ["", given.note] if given.note else []
    write_part(title, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
