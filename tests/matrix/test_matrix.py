"""Ten architectures by their path alone: planned, trained, measured, registered, and loaded by peft alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.__main__ import main
from secft.files import read_jsonl
from secft.train import attempt, launch
from secft.train.backends.trl.paired_rows import tokenise_answer
from secft.train.job import TrainJob
from secft.train.objectives.dpo import DpoTrainer
from secft.train.template import IGNORED, tokenise_conversation
from secft.train.views import PAIRS, write_view
from tests.matrix.tiny_models import FAMILIES, build, conversations

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::RuntimeWarning"
    ),
]
COMMON = (
    "source=[jsonl]", "source.jsonl.path=rows.jsonl", "synthesis=none", "curation.split.test_fraction=0.15",
    "curation.split.validation_fraction=0.15", "trainer.max_steps=2", "trainer.eval_steps=0", "trainer.save_steps=0",
    "trainer.precision=fp32", "eval.tasks=[answer_perplexity]", "eval.max_items={answer_perplexity: 4}",
    "eval.samples=0", "eval.resamples=200", "gates.target_tasks=[]", "gates.general_tasks=[]",
    "gates.safety_tasks=[]", "curation.max_tokens=512", "trainer.learning_rate=0.005",
)  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of one's own, where a training runs in this process: only its start is not that of a user."""

    def start(command: list[str], directory: Path, *_: Any) -> attempt.RunnerEnd:
        from secft.train.backends.trl.runner import train

        train(TrainJob.read(directory / "job.json"), directory)
        return attempt.RunnerEnd(command, 0, "", killed_for_memory=False)

    monkeypatch.setattr(launch, "start", start)
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def secft(*arguments: str) -> int:
    try:
        return main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the end of what was printed, for a failure."""
    out, err = capsys.readouterr()
    return f"{out[-2000:]}\n{err[-2000:]}"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_by_its_path_alone(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = build(name, here / "models.d" / f"tiny-{name}")
    (here / "rows.jsonl").write_text(conversations(lambda number: (number % 4 > 1, number % 2 == 1)))
    arguments = ["model=hub", f"model.path={base}", *COMMON, *FAMILIES[name].overrides]
    assert secft(*arguments, "dry_run=true") == 0, said(capsys)
    for trainer in ("lora", "dpo"):
        assert secft(*arguments, f"trainer={trainer}") in (0, 3), said(capsys)
        (run,) = (here / "outputs").glob(f"tiny-{name}-{trainer}-*")
        card = yaml.safe_load((run / "MODEL_CARD.md").read_text().split("---")[1])
        assert (card["base_model"], card["license"]) == (f"makers/tiny-{name}", "apache-2.0")
        _loads_alone(base, run, here)
    (registered,) = (here / "models" / "trl").glob(f"tiny-{name}-lora-*")
    config = json.loads((registered / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == f"makers/tiny-{name}"


def _loads_alone(base: Path, run: Path, here: Path) -> None:
    """Compare the loss that a training measured last with that of plain transformers and peft, row by row."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    stages = {
        entry["stage"]: here / entry["artifact"] for entry in json.loads((run / "run.json").read_text())["stages"]
    }
    job, adapter = TrainJob.read(stages["train"] / "job.json"), stages["train"] / "adapter"
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
    tokenizer = AutoTokenizer.from_pretrained(adapter)  # with the chat template that was trained with
    validation = stages["dataset"] / "dataset" / "validation.jsonl"
    with torch.no_grad():
        loss = (_dpo_loss if job.trainer.name == "dpo" else _sft_loss)(
            model, tokenizer, job, validation, here / "views"
        )
    measured = json.loads((stages["train"] / "result.json").read_text())["final_validation_loss"]
    assert loss == pytest.approx(measured, rel=1e-4)


def _sft_loss(model: Any, tokenizer: Any, job: TrainJob, validation: Path, _: Path) -> float:
    sums = [
        _log_likelihood(model, example.input_ids, example.labels)
        for row in read_jsonl(validation)
        for example in tokenise_conversation(tokenizer, row["id"], row["messages"])
    ]
    return -sum(total for total, _ in sums) / sum(count for _, count in sums)


def _dpo_loss(model: Any, tokenizer: Any, job: TrainJob, validation: Path, views: Path) -> float:
    """Return the mean of -log sigmoid(beta * gain), the gain by an answer over the base's (Rafailov et al. 2023)."""
    import torch

    settings, losses = job.settings(DpoTrainer), []
    for row in read_jsonl(write_view(validation, PAIRS, settings.pairs, views, job.seed)):
        gains = []
        for side in ("chosen", "rejected"):
            prompt = tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template([*row["prompt"], *row[side]], tokenize=False)
            assert whole.startswith(prompt)
            prompt_ids, ids = tokenise_answer(tokenizer, [*row["prompt"], *row[side]])
            every, labels = (*prompt_ids, *ids), (*[IGNORED] * len(prompt_ids), *ids)
            policy, _ = _log_likelihood(model, every, labels)
            with model.disable_adapter():
                gains.append(policy - _log_likelihood(model, every, labels)[0])
        losses.append(-torch.nn.functional.logsigmoid(torch.tensor(settings.beta * (gains[0] - gains[1]))).item())
    return sum(losses) / len(losses)


def _log_likelihood(model: Any, ids: Sequence[int], labels: Sequence[int]) -> tuple[float, int]:
    import torch

    targets = torch.tensor(labels)[1:]
    logits = model(input_ids=torch.tensor([list(ids)])).logits[0, :-1].float()
    total = -torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum").item()
    return total, int((targets != IGNORED).sum())
