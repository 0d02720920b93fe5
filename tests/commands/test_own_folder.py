"""A team's folder beside secft: its own source, model, gates, experiment and root, alone and in a sweep."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from secft.__main__ import main
from secft.config.command_line import CommandLine, read_command_line, split
from secft.config.roots import RUN

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "source/tickets.yaml": "# @package source.jsonl\ndefaults: [jsonl_schema, _self_]\npaths: [tickets.jsonl]\n",
    "source/mails.yaml": "# @package source.mails\ndefaults: ['jsonl_schema@_here_', _self_]\npaths: [mails.jsonl]\n",
    "model/ours.yaml": "defaults: [tiny, _self_]\nname: ours\n",
    "gates/strict.yaml": "defaults: [standard_schema, _self_]\ngeneral_margin: 0.02\n",
    "experiment/tickets.yaml": (
        "# @package _global_\ndefaults:\n  - override /source: [tickets]\n  - override /synthesis: none\n"
        "  - override /model: ours\n  - override /gates: strict\n  - _self_\ntrainer: {max_steps: 2}\n"
    ),
    "ours.yaml": "defaults: [run, override /model: ours, _self_]\nseed: 11\n",
}
ROWS = [
    {"messages": [{"role": "user", "content": f"What is weakness {number}, and how is it found?"},
                  {"role": "assistant", "content": f"Weakness {number} is number {number} of our list."}]}
    for number in range(40)
]  # fmt: skip


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / name).write_text(text, "utf-8")
    (tmp_path / "tickets.jsonl").write_text("\n".join(map(json.dumps, ROWS)), "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(*arguments: str) -> CommandLine:
    flags, overrides, _ = split(arguments)
    line = read_command_line(flags, overrides, RUN)
    assert not line.problems, line.problems
    return line


@pytest.mark.parametrize("folder", [["--config-dir", "conf"], ["hydra.searchpath=[file://conf]"], ["-cd", "conf"]])
def test_its_options_are_chosen_as_secfts_own(folder: list[str], team: Path) -> None:
    config = read(*folder, "+experiment=tickets", "+source=mails").configs[0]
    assert (config.model.name, config.gates.general_margin, config.trainer.max_steps) == ("ours", 0.02, 2)
    assert config.source["jsonl"].paths == ["tickets.jsonl"]
    assert (config.source["mails"].name, config.source["mails"].paths) == ("jsonl", ["mails.jsonl"])


def test_its_own_root_is_composed(team: Path) -> None:
    config = read("--config-dir", "conf", "--config-name", "ours", "trainer=dora").configs[0]
    assert (config.model.name, config.seed, config.trainer.name) == ("ours", 11, "dora")


def test_its_options_are_offered_and_shown(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config-dir", "conf", "model=our"]) == 2
    assert "Did you mean 'ours'?" in capsys.readouterr().err
    assert main(["--config-dir", "conf", "+experiment=tickets", "--cfg", "job", "--package", "gates"]) == 0
    assert "general_margin: 0.02" in capsys.readouterr().out
    assert main(["model=ours"]) == 2, "the folder is forgotten with its command"


def test_a_mistake_in_it_is_told_with_its_place(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (team / "conf/gates/strict.yaml").write_text("defaults: [standard_schema, _self_]\ngeneral_margn: 0.02\n", "utf-8")
    assert main(["--config-dir", "conf", "+experiment=tickets"]) == 2
    told = capsys.readouterr().err
    assert "general_margn" in told
    assert "Traceback" not in told


def test_it_is_planned_and_swept(team: Path) -> None:
    sweep = ["-m", "--config-dir", "conf", "+experiment=tickets", "dry_run=true", "seed=1,2"]
    done = subprocess.run([sys.executable, "-m", "secft", *sweep], cwd=team, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    rows = [json.loads(path.read_text("utf-8")) for path in sorted(team.glob("outputs/sweeps/*/jobs/*.json"))]
    assert [row["status"] for row in rows] == ["planned", "planned"], done.stderr
    assert done.stdout.count("documents from jsonl") == 2


@pytest.mark.slow
def test_it_works_from_a_wheel(team: Path) -> None:
    """The wheel's layout, unpacked beside nothing of the checkout: conf lies inside of the package there."""
    site = team / "site"
    for package in ("secft", "hydra_plugins"):
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "conf", site / "secft" / "conf")
    with zipfile.ZipFile(team / "secft.whl", "w") as wheel:  # what pip unpacks is what was packed
        for path in site.rglob("*"):
            wheel.write(path, path.relative_to(site))
    shutil.rmtree(site)
    with zipfile.ZipFile(team / "secft.whl") as wheel:
        wheel.extractall(site)
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import secft; assert secft.__file__.startswith({str(site)!r})"
    )
    program += "; from secft.__main__ import main; sys.exit(main(sys.argv[1:]))"
    for words, code in (
        (["--config-dir", "conf", "+experiment=tickets", "--cfg", "job"], 0),
        (["-m", "--config-dir", "conf", "+experiment=tickets", "seed=1,2", "eval.most_items=10", "eval.samples=0"], 3),
        (["runs", "list", "--json"], 0),
        (["settings", "trainer.lora.r"], 0),
    ):
        done = subprocess.run([sys.executable, "-c", program, *words], cwd=team, capture_output=True, text=True,
                              timeout=500, check=False)  # fmt: skip
        assert done.returncode == code, done.stderr
    runs = subprocess.run([sys.executable, "-c", program, "runs", "list", "--json"], cwd=team, capture_output=True,
                          text=True, timeout=60, check=True)  # fmt: skip
    assert {row["model"] for row in json.loads(runs.stdout)} == {"ours"}
