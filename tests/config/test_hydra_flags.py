"""Flags, folders and settings of Hydra: taken as its users know them, or refused by name with a remedy."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from secft.__main__ import main
from secft.config.command_line import CommandLine, read_command_line, split
from secft.config.roots import RUN
from secft.files import plain


def read(*arguments: str) -> CommandLine:
    flags, overrides, words = split(arguments)
    assert not words
    return read_command_line(flags, overrides, RUN)


def told(*arguments: str) -> str:
    return "\n".join(map(str, read(*arguments).problems))


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        ("--config-path=/tmp", "--config-dir DIR"),
        ("--experimental-rerun=x", "--config-name config"),
        ("--package=trainer", "Add --cfg job"),
        ("--resolve", "Add --cfg job"),
        ("hydra.run.dir=x", "paths.outputs=DIR"),
        ("hydra.sweep.subdir=x", "paths.outputs=DIR"),
        ("hydra.job.chdir=true", "relative to the directory"),
        ("hydra/job_logging=none", "run.log"),
        ("hydra.verbose=true", "run.log"),
        ("hydra.launcher.n_jobs=2", "Add -m"),
        ("hydra.nope=1", "hydra/launcher"),
        ("+hydra.callbacks.x._target_=os.system", "names none"),
    ],
)
def test_what_does_nothing_here_is_refused_with_what_does(argument: str, remedy: str) -> None:
    problems = read(argument).problems
    assert [problem.key for problem in problems] == [argument.partition("=")[0].lstrip("+")]
    assert remedy in str(problems[0])


@pytest.mark.parametrize(
    "value", ["auditoría", "a#b", "a=b", "~/x", "it's", 'say "no"', "año 2026: uno", "日本", "a]b", "50%"]
)
def test_the_remedy_of_a_value_that_needs_quotes_works(value: str) -> None:
    problems = read(f"evidence.agent={value}").problems
    if not problems:  # Hydra reads it as it is
        assert read(f"evidence.agent={value}").configs[0].evidence.agent == value
        return
    words = shlex.split(problems[0].remedy.removeprefix("Write ").removesuffix("."))
    line = read(*words)
    assert not line.problems
    assert line.configs[0].evidence.agent == value


def test_a_list_takes_one_value_and_is_added_to() -> None:
    config = read("eval.tasks=refusal", "+trainer.lora.target_modules=[q_proj]", "+source=sigma",
                  "source.sigma.paths=rules").configs[0]  # fmt: skip
    assert config.eval.tasks == ["refusal"]
    assert config.trainer.lora.target_modules == ["all-linear", "q_proj"]
    assert list(config.source) == ["cwe", "attack", "sigma"]
    assert config.source["sigma"].paths == ["rules"]


def test_hydra_is_given_what_it_reads_the_same_way() -> None:
    line = read("-m", "eval.tasks=refusal,over_refusal", "+source=sigma", "source.sigma.paths=r", "seed=1,2",
                "eval.max_items={refusal:5},{refusal:6}", "+trainer.lora.target_modules=q_proj")  # fmt: skip
    assert not line.problems
    assert len(line.configs) == 8
    assert line.arguments[0] == "--multirun"
    assert 'eval.tasks=["refusal"],["over_refusal"]' in line.arguments
    assert "source=[cwe,attack,sigma]" in line.arguments
    assert 'trainer.lora.target_modules=["all-linear", "q_proj"]' in line.arguments
    assert "++eval.max_items={refusal:5},{refusal:6}" in line.arguments
    assert {config.eval.max_items["refusal"] for config in line.configs} == {5, 6}


def test_options_are_globbed() -> None:
    names = [config.trainer.name for config in read("-m", "trainer=glob(d*)").configs]
    assert names == ["dora", "dpo"]


def test_every_job_of_a_sweep_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-m", "seed=1,2", "--cfg", "job"]) == 0
    jobs = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [job["seed"] for job in jobs] == [1, 2]


def test_a_shown_configuration_tells_what_settings_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model=tiny", "--cfg", "job", "--resolve"]) == 0
    shown = capsys.readouterr().out
    assert "r: 16" in shown
    assert "# Rank. Allowed: 1 to 1024." in shown
    settings = yaml.safe_load(shown)
    assert settings["model"]["architecture"]["layers"] == 2
    assert isinstance(settings["trainer"]["micro_batch_size"], int)
    assert main(["--cfg", "job", "--package", "trainer.lora"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["alpha"] == 32


def test_what_is_shown_is_what_hydra_shows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence.agent='two: words # and signs'", "--cfg", "job"]) == 0
    own = yaml.safe_load(capsys.readouterr().out)
    assert main(["evidence.agent='two: words # and signs'", "--cfg", "all"]) == 0
    hydras = yaml.safe_load(capsys.readouterr().out)
    del hydras["hydra"]
    assert own == hydras


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-sc", f"install={shell}"]) == 0
    assert "complete" in capsys.readouterr().out


def test_words_are_completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COMP_LINE", "secft trainer=ql")
    monkeypatch.setenv("COMP_POINT", "16")
    assert main(["-sc", "query=bash"]) == 0
    assert "trainer=qlora" in capsys.readouterr().out.split()


def test_a_run_is_given_back_by_its_own_configuration(tmp_path: Path) -> None:
    before = read("+experiment=preferences", "source.jsonl.paths=[x.jsonl]", "seed=5", "trainer.lora.r=4").configs[0]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(plain(before), sort_keys=False), encoding="utf-8")
    given = ("--config-dir", str(tmp_path), "--config-name", "config")
    line = read(*given)
    assert not line.problems
    # What hardware decided stands in the file, and is a value that was given: it is not decided again.
    assert line.configs[0] == replace(before, hardware=replace(before.hardware, fitted=[]))
    other = read(*given, "trainer=orpo", "seed=6").configs[0]
    assert (other.trainer.name, other.seed, other.source["jsonl"].paths) == ("orpo", 6, ["x.jsonl"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: [", "cannot be read"), ("- a", "is no mapping"), ("trainer: {name: nosuch}", "trainer.name"),
        ("sed: 3", "sed"), ("defaults: [run, _self_]\nhydra: {run: {dir: x}}", "settings of Hydra"),
        ("defaults: [run, {override /model: nosuch}, _self_]", "nosuch"), ("trainer: {name: lora, rr: 3}", "rr"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    assert said in told("--config-dir", str(tmp_path), "--config-name", "ours")


def test_a_folder_that_is_not_there_is_told() -> None:
    assert "is no folder" in told("--config-dir", "/no/such/folder")
    assert "is no folder" in told("hydra.searchpath=[file:///no/such]")
    assert "is no folder of this machine" in told("hydra.searchpath=[pkg://os]")
    assert "Add the folder" in told("--config-name", "nosuch")


def test_arguments_of_a_given_folder_stay_with_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ours.yaml").write_text(json.dumps({"defaults": ["tiny", "_self_"], "name": "ours"}))
    line = read(f"hydra.searchpath=[{tmp_path}]", "model=ours")
    assert not line.problems
    assert line.configs[0].model.name == "ours"
    assert told("model=ours").startswith("model = 'ours': is not an option.")
