"""How long a wrong command line takes to be answered: a process each, wall clock.

python benchmarks/command_line.py --count 60
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


def seconds_of(words: list[str], place: str) -> float:
    """Run a wrong command line and return its seconds.

    Raises:
        SystemExit: it did not end with 2, or showed a traceback.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "secft", *words], cwd=place, env=HERE, capture_output=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode != 2 or b"Traceback" in done.stderr:
        raise SystemExit(f"{words}: {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return seconds


def main() -> None:
    from tests.config.wrong_lines import wrong_lines

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    arguments = parser.parse_args()
    lines = [line for line in wrong_lines(arguments.count, arguments.seed) if not any("\0" in word for word in line)]
    lines = [line for line in lines if all(len(word) < 100_000 for word in line)]
    with tempfile.TemporaryDirectory() as place:
        seconds = [seconds_of(line, place) for line in lines]
        left = [path.name for path in Path(place).iterdir()]
    print(f"{len(lines)} wrong command lines: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")
    print(f"left behind: {left or 'nothing'}")


if __name__ == "__main__":
    main()
