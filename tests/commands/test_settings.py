"""python -m secft settings: what it tells, what it writes, and that what it wrote is current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secft.__main__ import main
from secft.config.json_schema import json_schema
from secft.planning.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[2]


def test_one_setting_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "trainer.packing", "trainer=dpo"]) == 0
    told = capsys.readouterr().out
    for part in ("bool", "${hardware.packing}", "trainer=dpo", "value here  false", "train", "secft/config/schemas"):
        assert part in told


@pytest.mark.parametrize(
    ("key", "read_by"),
    [
        ("curation.split.test_fraction", "dataset"), ("source.cwe.limit", "documents"),
        ("gates.general_margin", "gates"),
        ("paths.outputs", "where things are kept"), ("sweep.trials", "sweeps"), ("trainer.shape.layers", "train"),
    ],
)  # fmt: skip
def test_the_stages_that_read_a_setting_are_told(key: str, read_by: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", key, "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["key"] == key
    assert read_by in facts["read_by"].split(", ")


def test_groups_leaves_and_words_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "trainer.lora"]) == 0
    assert "trainer.lora.alpha" in capsys.readouterr().out
    assert main(["settings", "learning_rate"]) == 0
    assert "trainer.learning_rate" in capsys.readouterr().out
    assert main(["settings", "--find", "near-duplicate"]) == 0
    assert "dedup" in capsys.readouterr().out
    assert main(["settings", "trainer=lora"]) == 0


def test_a_setting_that_is_not_there_is_2_with_a_guess(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "trainer.learnig_rate", "nosuchthing"]) == 2
    told = capsys.readouterr().err
    assert "2 problems" in told
    assert "Did you mean 'trainer.learning_rate'?" in told
    assert "--find TEXT" in told


def test_what_is_written_about_settings_is_current() -> None:
    again = "python -m secft settings --{} > docs/{}"
    assert (ROOT / "docs/settings.md").read_text("utf-8") == settings_page(), again.format("markdown", "settings.md")
    written = json.loads((ROOT / "docs/settings.schema.json").read_text("utf-8"))
    assert written == json_schema(), again.format("schema", "settings.schema.json")
