"""What all commands have in common: the table, the grammar, wrong use, several jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.__main__ import COMMANDS, command_named, main
from secft.config.compose import compose
from secft.config.store import conf_directory


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_a_module_with_a_root_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = command_named(name)
    assert command.name == name
    assert (conf_directory() / f"{command.root.name}.yaml").is_file()
    assert isinstance(compose(command.root, []), command.root.schema)
    assert main([name, "--help"]) == 0
    assert name in capsys.readouterr().out
    assert main([name, "--cfg", "job"]) == 0
    assert "paths:" in capsys.readouterr().out


def test_a_setting_of_another_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "list", "trainer=lora", "paths.dta=x"]) == 2
    said = capsys.readouterr().err
    assert "2 problems" in said
    assert "trainer: no such setting. Allowed: paths." in said


def test_wrong_words_and_wrong_settings_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "show", "paths.dta=x"]) == 2
    said = capsys.readouterr().err
    assert "the following arguments are required: NAME" in said
    assert "Did you mean 'paths.data'?" in said


def test_a_run_takes_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "trainer.lora.r=8", "now"]) == 2
    assert "now: is one word too many" in capsys.readouterr().err


def test_a_surplus_word_is_no_misspelling(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "list", "lst", "--jsn"]) == 2
    said = capsys.readouterr().err
    assert "lst: is one word too many." in said
    assert "--jsn: is no flag here. Did you mean '--json'?" in said
    assert "Did you mean 'list'" not in said
    assert "--cfg job" in said


@pytest.mark.parametrize("shown", ["--cfg=job", "--info=defaults-tree", "-c=job"])
def test_showing_a_configuration_starts_nothing(
    shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["model=tiny", shown]) == 0
    assert capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "junk", "--cfg", "job"], "junk: is one word too many"),
        (["run", "--flagg", "--cfg", "job"], "--flagg: is no flag here"),
        (["dataset", "lst", "--cfg", "job"], "Did you mean 'list'?"),
        (["="], "=: is one word too many"),
    ],
)
def test_wrong_words_are_refused_where_a_configuration_is_shown(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_a_verb_without_its_words_shows_its_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "show", "--cfg", "job"]) == 0
    assert "paths:" in capsys.readouterr().out


def test_several_jobs_of_a_command_are_done_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "list", "-m", f"paths.data={tmp_path}/a,{tmp_path}/b"]) == 0
    said = capsys.readouterr().out
    assert f"There is no dataset in {tmp_path}/a" in said
    assert f"There is no dataset in {tmp_path}/b" in said


def test_an_unknown_task_is_one_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval.tasks=[nosuch]"]) == 2
    said = capsys.readouterr().err
    assert "1 problem in the configuration" in said
    assert "eval.tasks = 'nosuch': is not a choice" in said
