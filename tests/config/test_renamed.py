"""Old names of settings are taken, and what is new is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.__main__ import main
from secft.config.renamed import RENAMED, with_new_names


def test_old_names_move_with_what_lies_below_them() -> None:
    overrides, messages = with_new_names(["engine=ray", "engine.workers=2", "trainer.epochs=2", "+engine.name=local"])
    assert overrides == ["executor=ray", "executor.workers=2", "trainer.epochs=2", "+executor.name=local"]
    assert [message.partition("; ")[0] for message in messages] == ["engine is called executor now"] * 3
    assert "+executor.name=local is taken for +engine.name=local" in messages[2]


def test_an_old_group_is_removed_and_placed_by_its_new_name() -> None:
    assert with_new_names(["~engine", "engine@other=ray"])[0] == ["~executor", "executor@other=ray"]


def test_no_new_name_is_an_old_one() -> None:
    assert not set(RENAMED) & set(RENAMED.values())
    assert with_new_names(["enginee=ray", "model=tiny"]) == (["enginee=ray", "model=tiny"], [])


def test_an_old_spelling_works_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["engine=local", "engine.workers=3", "--cfg", "job"]) == 0
    shown = capsys.readouterr()
    assert "executor:\n  name: local\n  workers: 3" in shown.out
    assert "engine is called executor now" in shown.err


def test_a_setting_moves_without_its_group() -> None:
    overrides, messages = with_new_names(["dedup.engine=datasketch", "dedup=exact", "dedup.engines=x"])
    assert overrides == ["dedup.implementation=datasketch", "dedup=exact", "dedup.engines=x"]
    assert len(messages) == 1
    assert "dedup.engine is called dedup.implementation now" in messages[0]
