"""How much of the training split a pass takes, and where that is decided by the hardware."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secft.config.compose import read_config
from secft.config.schemas import hardware
from secft.config.schemas.training import TrainerConfig
from secft.files import read_jsonl, write_jsonl
from secft.train.passes import cut_short, short_split, told_short

TRAINER = TrainerConfig(name="lora", pass_tokens=90_000)


@pytest.mark.parametrize(("tokens", "epochs"), [(0, 1.0), (60_000, 1.0), (90_000, 1.0), (180_000, 0.5), (900_000, 0.1)])
def test_a_pass_takes_so_many_tokens_at_most(tokens: int, epochs: float) -> None:
    assert cut_short(TRAINER, tokens).epochs == pytest.approx(epochs)
    assert cut_short(TRAINER, tokens).pass_tokens is None
    assert (told_short(TRAINER, tokens) is None) == (epochs == 1)


def test_epochs_count_passes_and_steps_that_are_said_win() -> None:
    assert cut_short(replace(TRAINER, epochs=3.0), 60_000).epochs == 3
    assert cut_short(replace(TRAINER, epochs=3.0), 180_000).epochs == pytest.approx(1.5)
    assert cut_short(replace(TRAINER, max_steps=20), 900_000).epochs == 1
    assert cut_short(replace(TRAINER, pass_tokens=None), 900_000).epochs == 1
    assert told_short(replace(TRAINER, pass_tokens=None), 900_000) is None


@pytest.mark.parametrize(("bf16", "suited", "tokens"), [(True, "cpu", None), (False, "cpu_fp32", 100_000)])
def test_a_processor_without_bf16_cuts_passes_short(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, suited: str, tokens: int | None
) -> None:
    monkeypatch.setattr(hardware, "cuda_devices", list)
    monkeypatch.setattr(hardware, "cpu_computes_bf16", lambda: bf16)
    assert hardware.suited_option() == suited
    assert read_config([]).trainer.pass_tokens == tokens
    limits = read_config([]).eval.limits
    assert limits.get("general_knowledge", 150) == (150 if bf16 else 100)
    assert limits.get("answer_matching", 60) == 60
    assert read_config(["trainer.pass_tokens=null"]).trainer.pass_tokens is None
    assert read_config(["hardware=cpu_fp32"]).trainer.pass_tokens == 100_000


def split_of(place: Path, own: int, others: int) -> Path:
    rows = [
        {"id": f"r{number}", "source": "secft" if number < own else "chats",
         "messages": [{"role": "user", "content": "Question?"}, {"role": "assistant", "content": "Answer. " * 5}]}
        for number in range(own + others)
    ]  # fmt: skip
    write_jsonl(place / "train.jsonl", rows)
    return place / "train.jsonl"


@pytest.mark.parametrize(
    ("own", "others", "part", "kept"), [(20, 80, 0.5, (16, 34)), (10, 90, 0.5, (10, 40)), (0, 9, 0.5, (0, 4))]
)
def test_a_short_pass_takes_what_secft_adds_first(
    tmp_path: Path, own: int, others: int, part: float, kept: tuple[int, int]
) -> None:
    split = split_of(tmp_path, own, others)
    rows = list(read_jsonl(short_split(split, tmp_path / "short.jsonl", part, 7)))
    added = sum(row["source"] == "secft" for row in rows)
    assert (added, len(rows) - added) == kept
    ids = [int(row["id"][1:]) for row in rows]
    assert ids == sorted(ids)
    again = list(read_jsonl(short_split(split, tmp_path / "again.jsonl", part, 7)))
    other = list(read_jsonl(short_split(split, tmp_path / "other.jsonl", part, 8)))
    assert rows == again
    assert rows != other
