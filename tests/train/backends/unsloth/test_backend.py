"""backend=unsloth: what is rendered, what is refused, and, where its environment is there, trainings on this CPU."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.config.schemas.training import QuantizationConfig
from secft.errors import InputError
from secft.models.base_model import BaseModel
from secft.train import TrainJob, backend_named, run_training
from secft.train.backends.separate import SCRIPTS
from secft.train.backends.unsloth import backend as unsloth
from secft.train.backends.unsloth.backend import UnslothBackend
from secft.train.checkpoints import CheckpointProgress, mark_complete
from secft.train.environments.lock import lock_of
from secft.train.environments.place import ready
from secft.train.metrics import read_metrics
from secft.train.objectives import OBJECTIVES
from secft.train.rows import load_examples
from tests.train.conftest import write_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
ROOT = Path(__file__).resolve().parents[4] / ".backends"
Make = Callable[..., TrainJob]
ASK = [{"role": "user", "content": "Name the weakness."}]
SHARED = {"id": "a", "prompt": ASK}
VIEWS: dict[str, dict[str, Any]] = {
    **{
        name: {
            **SHARED,
            "chosen": [{"role": "assistant", "content": "CWE-79 it is."}],
            "rejected": [{"role": "assistant", "content": "CWE-80 perhaps."}],
        }
        for name in ("dpo", "orpo", "simpo", "reward")
    },
    "kto": {**SHARED, "completion": [{"role": "assistant", "content": "CWE-79 it is."}], "label": True},
    "grpo": {**SHARED, "answer": "CWE-79", "choices": []},
    "continue": {"id": "a", "text": "Cross-site scripting is the failure to neutralise input. " * 20},
}


def view(job: TrainJob, objective: str) -> dict[str, Any]:
    """Write rows of an objective beside a job's own and return the changes of the job."""
    row = VIEWS[objective]
    other = {**row, "id": "b", **({"label": False} if objective == "kto" else {})}
    train = write_rows(Path(job.train_file).with_name(f"{objective}.jsonl"), [row, other] * 4)
    held_out = write_rows(train.with_name(f"{objective}-held-out.jsonl"), [row, other])
    return {"objective": objective, "train_file": str(train), "validation_file": str(held_out)}


