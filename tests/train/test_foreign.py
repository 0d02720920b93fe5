"""The callbacks and the session that run in the environments of backends, here with this environment's transformers."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from secft.train import checkpoints
from secft.train.backends.separate import SCRIPTS
from secft.train.metrics import read_metrics

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
COLUMNS = {
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second", "supervised_tokens_per_second", "mfu",
    "memory_gib", "seconds",
}  # fmt: skip


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


def test_utilisation_counts_packed_weights_and_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    told = module("utilisation")
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(8, 2))
    model[0].weight.requires_grad = False
    model[0].weight.quant_state = type("State", (), {"shape": (4, 8)})
    assert told.count_weights(model) == (32 + 18, 18)
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) == pytest.approx(4 * 8e9 * 3000 / 989e12, abs=1e-4)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert told.flops_utilisation(8_000_000_000, 10_000_000, 3000.0) == pytest.approx(0.0485, abs=1e-4)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A device nobody knows")
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) is None


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


def test_records_rows_checkpoints_and_result_as_trl_does(tmp_path: Path) -> None:
    recording = module("recording")
    metrics = recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")
    trainer_in(tmp_path, [metrics]).train()
    recorded = read_metrics(tmp_path / "metrics.jsonl")
    steps = [row for row in recorded if "loss" in row]
    assert set(steps[0]) == COLUMNS
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in recorded if "eval_loss" in row] == [2, 4, 6]
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert json.loads((tmp_path / "started.json").read_text()) == {
        "engine": "here",
        "resumed_step": 0,
        "total_steps": 6,
    }
    # 6 steps of 2 rows; padding is no token of the text, and evaluation is not training.
    assert (metrics.progress.tokens, metrics.progress.supervised_tokens) == (6 * 2 * 10, 6 * 2 * 6)
    found = checkpoints.last_complete(tmp_path / "checkpoints", "abc")
    assert found is not None
    assert asdict(found[1]) == {**asdict(metrics.progress), "seconds": found[1].seconds}
    (tmp_path / "adapter").mkdir()
    recording.write_result(tmp_path, metrics, total_steps=6, examples=8)
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["status"], result["steps"], result["examples"]) == ("completed", 6, 8)
    assert result["final_validation_loss"] == recorded[-1]["eval_loss"]


def test_evaluations_of_sampled_answers_are_compared_by_their_reward(tmp_path: Path) -> None:
    recording = module("recording")
    trainer = trainer_in(tmp_path, [recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")])
    trainer.compute_metrics = lambda _: {"reward": 0.25}
    trainer.train()
    told = [row for row in read_metrics(tmp_path / "metrics.jsonl") if "eval_loss" in row]
    assert [(row["eval_loss"], row["eval_reward"]) for row in told] == [(-0.25, 0.25)] * 3


def test_goes_on_with_the_counts_of_earlier_attempts(tmp_path: Path) -> None:
    recording = module("recording")
    first = recording.MetricsCallback(tmp_path, engine="here", job_digest="abc")
    trainer_in(tmp_path, [first], save_total_limit=3).train()
    whole = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    saved = tmp_path / "checkpoints/checkpoint-4"
    progress = recording.CheckpointProgress(**json.loads((saved / recording.MARKER).read_text()))
    checkpoints.keep_rows_until(tmp_path / "metrics.jsonl", 4)
    again = recording.MetricsCallback(tmp_path, engine="here", progress=progress)
    trainer_in(tmp_path, [again]).train(resume_from_checkpoint=str(saved))
    assert json.loads((tmp_path / "started.json").read_text())["resumed_step"] == 4
    assert again.progress.tokens == first.progress.tokens
    resumed = [row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl") if "loss" in row]
    assert resumed == pytest.approx(whole, abs=1e-4)


def test_counts_where_the_model_is_given_no_labels(tmp_path: Path) -> None:
    metrics = module("recording").MetricsCallback(tmp_path, engine="here")
    trainer = trainer_in(tmp_path, [metrics])
    metrics.watch(trainer)
    trainer.train()
    assert (metrics.progress.tokens, metrics.progress.supervised_tokens) == (120, 72)


def test_counts_tokens_of_packed_rows_by_the_diagonal_of_their_mask() -> None:
    import torch

    count = module("recording").count_tokens
    ids = torch.ones(1, 4, dtype=torch.long)
    sees = torch.zeros(1, 1, 4, 4)
    sees[:, :, 3, 3] = -1e9
    assert count({"input_ids": ids, "attention_mask": sees}) == (3, 0)
    assert count({"input_ids": ids, "completion_mask": torch.tensor([[0, 1, 1, 0]])}) == (4, 2)
    assert count({}) == (0, 0)


def test_stops_early_and_keeps_the_best_weights(tmp_path: Path) -> None:
    metrics = module("recording").MetricsCallback(tmp_path, engine="here", patience=2, threshold=50.0, keep_best=True)
    trainer = trainer_in(tmp_path, [metrics], max_steps=40)
    trainer.train()
    assert metrics.stopped_early
    assert metrics.final_step == 6
    assert (tmp_path / "best/adapter_model.safetensors").is_file()


def test_adapters_without_gradients_end_the_run(tmp_path: Path) -> None:
    guards = module("guards")
    model = adapted()
    for name, parameter in model.named_parameters():
        if "q_proj" in name and parameter.requires_grad:
            parameter.register_hook(lambda gradient: gradient * 0)
    guard = guards.AdapterGradientGuard()
    guard.once_alive.add("q_proj")
    with pytest.raises(guards.NoGradientError, match=r"adapters of q_proj in 2 optimizer steps"):
        trainer_in(tmp_path, [guard], model=model).train()
    unmasked = guards.AdapterGradientGuard()
    trainer_in(tmp_path, [unmasked]).train()
    assert set(unmasked.dead_steps.values()) == {0}


def test_rows_that_are_all_masked_end_the_run(tmp_path: Path) -> None:
    guards = module("guards")
    trainer = trainer_in(tmp_path, [guards.AdapterGradientGuard()])
    for row in trainer.train_dataset:
        row["labels"][:] = -100
    with pytest.raises(guards.NoGradientError, match="every row may be masked"):
        trainer.train()


def test_four_bit_layers_are_told_to_stay_as_they_are() -> None:
    import torch

    class Linear4bit(torch.nn.Linear):
        support_avx512bf16_for_cpu = True

    model = torch.nn.Sequential(Linear4bit(4, 4), torch.nn.Linear(4, 4))
    guards = module("guards")
    assert guards.guard_quantised(model) == 1
    assert model[0].support_avx512bf16_for_cpu is False
    guards.QuantisedGuard().on_train_begin(None, None, None, model=model)


def test_a_gradient_that_is_not_finite_does_not_reach_the_weights(tmp_path: Path) -> None:
    import torch

    guards = module("guards")
    guard, model = guards.NanGuard(), adapted()
    handle = {"steps": 0}

    def spoil(gradient: Any) -> Any:
        handle["steps"] += 1
        return gradient * (float("nan") if handle["steps"] >= 3 else 1)

    next(p for p in model.parameters() if p.requires_grad).register_hook(spoil)
    trainer = trainer_in(tmp_path, [guard], model=model, max_grad_norm=0.0)
    trainer.train()
    assert guard.diverged
    assert trainer.state.global_step == 3
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_a_signal_saves_and_leaves_with_130(tmp_path: Path) -> None:
    from transformers import TrainerCallback

    class Send(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    stop = module("stopping").StopCallback()
    metrics = module("recording").MetricsCallback(tmp_path, engine="here", job_digest="abc")
    with pytest.raises(SystemExit) as left:
        trainer_in(tmp_path, [metrics, stop, Send()], save_steps=100).train()
    assert left.value.code == 130
    found = checkpoints.last_complete(tmp_path / "checkpoints", "abc")
    assert found is not None
    assert found[1].step == 3


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


def test_names_of_modules_are_written_in_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    texts = []
    for names in (["v_proj", "q_proj", "down_proj"], ["down_proj", "v_proj", "q_proj"]):
        path.write_text(json.dumps({"target_modules": names, "r": 4, "base_model_name_or_path": str(tmp_path)}))
        module("facts").tidy_config(path, "org/base")
        texts.append(path.read_text())
    assert texts[0] == texts[1]
    values = json.loads(texts[0])
    assert values["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    assert values["base_model_name_or_path"] == "org/base"
    module("facts").tidy_config(tmp_path / "no such file", "org/base")


def test_another_rendering_is_told_where_it_differs() -> None:
    session = module("session")
    expected = {"text": "<s>user\nHi\n<e>answer<e>\n", "trained": "answer<e>"}
    session.compare(expected, "<s>user\nHi\n<e>answer<e>", "answer<e>\n")
    with pytest.raises(session.RowsError, match="at character 7 the chat template has"):
        session.compare(expected, "<s>user Hi\n<e>answer<e>", None)
    with pytest.raises(session.RowsError, match="the trained part differs"):
        session.compare(expected, expected["text"], "Hi\n<e>answer<e>")


def test_rows_that_a_backend_lost_or_changed_are_refused(tokenizer: Any) -> None:
    script = module("axolotl_run")
    ids = tokenizer("one two three")["input_ids"]
    data = [{"input_ids": ids, "labels": [-100, *ids[1:]]}]
    trained = tokenizer.decode(ids[1:])
    facts = {"rows": "conversations", "examples": 1, "expected": [{"text": "one two three", "trained": trained}]}
    script.check_rows(data, tokenizer, facts)
    errors = module("session").RowsError
    with pytest.raises(errors, match="kept 1 of 2 rows"):
        script.check_rows(data, tokenizer, {**facts, "examples": 2})
    with pytest.raises(errors, match="at character 9"):
        script.check_rows(data, tokenizer, {**facts, "expected": [{"text": "one two tree", "trained": ""}]})
    with pytest.raises(errors, match="trained part"):
        script.check_rows(data, tokenizer, {**facts, "expected": [{"text": "one two three", "trained": "one"}]})
    script.check_rows([], tokenizer, {**facts, "rows": "pairs"})


def test_a_reward_model_of_llama_factory_scores_as_a_classifier(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForCausalLM

    model = adapted()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    model.save_pretrained(tmp_path)
    head = torch.randn(1, 32)
    save_file(
        {"v_head.summary.weight": head, "v_head.summary.bias": torch.ones(1)}, tmp_path / "value_head.safetensors"
    )
    ids = torch.randint(1, 64, (1, 9))
    with torch.no_grad():
        hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1][:, -1]
    module("value_head").as_classifier(tmp_path)

    base = model.unload()
    assert isinstance(base, LlamaForCausalLM)
    base.save_pretrained(tmp_path / "base")
    assert isinstance(base.config, LlamaConfig)
    scorer = AutoModelForSequenceClassification.from_pretrained(tmp_path / "base", num_labels=1, pad_token_id=0)
    scorer = PeftModel.from_pretrained(scorer, str(tmp_path)).eval()
    with torch.no_grad():
        score = scorer(input_ids=ids).logits
    assert score == pytest.approx(hidden @ head.T, abs=1e-4)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert not [name for name in weights if "v_head" in name]


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
