"""Kills and flipped bits: does a run end with the same result, and is damage told?

    python benchmarks/faults.py --kills 200 --flips 40

A small run (model=tiny, templates) is made once, undisturbed. Then the same command is killed with SIGKILL at random
moments of all its stages, again and again in one directory until it ends, and the digests of all stages, of the
published dataset and the training losses are compared. For the flips, one bit of one kept file of the finished run is
inverted (half of them with the file's time left as it was, as a failing disk does), and the command is given again:
what it makes must be the same, and the damage must have been told. Kinds of files take turns: artifacts of every stage
and their manifests, the base model, the base's kept answers, compiled loops, the published dataset.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "faults.md"
SETTINGS = (
    "model=tiny",
    "synthesis=template",
    "source.cwe.limit=80",
    "source.attack.limit=80",
    "trainer.max_steps=6",
    "trainer.eval_steps=0",
    "trainer.save_steps=1",
    "eval.max_items={answer_perplexity: 6, technique_to_tactic: 6}",
    "eval.tasks=[answer_perplexity,technique_to_tactic]",
    "eval.samples=0",
    "eval.resamples=200",
    "gates.target_tasks=[technique_to_tactic]",
    "gates.general_tasks=[]",
    "gates.safety_tasks=[]",
    "name=faults",
)
"""A whole run in seconds; random weights know nothing, so its gates do not pass (exit code 3)."""
STAGES = ("documents", "examples", "dataset", "train", "evaluate", "gates")
DATASET = "data/template/attack-cwe-v1"
ENDED = 3
WORDS = ("damaged", "changed since")
"""One of these stands in what is said about damage."""


@dataclass(frozen=True)
class Place:
    """A working directory with a cache of its own.

    Attributes:
        path: the working directory.
    """

    path: Path

    @property
    def cache(self) -> Path:
        """Base models, kept answers, compiled loops."""
        return self.path / "cache"

    def start(self) -> subprocess.Popen[str]:
        """Start the run, in a process group of its own."""
        environment = {**os.environ, "SECFT_CACHE": str(self.cache), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "secft", *SETTINGS]
        return subprocess.Popen(
            command, cwd=self.path, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def finish(self) -> tuple[int, str]:
        """Run to the end; return the exit code and what was said."""
        process = self.start()
        _, said = process.communicate(timeout=600)
        return process.returncode, said

    def result(self) -> dict[str, Any]:
        """Return all that must be the same in every run: digests of stages and of the dataset, and losses."""
        record = json.loads((self.path / "outputs/faults/run.json").read_text(encoding="utf-8"))
        lines = (self.path / "outputs/faults/metrics.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        return {
            "stages": {stage["stage"]: stage["digest"] for stage in record["stages"]},
            "dataset": json.loads((self.path / DATASET / "manifest.json").read_text(encoding="utf-8"))["digest"],
            "losses": [(row["step"], row["loss"]) for row in rows if "loss" in row],
            "verdict": record["verdict"],
        }

    def stage(self) -> str:
        """Return the stage that is being done: the one after the last that stands finished."""
        places = self.path / ".secft" / "stages"
        done = [name for name in STAGES if any(p.name[0] != "." for p in (places / name).glob("*"))]
        return STAGES[len(done)] if len(done) < len(STAGES) else "reports"


def undisturbed(path: Path) -> Place:
    """Make the run once, to the end."""
    place = Place(path)
    code, said = place.finish()
    if code != ENDED:
        raise SystemExit(f"the undisturbed run ended with {code}:\n{said}")
    return place


def copy_of(finished: Place, path: Path, *, cache_only: bool = False) -> Place:
    """Return a copy, all or only the cache: hard links where a run replaces files and never writes into them."""
    for name in ("cache",) if cache_only else ("cache", ".secft", "data", "outputs"):
        # A lock that is linked would be one lock for all copies, and outputs are written in place.
        locks = shutil.ignore_patterns("*.lock", ".lock")
        copy = shutil.copy2 if name == "outputs" else os.link
        shutil.copytree(finished.path / name, path / name, copy_function=copy, ignore=locks)
    return Place(path)


# --- kills -----------------------------------------------------------------------------------------------------------


def killed_life(
    finished: Place, path: Path, seconds: float, chosen: random.Random, most: int
) -> tuple[Counter[str], str]:
    """Kill one run again and again until it ends or was killed often enough, and let it end.

    Args:
        finished: the undisturbed run.
        path: an empty directory.
        seconds: how long an undisturbed run takes; each kill comes after a random part of it.
        chosen: decides when.
        most: kills.

    Returns:
        Stage -> kills, and what is other than in the undisturbed run, or "".
    """
    place, kills = copy_of(finished, path, cache_only=True), Counter[str]()
    while sum(kills.values()) < most:
        process = place.start()
        try:
            process.communicate(timeout=chosen.uniform(0.2, seconds))
            break
        except subprocess.TimeoutExpired:
            kills[place.stage()] += 1
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    code, said = place.finish()
    if code != ENDED:
        return kills, f"ended with {code}: {said[-400:]}"
    return kills, difference(finished, place)


def difference(finished: Place, place: Place) -> str:
    """Return what is other in a run than in the undisturbed one, or ""."""
    wanted, found = finished.result(), place.result()
    return ", ".join(f"{key}: {wanted[key]} became {found[key]}" for key in wanted if wanted[key] != found[key])


# --- flips -----------------------------------------------------------------------------------------------------------


def kinds_of(place: Place) -> dict[str, list[Path]]:
    """Return the kept files of a finished run by kind."""
    kinds: dict[str, list[Path]] = {}
    for stage in STAGES:
        for path in _files(place.path / ".secft" / "stages" / stage):
            kinds.setdefault(f"{stage}: {'manifest' if path.name == 'manifest.json' else 'content'}", []).append(path)
    for name in ("models", "baselines", "kernels"):
        kinds[f"cache: {name}"] = [p for p in _files(place.cache / name) if p.suffix != ".lock"]
    kinds["published dataset"] = _files(place.path / DATASET)
    return {kind: files for kind, files in kinds.items() if files}


def _files(directory: Path) -> list[Path]:
    found = (path for path in directory.rglob("*") if path.is_file() and path.stat().st_size)
    return sorted(path for path in found if not any(part[0] == "." for part in path.relative_to(directory).parts))


def flip(path: Path, chosen: random.Random, *, quietly: bool) -> str:
    """Invert one bit of a file that may be a hard link; quietly leaves its times."""
    facts, data = path.stat(), bytearray(path.read_bytes())
    place, bit = chosen.randrange(len(data)), chosen.randrange(8)
    data[place] ^= 1 << bit
    path.unlink()
    path.write_bytes(bytes(data))
    path.chmod(facts.st_mode)
    if quietly:
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return f"bit {bit} of byte {place:,}"


@dataclass(frozen=True)
class FlipOutcome:
    """What came of one flipped bit.

    Attributes:
        kind: of file.
        where: file and bit.
        outcome: ``mended``, ``refused``, ``unread`` (intermediate, and nothing read it), or what went wrong.
    """

    kind: str
    where: str
    outcome: str

    @property
    def is_fault(self) -> bool:
        """Whether damage was trusted, silent, or changed a result."""
        return self.outcome not in ("mended", "refused", "unread")


def flipped(finished: Place, path: Path, kind: str, chosen: random.Random) -> FlipOutcome:
    """Flip one bit of one file of a kind in a copy of a finished run, and give the command again.

    Later stages are removed for files of intermediate stages in half of the cases, so that something reads them.
    """
    place = copy_of(finished, path)
    file, quietly = chosen.choice(kinds_of(place)[kind]), chosen.random() < 0.5
    stage = kind.partition(":")[0]
    read = stage not in ("documents", "examples") or chosen.random() < 0.5 or not quietly or kind.endswith("manifest")
    if stage in ("documents", "examples", "cache") and read:
        for later in STAGES[2:] if stage != "cache" else ("dataset", "train", "evaluate", "gates"):
            shutil.rmtree(place.path / ".secft" / "stages" / later)
    where = f"{file.relative_to(place.path)}, {flip(file, chosen, quietly=quietly)}{', quietly' if quietly else ''}"
    code, said = place.finish()
    told = any(word in " ".join(said.split()) for word in WORDS)
    if code == 2 and told and stage == "published dataset":
        return FlipOutcome(kind, where, "refused")
    if code != ENDED:
        return FlipOutcome(kind, where, f"ended with {code}: {said[-300:]}")
    other = difference(finished, place)
    if other:
        return FlipOutcome(kind, where, f"trusted: {other}")
    if told:
        return FlipOutcome(kind, where, "mended")
    return FlipOutcome(kind, where, "silent" if read else "unread")


# --- all of it -------------------------------------------------------------------------------------------------------


def numbered(place: Path, name: str) -> Iterator[Path]:
    """Yield new directories below a place."""
    number = 0
    while True:
        number += 1
        directory = place / f"{name}-{number}"
        directory.mkdir()
        yield directory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--flips", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="secft-faults-") as scratch:
        place = Path(scratch)
        first = place / "undisturbed"
        first.mkdir()
        finished = undisturbed(first)
        shutil.rmtree(first / ".secft")
        for name in ("data", "outputs"):
            shutil.rmtree(first / name)
        begin = time.monotonic()
        finished = undisturbed(first)  # once more, with the base model converted
        seconds = time.monotonic() - begin
        kills, differences = all_kills(finished, place, seconds, options)
        outcomes = all_flips(finished, place, options)
    report(kills, differences, outcomes, seconds, time.monotonic() - start, options)
    sys.exit(1 if differences or any(outcome.is_fault for outcome in outcomes) else 0)


def all_kills(
    finished: Place, place: Path, seconds: float, options: argparse.Namespace
) -> tuple[Counter[str], list[str]]:
    """Kill runs until there were enough kills."""
    kills, differences, directories = Counter[str](), list[str](), numbered(place, "killed")
    chosen = random.Random(options.seed)
    with ThreadPoolExecutor(options.workers) as pool:
        while sum(kills.values()) < options.kills:
            each = max(1, min(10, (options.kills - sum(kills.values())) // options.workers))
            lives = [
                pool.submit(killed_life, finished, next(directories), seconds, random.Random(chosen.random()), each)
                for _ in range(options.workers)
            ]
            for life in lives:
                made, other = life.result()
                kills += made
                differences += [other] * bool(other)
            print(f"{sum(kills.values())} kills, {len(differences)} other results", file=sys.stderr, flush=True)
    return kills, differences


def all_flips(finished: Place, place: Path, options: argparse.Namespace) -> list[FlipOutcome]:
    """Flip bits, kinds in turn."""
    kinds, chosen = sorted(kinds_of(finished)), random.Random(options.seed)
    directories = numbered(place, "flipped")
    with ThreadPoolExecutor(options.workers) as pool:
        asked = [
            pool.submit(flipped, finished, next(directories), kinds[n % len(kinds)], random.Random(chosen.random()))
            for n in range(options.flips)
        ]
        outcomes = []
        for one in asked:
            outcomes.append(one.result())
            print(f"{outcomes[-1].kind}: {outcomes[-1].outcome}", file=sys.stderr, flush=True)
    return outcomes


def report(
    kills: Counter[str],
    differences: Sequence[str],
    outcomes: Sequence[FlipOutcome],
    seconds: float,
    took: float,
    options: argparse.Namespace,
) -> None:
    """Print the tables and keep them."""
    lines = [
        "# Kills and flipped bits", "",
        f"`python benchmarks/faults.py --kills {options.kills} --flips {options.flips} --seed {options.seed}`: "
        f"{took / 60:.0f} minutes, {options.workers} runs at a time; an undisturbed run takes {seconds:.0f} s.", "",
        f"{sum(kills.values())} SIGKILLs: {len(differences)} other results.", "",
        "| killed in | kills |", "| --- | --- |",
        *(f"| {stage} | {kills[stage]} |" for stage in (*STAGES, "reports")), "",
        f"{len(outcomes)} flipped bits: {sum(one.is_fault for one in outcomes)} trusted, silent or fatal.", "",
        "| kept file | flips | mended and told | refused | not read |", "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for kind in sorted({one.kind for one in outcomes}):
        counts = Counter(one.outcome for one in outcomes if one.kind == kind)
        lines.append(
            f"| {kind} | {sum(counts.values())} | {counts['mended']} | {counts['refused']} | {counts['unread']} |"
        )
    lines += ["", *(f"- {text}" for text in differences)]
    lines += [f"- {one.kind}, {one.where}: {one.outcome}" for one in outcomes if one.is_fault]
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if (options.kills, options.flips) == (200, 40):
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