def config_in(directory: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((directory / "config.yml").read_text())
    return values


def test_token_ids_and_masks_are_those_of_trl(make_job: Make, tokenizer: Any, tmp_path: Path) -> None:
    job = make_job(max_length=50)
    backend_named("unsloth").render(job, tmp_path)
    expected = load_examples(Path(job.train_file), tokenizer, job)
    rows = [json.loads(line) for line in Path(config_in(tmp_path)["train_rows"]).read_text().splitlines()]
    assert [(r["id"], tuple(r["input_ids"]), tuple(r["labels"])) for r in rows] == [
        (e.id, e.input_ids, e.labels) for e in expected.examples
    ]
    orders = json.loads((tmp_path / "runner.json").read_text())
    assert (orders["examples"], orders["dropped"]) == (len(rows), expected.dropped)
    assert expected.dropped > 0


@pytest.mark.parametrize(
    ("adapter", "wanted"),
    [
        ("lora", {"load_in_4bit": False, "full_finetuning": False, "r": 4, "use_dora": False}),
        ("qlora", {"load_in_4bit": True, "full_finetuning": False, "target_modules": "all-linear"}),
        ("dora", {"use_dora": True, "load_in_4bit": False}),
        ("none", {"full_finetuning": True, "load_in_4bit": False}),
    ],
)
def test_what_unsloth_is_told(make_job: Make, tmp_path: Path, adapter: str, wanted: dict[str, Any]) -> None:
    backend_named("unsloth").render(make_job(adapter=adapter, max_steps=7, warmup_ratio=0.3), tmp_path)
    config = config_in(tmp_path)
    assert wanted.items() <= config.items()
    assert ("r" in config) == (adapter != "none")
    assert config["warmup_steps"] == 2
    assert config["eval_steps"] == 2
    assert config["local_files_only"] is True


@pytest.mark.parametrize("objective", VIEWS)
def test_every_setting_of_every_objective_exists_in_unsloth(
    make_job: Make, tmp_path: Path, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsloth, "cuda_devices", lambda: [80 << 30])
    monkeypatch.setattr("secft.train.backends.separate.cuda_devices", lambda: [80 << 30])
    job = make_job()
    backend_named("unsloth").render(make_job(**view(job, objective), max_length=96), tmp_path)  # unknown ones raise
    facts = json.loads((tmp_path / "runner.json").read_text())
    assert (facts["trainer"] is None) == (objective == "continue")
    assert facts["columns"] == list(OBJECTIVES[objective].rows.columns)


def test_plain_text_is_cut_into_pieces_without_loss(make_job: Make, tmp_path: Path, tokenizer: Any) -> None:
    job = make_job(**view(make_job(), "continue"), max_length=32)
    backend_named("unsloth").render(job, tmp_path)
    rows = [json.loads(line) for line in Path(config_in(tmp_path)["train_rows"]).read_text().splitlines()]
    assert all(row["labels"] == row["input_ids"] and len(row["input_ids"]) <= 32 for row in rows)
    text = tokenizer(VIEWS["continue"]["text"], add_special_tokens=False)["input_ids"]
    first = [token for row in rows[: -(-(len(text) + 1) // 32)] for token in row["input_ids"]]
    assert first == [*text, tokenizer.eos_token_id]


def test_refused_on_a_cpu_with_what_can_be_had(make_job: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secft.train.backends.separate.cuda_devices", list)
    with pytest.raises(InputError, match=r"unsloth does dpo on a CUDA device only.*done by: trl"):
        backend_named("unsloth").render(make_job(**view(make_job(), "dpo")), tmp_path)


@pytest.mark.parametrize(
    "form", [QuantizationConfig(type="fp4"), QuantizationConfig(double=False), QuantizationConfig(bits=8)]
)
def test_other_forms_of_quantised_weights_are_refused(
    make_job: Make, tmp_path: Path, form: QuantizationConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsloth, "cuda_devices", list)
    with pytest.raises(InputError, match=r"trainer\.quantization.*backend=trl"):
        backend_named("unsloth").render(make_job(adapter="qlora", quantization=form), tmp_path)


def test_goes_on_from_the_last_complete_checkpoint_of_this_job(make_job: Make, tmp_path: Path) -> None:
    job = make_job()
    for step, digest in ((2, job.fingerprint()), (4, "another job")):
        checkpoint = tmp_path / "checkpoints" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        mark_complete(checkpoint, CheckpointProgress(digest, step=step, tokens=7))
    backend_named("unsloth").render(job, tmp_path)
    assert config_in(tmp_path)["resume_from_checkpoint"].endswith("checkpoint-2")
    assert json.loads((tmp_path / "runner.json").read_text())["progress"]["tokens"] == 7


def test_settings_by_unsloths_own_names(make_job: Make, tmp_path: Path) -> None:
    backend_named("unsloth", extra={"optim": "adafactor"}).render(make_job(), tmp_path)
    assert config_in(tmp_path)["optim"] == "adafactor"
    with pytest.raises(InputError, match="Did you mean 'lora_alpha'"):
        backend_named("unsloth", extra={"lora_alhpa": 3}).render(make_job(), tmp_path)
    with pytest.raises(InputError, match="is set by secft"):
        backend_named("unsloth", extra={"model_name": "other"}).render(make_job(), tmp_path)


@pytest.fixture
def backend() -> UnslothBackend:
    if ready("unsloth", ROOT, lock_of("unsloth").digest) is None:
        pytest.skip(f"no finished environment of unsloth in {ROOT}; python -m secft doctor --fix --backend unsloth")
    return UnslothBackend(ROOT)


@pytest.mark.slow
def test_qlora_learns_with_an_evaluation_in_the_middle(
    make_job: Make, tiny: BaseModel, tmp_path: Path, backend: UnslothBackend
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    job = make_job(adapter="qlora", max_steps=12, eval_steps=4, save_steps=12, base_model_name="org/base")
    result = run_training(job, backend, tmp_path / "run", lambda _: None)
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    losses = [row["loss"] for row in rows if "loss" in row]
    assert [row["step"] for row in rows if "eval_loss" in row] == [4, 8, 12]
    # Without the guard of quantised layers the second half learns nothing.
    assert losses[-1] < losses[5] - 0.05 < losses[0] - 0.1
    assert json.loads((result.adapter_dir / "adapter_config.json").read_text())["base_model_name_or_path"] == "org/base"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny.path), str(result.adapter_dir))
    moved = [p for name, p in model.named_parameters() if "lora_B" in name and p.abs().sum() > 0]
    assert moved
    assert result.tokens > result.supervised_tokens > 0


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"adapter": "none"}, {"adapter": "dora"}], ids=["full", "dora"])
def test_other_methods_of_a_cpu(
    make_job: Make, tmp_path: Path, backend: UnslothBackend, changes: dict[str, Any]
) -> None:
    result = run_training(make_job(max_steps=3, eval_steps=0, **changes), backend, tmp_path / "run", lambda _: None)
    assert (result.steps, result.status) == (3, "completed")
    assert list(result.adapter_dir.glob("*.safetensors"))
    assert result.final_validation_loss is not None


@pytest.mark.slow
def test_reported_loss_is_that_of_the_adapter(
    make_job: Make, tiny: BaseModel, tmp_path: Path, backend: UnslothBackend
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from secft.train.forward.generic import GenericLoss
    from secft.train.rows import build_rows, collate

    job = make_job(precision="fp32", max_steps=4, eval_steps=3)
    result = run_training(job, backend, tmp_path / "run", lambda _: None)
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32), str(result.adapter_dir)
    )
    examples = load_examples(Path(str(job.validation_file)), AutoTokenizer.from_pretrained(tiny.path), job)
    batch = collate(build_rows(examples.examples, job.trainer.max_length, packing=False, seed=0))
    with torch.no_grad():
        loss = float(GenericLoss(model)(batch)) / int((batch["labels"] != -100).sum())
    assert result.final_validation_loss == pytest.approx(loss, rel=1e-4)


