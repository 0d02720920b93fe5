"""Documents name only what exists, and what they tell of the code is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from secft.__main__ import COMMANDS, command_named, main
from secft.config.command_line import read_command_line, split
from secft.config.renamed import with_new_names
from secft.pipelines import pipeline_of
from tests.architecture.layers import ROOT, imported

DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
LOOKING = ("settings", "runs", "doctor")
"""Commands that look at what is there, and do nothing."""
CONF = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "conf").rglob("*.yaml"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_only_what_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:secft|conf|docs|tests|benchmarks)/[\w./-]+)`", text)
    # NAME stands for something that a reader adds: what it is added to must be there.
    missing = [path for path in paths if not (ROOT / path.split("NAME")[0]).exists()]
    assert not missing
    links = list(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    broken = [link for link in links if not ((ROOT / name).parent / link).exists()]
    assert not broken


def commands_of(name: str) -> list[str]:
    """Return the command lines of a document: whole lines, spans of code, and the heads of options."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^(?:\$ |# )?(python -m secft[^\n`]*)", text, re.MULTILINE)
    found += re.findall(r"`(python -m secft[^`\n]*)`", text)
    return [re.split(r"\s{2,}|\s#|\s\.\.\.|\s\(|\\$", line)[0].strip() for line in found]


@pytest.mark.parametrize("line", dict.fromkeys(line for name in [*DOCUMENTS, *CONF] for line in commands_of(name)))
def test_commands_in_documents_are_there(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = shlex.split(line)[3:]
    word = arguments[0] if arguments and re.fullmatch(r"[a-z]+", arguments[0]) else "run"
    assert word in COMMANDS, line
    command = command_named(word)
    flags, overrides, words = split(arguments[1:] if arguments[:1] == [word] else arguments)
    overrides, old = with_new_names(overrides)
    assert not old, "documents use the names that settings have now"
    if words and "--help" not in words and not set(words) & {"--version"}:
        command.parse(words)
    told = [text for text in overrides if "<" not in text and "…" not in text]
    read = read_command_line(flags, told, command.root_of(words))
    wrong = [problem for problem in read.problems if problem.reason not in ("must be given", "no such file")]
    assert not wrong or "learnig_rate" in line, wrong
    if word == "run" and not wrong and not read.shows_only:
        impossible = [
            problem for config in read.configs for problem in pipeline_of(config).problems(config, machine=False)
        ]
        assert not [problem for problem in impossible if "no such" not in problem.reason], line
    monkeypatch.chdir(tmp_path)
    looks = word in LOOKING and not set(words) & {"--fix", "rm"}
    if looks or read.shows_only or set(words) & {"--help", "--version"}:
        assert main(arguments) in (0, 2), line  # 2: what it is to show is not here
        assert "Traceback" not in capsys.readouterr().err


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
