"""Documents name only what exists, and what they tell of the code is true."""

from __future__ import annotations

import re

import pytest

from tests.architecture.layers import ROOT, imported

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_only_what_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:secft|conf|docs|tests|benchmarks)/[\w./-]+)`", text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing
    links = list(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    broken = [link for link in links if not ((ROOT / name).parent / link).exists()]
    assert not broken


def test_a_reader_follows_one_run_through_eight_files() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\d\. `([\w/.]+)`", text.split("## Follow one run")[1].split("\n## ")[0], re.MULTILINE)
    assert len(steps) == 8
    assert steps[0] == "conf/run.yaml"
    known = {"__main__"}
    for step in steps[1:]:
        module = step.removeprefix("secft/").removesuffix(".py")
        assert module in known, f"{module} is imported by none of the files before it"
        known |= imported(module)
