"""How many right and wrong answers each check of a teacher's pairs accepts, on pairs that people labelled.

    python benchmarks/groundedness.py ../shared/cases/data/25-grounded-pairs/pairs.jsonl
    python benchmarks/groundedness.py PAIRS --judge llm=openai llm.base_url=http://127.0.0.1:8000/v1 llm.model=qwen3
    python benchmarks/groundedness.py PAIRS --judge llm=llama_cpp
    python benchmarks/groundedness.py benchmarks/teacher_questions.jsonl

A row of PAIRS has ``subject``, ``passage``, ``question``, ``answer``, ``right`` (true or false) and ``kind``; the
answer may be ``quoted``, and ``aspect`` and ``about`` tell what a passage is about. benchmarks/teacher_questions.jsonl
holds questions that the embedded model wrote about passages of CWE and ATT&CK, drawn by chance from accepted and
rejected ones; right are those that a person would ask and that the passage answers: natural, about its subject, not
given away. The first table is that of the rules alone; with --judge the model of the overrides that follow reads every
passage and claim. ``--show`` prints what was decided wrongly. Wanted of a judge: at most 5 % of the wrong ones, at
least 80 % of the right ones of every kind.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from secft.chat.session import open_llm  # noqa: E402
from secft.config.compose import read_config  # noqa: E402
from secft.dataset.teacher.checks import Pair, Rules, reject  # noqa: E402
from secft.dataset.teacher.claims import ClaimJudge  # noqa: E402
from secft.dataset.teacher.passages import Passage  # noqa: E402
from secft.dataset.text import sentences  # noqa: E402
from secft.reasons import Reason  # noqa: E402
from secft.records import Document  # noqa: E402

Row = Mapping[str, Any]
Verdicts = Sequence[Reason | None]


def passage_of(row: Row) -> Passage:
    """Return the passage of a row as a teacher is shown it."""
    official, _, title = row["subject"].partition(" ")
    if not re.fullmatch(r"[A-Z]+-?\d[\w.()-]*", official):
        official, title = "labelled", row["subject"]
    document = Document(official, row.get("about", "guide"), title, row["passage"], {}, "labelled", "1", "", "")
    return Passage(document, row.get("aspect", "description"), 0, ("text",), tuple(sentences(row["passage"])))


def pair_of(row: Row) -> Pair:
    """Return question and answer of a row."""
    return Pair(row["question"], row["answer"], quoted=row.get("quoted", False))


def by_rules(rows: Sequence[Row], grounded: float, judged: bool) -> Verdicts:
    """Return what the rules say against each pair.

    Args:
        rows: labelled pairs.
        grounded: share of content words that must stand in the passage.
        judged: only rules that are certain; a model decides about the rest.
    """
    rules = Rules(grounded, frozenset(), frozenset(), judged)
    return [reject(pair_of(row), passage_of(row), rules) for row in rows]


def by_judge(rows: Sequence[Row], overrides: Sequence[str]) -> Verdicts:
    """Return what the certain rules, and after them the judge, say against each pair."""
    found = list(by_rules(rows, 0.9, judged=True))
    judge = ClaimJudge(None)
    asked = [
        (place, question)
        for place, row in enumerate(rows)
        if found[place] is None
        for question in judge.questions((pair_of(row),), "", passage_of(row))
    ]
    config = read_config(list(overrides)).llm
    with tempfile.TemporaryDirectory(prefix="secft-replies-") as cache, open_llm(config, Path(cache)) as llm:
        answers = llm.ask_all(question.request for _, question in asked)
        for (place, question), answer in zip(asked, answers, strict=True):
            found[place] = found[place] or question.verdict(answer)
    return found


def table(rows: Sequence[Row], checks: Mapping[str, Verdicts]) -> str:
    """Return the accepted pairs of each kind, for each check."""
    kinds: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        kinds[row["right"], row["kind"]].append(place)
        kinds[row["right"], "all right ones" if row["right"] else "all wrong ones"].append(place)
    head = ["pairs", "number", *checks]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    for (right, kind), places in sorted(kinds.items(), key=lambda item: (not item[0][0], item[0][1])):
        cells = [
            f"{sum(verdicts[place] is None for place in places) / len(places):.0%}" for verdicts in checks.values()
        ]
        lines.append(f"| {'right' if right else 'wrong'}: {kind} | {len(places)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--judge", nargs="*", metavar="key=value", help="ask the model of these settings, too")
    parser.add_argument("--show", action="store_true", help="print what was decided wrongly")
    given = parser.parse_args(arguments)
    rows = [json.loads(line) for line in given.pairs.read_text(encoding="utf-8").splitlines() if line.strip()]
    checks: dict[str, Verdicts] = {}
    made: dict[str, Callable[[], Verdicts]] = {
        "rules, grounded=0.9": lambda: by_rules(rows, 0.9, judged=False),
        "rules, grounded=0.5": lambda: by_rules(rows, 0.5, judged=False),
        "certain rules only": lambda: by_rules(rows, 0.9, judged=True),
    }
    if given.judge is not None:
        made["certain rules and judge"] = lambda: by_judge(rows, given.judge)
    for name, make in made.items():
        checks[name] = make()
    print("Share of pairs that are accepted.\n")
    print(table(rows, checks))
    if given.show:
        for name, verdicts in checks.items():
            for row, verdict in zip(rows, verdicts, strict=True):
                if (verdict is None) != row["right"]:
                    told = verdict.text() if verdict else "accepted"
                    print(f"\n{name}: {row['kind']}: {told}\n  {row['question']}\n  {row['answer']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
