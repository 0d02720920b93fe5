"""One training in the environment of a backend: what its runner is told and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.train.backends.separate import SCRIPTS
from tests.train.runners.trainers import module, trainer_in

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def session_in(directory: Path, **changes: Any) -> Any:
    facts = {
        "progress": {"job_digest": "abc"},
        "patience": 0,
        "threshold": 0.0,
        "keep_best": False,
        "validates": True,
        "base_model_name": "org/base",
        "objective": "sft",
        "precision": "fp32",
        "examples": 8,
        "dropped": 1,
        "truncated": 0,
        **changes,
    }
    (directory / "runner.json").write_text(json.dumps(facts))
    return module("session").Session.open(directory, "here")


def test_a_session_ends_with_an_adapter_that_names_its_base(tmp_path: Path) -> None:
    session = session_in(tmp_path, keep_best=True)
    trainer = trainer_in(tmp_path, session.callbacks())
    trainer.train()
    assert not session.needs_evaluation(6)
    trainer.save_model()
    (tmp_path / "engine").mkdir()
    session.finish(tmp_path / "checkpoints", 6, ())
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    config = json.loads((tmp_path / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "org/base"
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["job_digest"], result["dropped"]) == ("abc", 1)
    assert result["final_validation_loss"] == result["best_validation_loss"]
    assert not [name for name in ("engine", "checkpoints", "best") if (tmp_path / name).exists()]


def test_another_rendering_is_told_where_it_differs() -> None:
    session = module("session")
    expected = {"text": "<s>user\nHi\n<e>answer<e>\n", "trained": "answer<e>"}
    session.compare(expected, "<s>user\nHi\n<e>answer<e>", "answer<e>\n")
    with pytest.raises(session.RowsError, match="at character 7 the chat template has"):
        session.compare(expected, "<s>user Hi\n<e>answer<e>", None)
    with pytest.raises(session.RowsError, match="the trained part differs"):
        session.compare(expected, expected["text"], "Hi\n<e>answer<e>")


def test_scripts_import_nothing_of_secft() -> None:
    for path in SCRIPTS.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import secft" not in text
        assert "from secft" not in text


def test_a_wrong_template_leaves_with_the_code_of_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        module("session").refuse("the template differs")
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: the template differs\n"