@pytest.mark.slow
def test_stopped_run_goes_on_to_the_same_losses(make_job: Make, tmp_path: Path, backend: UnslothBackend) -> None:
    job = make_job(max_steps=24, eval_steps=12, save_steps=12, precision="fp32")
    whole = run_training(job, backend, tmp_path / "whole", lambda _: None)
    parts = tmp_path / "parts"
    parts.mkdir()
    backend.render(job, parts)
    with (parts / "engine.log").open("w") as log:
        process = subprocess.Popen(
            backend.command(parts),
            env={**backend.environment(parts), "SECFT_PARENT_PID": str(os.getpid())},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    while process.poll() is None and not any(row["step"] >= 3 for row in read_metrics(parts / "metrics.jsonl")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 130
    stopped = max(row["step"] for row in read_metrics(parts / "metrics.jsonl"))
    assert 3 <= stopped < 24
    resumed = run_training(job, backend, parts, lambda _: None)
    steps = [[(row["step"], row["loss"]) for row in read_metrics(run / "metrics.jsonl") if "loss" in row]
             for run in (tmp_path / "whole", parts)]  # fmt: skip
    assert [step for step, _ in steps[1]] == list(range(1, 25))
    assert [loss for _, loss in steps[1]] == pytest.approx([loss for _, loss in steps[0]], rel=1e-4)
    assert (resumed.steps, resumed.tokens) == (whole.steps, whole.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["dpo", "orpo", "simpo", "kto", "grpo", "continue"])
def test_scripts_of_other_objectives_run(
    make_job: Make, tmp_path: Path, backend: UnslothBackend, objective: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most are for a CUDA device; without one Unsloth leaves trl's trainers as they are, and the script is the same."""
    monkeypatch.setattr("secft.train.backends.unsloth.backend.UnslothBackend.check", lambda self, job: None)
    job = make_job(**view(make_job(), objective), max_steps=2, eval_steps=0, learning_rate=1e-3)
    result = run_training(job, backend, tmp_path / "run", lambda _: None)
    assert (result.steps, result.status) == (2, "completed")
    assert (result.adapter_dir / "adapter_model.safetensors").is_file()
    assert result.tokens > result.supervised_tokens - (objective == "continue") >= 0
    assert result.supervised_tokens > 0


def test_no_heavy_library_is_imported_to_look_the_backend_up() -> None:
    code = (
        "import sys, secft.train.backends.unsloth.backend; "
        "sys.exit(bool({'torch', 'transformers', 'trl'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pairs_whose_sides_are_apart_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.syspath_prepend(str(SCRIPTS))
    count_tokens = importlib.import_module("recording").count_tokens
    for name in ("recording", "ranks"):
        sys.modules.pop(name, None)
    ids = torch.ones(2, 4, dtype=torch.long)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    labels = torch.tensor([[-100, -100, 5, -100], [-100, 5, 5, 5]])
    side = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    batch = {f"{name}_{key}": value for name in ("chosen", "rejected") for key, value in side.items()}
    assert count_tokens(batch) == (14, 8)
    assert count_tokens({"prompt": ["text"]}) == (0, 0)
