"""What the PDF source reads, and how fast, beside other extractors: words missing, reading order, cells right.

Run: python benchmarks/pdf.py ../shared/data/owasp/pdf --markdown ../shared/data/owasp/asvs --python VENV/bin/python

Each engine reads all files in a process of its own (benchmarks/pdf_engines.py); other engines than secft and PDFium run
in the interpreters that ``--python`` names, environments with any of pdfplumber, pymupdf4llm, pdf_oxide, pypdf,
pdfminer.six and docling. An engine that is not there, or cannot run, is told with its last message.

Truth comes from three places: documents made here (benchmarks/pdf_set.py); ``--markdown``, the chapters that
owasp-asvs-5.0.pdf was made from; tables and boxes of a published file labelled by hand (benchmarks/pdf_labels.json).
``--requirements PDF CSV`` adds a release of ASVS 4.0 and its table as published.

- words missing: words of four letters or more that PDFium and pypdf both find, less running lines and contents,
  and the engine does not.
- order: pairs of neighbours in the truth that stand in this order; a sentence that is not found counts as wrong.
- cells: cells of the truth that stand in a table of the engine, in the row that begins alike, at their place.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
from pdf_engines import ENGINES, rows_of_markdown
from pdf_set import make

from secft.dataset import collect
from secft.dataset.sources.pdf import PdfSource
from secft.dataset.sources.reading.paths import expand_paths
from secft.dataset.sources.source import ReadLog

HERE = Path(__file__).resolve().parent
TICKS = str.maketrans(dict.fromkeys("✔✓\uf0fcü", "x"))
DIVIDED = re.compile(r"\S+(?:[\x02\ufffe\u00ad]\s*|[-\u2010\u2011]\r?\n)\S+")
"""A word that the end of a line divides: engines may make it whole."""
OWN = ("secft", "pdfium")
Output = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Truth:
    """What a file holds: rows of its tables, and runs of text in reading order."""

    rows: list[list[str]] = field(default_factory=list)
    sequences: list[list[str]] = field(default_factory=list)


def run(engine: str, pythons: Sequence[str], paths: Sequence[str], timeout: float) -> Output | str:
    """Return what an engine finds in files, or why it cannot run in any of the interpreters."""
    found: Output | str = "no interpreter"
    for python in [sys.executable] if engine in OWN else pythons:
        found = run_in(python, engine, paths, timeout)
        if not isinstance(found, str) or "No module named" not in found:
            break
    return found


def run_in(python: str, engine: str, paths: Sequence[str], timeout: float) -> Output | str:
    """Return what an engine finds in files with one interpreter, or why it cannot run."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "HF_HUB_OFFLINE": "1"}
    command = [python, str(HERE / "pdf_engines.py"), engine, *paths]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    except subprocess.TimeoutExpired:
        return f"not done after {timeout:.0f} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1][:160]
    found: Output = json.loads(done.stdout[done.stdout.index("{") :])
    return found


def plain(text: str) -> str:
    """Return letters and digits of a text, in lower case, ticks as ``x``."""
    return re.sub(r"[\W_]", "", text.translate(TICKS).replace("●", "x")).lower()


def order(text: str, sequences: Iterable[Sequence[str]]) -> tuple[int, int]:
    """Return how many neighbours stand in their order, of how many."""
    flat = plain(text)
    right = total = 0
    for sequence in sequences:
        places = [flat.find(plain(sentence)[:60]) for sentence in sequence]
        right += sum(0 <= a < b for a, b in pairwise(places))
        total += len(places) - 1
    return right, total


