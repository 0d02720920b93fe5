"""Ten architectures by their path alone: planned, trained, measured, registered, and loaded by peft alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.__main__ import main
from secft.train import attempt, launch
from secft.train.job import TrainJob
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
        print(trainer, card["tags"][-1])
    (adapter,) = (here / "models" / "trl").glob(f"tiny-{name}-lora-*")
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == f"makers/tiny-{name}"
