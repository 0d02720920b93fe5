"""One training in the environment of a backend: what its runner is told and what it leaves."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secft.train.backends.separate import SCRIPTS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(autouse=True)
def _scripts_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when a script is started by path; signal handlers and modules of those names are put back afterwards."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in ("facts", "guards", "ranks", "recording", "session", "stopping", "utilisation"):
        sys.modules.pop(name, None)


def module(name: str) -> Any:
    return importlib.import_module(name)


def adapted() -> Any:
    """A random model of two layers with adapters everywhere."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=64, **shape))
    return get_peft_model(model, LoraConfig(target_modules="all-linear", r=4, task_type="CAUSAL_LM"))


def rows() -> list[dict[str, Any]]:
    """Eight rows of ten tokens and two of padding; six tokens carry loss."""
    import torch

    torch.manual_seed(1)
    ids = torch.randint(1, 64, (8, 12))
    mask, labels = torch.ones_like(ids), ids.clone()
    mask[:, 10:], labels[:, :4], labels[:, 10:] = 0, -100, -100
    return [{"input_ids": i, "attention_mask": m, "labels": t} for i, m, t in zip(ids, mask, labels, strict=True)]


def trainer_in(directory: Path, callbacks: list[Any], model: Any = None, **changes: Any) -> Any:
    from transformers import PrinterCallback, Trainer, TrainingArguments

    values = {
        "output_dir": str(directory / "checkpoints"),
        "max_steps": 6,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 2,
        "logging_steps": 1,
        "save_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 2,
        "logging_nan_inf_filter": False,
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        **changes,
    }
    data = rows()
    trainer = Trainer(
        model=model or adapted(),
        args=TrainingArguments(**values),
        train_dataset=data,
        eval_dataset=data,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


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