def cells(rows: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return how many cells stand at their place, of how many; the first cell finds the row."""
    known: dict[str, list[Sequence[str]]] = {}
    for row in rows:
        known.setdefault(plain(row[0]), []).append(row)
    right = 0
    for wanted in truth:
        found = [row for row in known.get(plain(wanted[0]), []) if len(row) >= len(wanted)]
        right += max((sum(plain(a) == plain(b) for a, b in zip(row, wanted, strict=False)) for row in found), default=0)
    return right, sum(map(len, truth))


def words(text: str) -> Counter[str]:
    """Return the words of a text of four letters or more."""
    return Counter(re.findall(r"[^\W\d_]{4,}", text.lower()))


def reference(path: str, other: str) -> Counter[str]:
    """Return the words of a file without running lines and contents, as two engines find them."""
    with pypdfium2.PdfDocument(path) as document:
        texts = [page.get_textpage().get_text_range() for page in document]
    pages = [DIVIDED.sub(" ", text).splitlines() for text in texts]
    masked = [{re.sub(r"\d+", "0", line.strip()) for line in [*page[:3], *page[-3:]]} for page in pages]
    running = {line for line, count in Counter(line for page in masked for line in page).items() if count >= 3}
    kept = [
        line
        for page in pages
        for line in page
        if re.sub(r"\d+", "0", line.strip()) not in running and not re.search(r"(?:[.…]\s?){5}", line)
    ]
    first, second = words("\n".join(kept)), words(other)
    return first & second


def markdown_truth(folder: Path) -> Truth:
    """Return the requirements and paragraphs of the chapters of ASVS 5.0."""
    truth = Truth()
    for path in sorted(folder.glob("0x[12]*-V*.md")):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", path.read_text(encoding="utf-8"))
        rows = [row for row in rows_of_markdown(text) if re.fullmatch(r"\d+\.\d+\.\d+", row[0])]
        truth.rows += rows
        truth.sequences.append([line for line in text.splitlines() if len(plain(line)) >= 60 and "|" not in line])
        truth.sequences.append([row[1] for row in rows])
    return truth


def csv_truth(path: Path) -> Truth:
    """Return the requirements of a release of ASVS 4.0 as its table has them."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        found = list(csv.DictReader(stream))
    link = re.compile(r"\[([^]]*)\]\([^)]*\)")
    names = ("level1", "level2", "level3", "cwe")
    return Truth(
        [
            [row["req_id"].removeprefix("V"), link.sub(r"\1", row["req_description"]), *(row[n] for n in names)]
            for row in found
        ]
    )


def share(pairs: Iterable[tuple[int, int]]) -> str:
    """Return a part as per cent."""
    counts = list(pairs)
    total = sum(whole for _, whole in counts)
    return f"{100 * sum(part for part, _ in counts) / total:.1f}" if total else "-"


def line(
    engine: str, found: Output | str, base: Output, groups: Sequence[dict[str, Truth]], published: list[str]
) -> str:
    """Return the row of an engine in the table."""
    if isinstance(found, str):
        return f"| {engine} | {found} | | | | | |"
    seconds = sum(found[path]["seconds"] for path in published)
    pages = sum(found[path]["pages"] for path in published)
    lost = [words_missing(path, found[path]["text"], base[path]["text"]) for path in published]
    ordered = share(order(found[path]["text"], truth.sequences) for group in groups for path, truth in group.items())
    shares = []
    for group in groups:
        tables = [(found[path]["tables"], truth.rows) for path, truth in group.items() if truth.rows]
        shares.append(
            share(cells(rows, wanted) for rows, wanted in tables) if tables and tables[0][0] is not None else "none"
        )
    return f"| {engine} | {pages / seconds:.0f} | {share(lost)} | {ordered} | {' | '.join(shares)} |"


def words_missing(path: str, text: str, other: str) -> tuple[int, int]:
    """Return how many words of a file an engine does not find, of how many."""
    wanted = reference(path, other)
    return sum((wanted - words(text)).values()), sum(wanted.values())


def source_line(paths: list[str]) -> str:
    """Return what the whole source does with files, the start of its process included."""
    config, log = PdfSource(paths=paths), ReadLog()
    start = time.perf_counter()
    documents = collect.read_documents(config, log)
    wall = time.perf_counter() - start
    short = sum(len(document.text.split()) < 12 for document in documents)
    return (
        f"The source: {len(documents)} documents in {wall:.1f} s of wall time with the start of its process; "
        f"{short} of fewer than 12 words; refused: {log.tally.dropped or 0}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--requirements", nargs=2, type=Path, metavar=("PDF", "CSV"))
    parser.add_argument("--python", nargs="+", default=[sys.executable])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--timeout", type=float, default=900.0)
    asked = parser.parse_args()
    published = [str(path) for path in expand_paths(asked.paths, (".pdf",))]
    labels = json.loads((HERE / "pdf_labels.json").read_text(encoding="utf-8"))
    by_hand = {path: Truth(**labels[Path(path).name]) for path in published if Path(path).name in labels}
    original = {path: markdown_truth(asked.markdown) for path in published if asked.markdown and "asvs-5" in path}
    with tempfile.TemporaryDirectory() as folder:
        made = {
            str(Path(folder) / f"{document.name}.pdf"): Truth(list(map(list, document.rows)), [document.sentences])
            for document in make(Path(folder))
        }
        groups = [made, original, by_hand]
        names = ["made", "ASVS 5.0", "labelled"]
        paths = [*published, *made]
        if asked.requirements:
            groups.append({str(asked.requirements[0]): csv_truth(asked.requirements[1])})
            names.append("ASVS 4.0")
            paths.append(str(asked.requirements[0]))
        base = run("pypdf", asked.python, paths, asked.timeout)
        if isinstance(base, str):
            raise SystemExit(f"pypdf is needed to count words, in {asked.python}: {base}")
        print(f"`python benchmarks/pdf.py {' '.join(sys.argv[1:])}`\n")
        print(
            f"| engine | pages/s | words missing, % | order, % | {' | '.join(f'cells, {name}, %' for name in names)} |"
        )
        print("|---|" + "---:|" * (3 + len(names)), flush=True)
        for engine in asked.engines:
            found = base if engine == "pypdf" else run(engine, asked.python, paths, asked.timeout)
            print(line(engine, found, base, groups, published), flush=True)
        for group, name in zip(groups, names, strict=True):
            count = sum(len(row) for truth in group.values() for row in truth.rows)
            pairs = sum(len(sequence) - 1 for truth in group.values() for sequence in truth.sequences if sequence)
            print(f"\n{name}: {len(group)} files, {count:,} cells, {pairs:,} pairs in order.", end="")
    print(f"\n\n{source_line(asked.paths)}")


if __name__ == "__main__":
    main()
