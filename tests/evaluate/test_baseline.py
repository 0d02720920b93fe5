"""Answers of the base model that are kept: found again, and never used where they are not what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.evaluate.baseline import Baseline

ANSWERS = [{"text": "CWE-79", "right": True}, {"text": "CWE-89", "right": False}]


def test_answers_come_back_for_the_same_facts_only(tmp_path: Path) -> None:
    Baseline(tmp_path, {"base": "a"}).put("choices", "q", ANSWERS)
    assert Baseline(tmp_path, {"base": "a"}).get("choices", "q") == ANSWERS
    assert Baseline(tmp_path, {"base": "b"}).get("choices", "q") is None
    assert Baseline(tmp_path, {"base": "a"}).get("choices", "r") is None
    assert Baseline(tmp_path, {"base": "a"}).get("refusal", "q") is None


@pytest.mark.parametrize(
    "damaged",
    [
        lambda text: text.replace("false", "true"),
        lambda text: text.replace("CWE-79", "CWE-78"),
        lambda text: "\0" * len(text),
        lambda text: text[:-20],
        lambda text: "[]",
    ],
)
def test_changed_answers_are_told_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: object
) -> None:
    kept = Baseline(tmp_path, {"base": "a"})
    kept.put("choices", "q", ANSWERS)
    (path,) = tmp_path.glob("*.json")
    path.write_text(damaged(path.read_text()))  # type: ignore[operator]
    assert kept.get("choices", "q") is None
    assert "the base model is asked again" in capsys.readouterr().err
    kept.put("choices", "q", ANSWERS)
    assert kept.get("choices", "q") == ANSWERS
