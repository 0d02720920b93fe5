"""Pretraining in nanoGPT's formats, from logs to a card."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from .test_run import secft

SHAPE = ("trainer.shape.layers=1", "trainer.shape.heads=2", "trainer.shape.width=16", "trainer.shape.block=16")
FAST = (*SHAPE, "trainer.max_steps=20", "trainer.eval_steps=10", "trainer.micro_batch_size=4")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    random_ = random.Random(3)
    lines = []
    for number in range(480):
        user, process = random_.choice(["mwalker", "tjones"]), random_.randrange(1000, 9999)
        place = f"from 81.2.69.{random_.randrange(255)} port 40022 ssh2"
        when = f"Jan {1 + number // 60:02d} 10:{number % 60:02d}:00"
        lines.append(f"{when} gate-7 sshd[{process}]: Failed password for invalid user {user} {place}")
    path = tmp_path / "auth.log"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_from_logs_to_a_card(log: Path, tmp_path: Path) -> None:
    command = ("backend=nanogpt", "trainer=pretrain", f"trainer.files=[{log}]", *FAST)
    done = secft(tmp_path, *command)
    run = next((tmp_path / "outputs").iterdir())
    gates = json.loads((run / "gates.json").read_text())
    assert done.returncode == (0 if gates["verdict"] == "pass" else 3), done.stderr
    corpus = tmp_path / "data" / "nanogpt" / "logs-v1"
    meta = json.loads((corpus / "manifest.json").read_text())
    assert meta["obfuscated"]["ipv4"] >= 400
    from secft.train.backends.nanogpt.meta import read_meta

    itos = read_meta(corpus / "meta.pkl")["itos"]
    parts = [np.fromfile(corpus / name, dtype="<u2") for name in ("train.bin", "val.bin")]
    text = "".join(itos[int(token)] for part in parts for token in part)
    assert "Failed password for invalid user" in text
    assert "81.2.69." not in text
    assert "mwalker" not in text
    assert "gate-7" not in text
    card = (run / "MODEL_CARD.md").read_text()
    assert f"**Verdict: {gates['verdict'].upper()}" in card
    assert "data/nanogpt/logs-v1" in card
    assert "mwalker" not in card
    assert "python -m secft backend=nanogpt trainer=pretrain" in card
    assert "| code | " in card
    settings = {line.split(" | ")[0].strip("| ").replace("\\", "") for line in card.splitlines()}
    assert {"learning_rate", "max_steps", "shape.block"} <= settings
    assert not {"epochs", "max_length", "save_steps", "packing", "attention", "recovery.factor"} & settings
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row.get("loss") is not None]
    assert losses[-1] < losses[0]
    again = secft(tmp_path, *command)
    assert again.returncode == done.returncode
    assert (again.stdout + again.stderr).count("reused") >= 3
    assert [path.name for path in (tmp_path / "data" / "nanogpt").iterdir() if not path.name.startswith(".")] == [
        "logs-v1"
    ]


def test_a_training_that_diverged_fails_its_gate_and_gets_a_card(log: Path, tmp_path: Path) -> None:
    apart = ("trainer.learning_rate=1e30", "trainer.max_grad_norm=1e30")
    done = secft(tmp_path, "backend=nanogpt", "trainer=pretrain", f"trainer.files=[{log}]", *FAST, *apart)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    run = next((tmp_path / "outputs").iterdir())
    gates = json.loads((run / "gates.json").read_text())
    assert gates["verdict"] == "fail"
    assert "the training diverged" in gates["reasons"]
    card = (run / "MODEL_CARD.md").read_text()
    assert "**Verdict: FAIL" in card
    assert "| this model | not finite |" in card
    assert "What it writes" not in card


def test_what_is_wrong_is_told_before_anything_is_done(tmp_path: Path) -> None:
    done = secft(tmp_path, "backend=nanogpt", "trainer=lora")
    assert done.returncode == 2
    assert "trainer=pretrain" in done.stderr
    done = secft(
        tmp_path, "backend=nanogpt", "trainer=pretrain", "trainer.files=[/no/such.log]", "trainer.shape.width=130"
    )
    assert done.returncode == 2
    assert "/no/such.log" in done.stderr
    assert "trainer.shape.width" in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_sources_are_refused_where_files_are_read(log: Path, tmp_path: Path) -> None:
    done = secft(tmp_path, "backend=nanogpt", "trainer=pretrain", f"trainer.files=[{log}]", "source=[cwe]")
    assert done.returncode == 2
    assert "source = ['cwe']: is not read by pretraining: its texts are trainer.files" in done.stderr


def test_the_plan_says_what_would_be_done(log: Path, tmp_path: Path) -> None:
    done = secft(tmp_path, "backend=nanogpt", "trainer=pretrain", f"trainer.files=[{log}]", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "2,000 steps of 768 tokens by secft's own trainer" in done.stdout
    assert not (tmp_path / "data").exists()
    assert "tokens train" in done.stdout
    assert not list(tmp_path.rglob("*.key"))


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (bytes(99), "binary"), (b"one short line\n", "too little text")]
)
def test_a_plan_refuses_texts_that_nothing_can_be_trained_on(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "some.log").write_bytes(content)
    done = secft(tmp_path, "backend=nanogpt", "trainer=pretrain", "trainer.files=[some.log]", "dry_run=true")
    assert done.returncode == 2
    assert said in done.stdout
    assert "lacking: stage corpus" in done.stdout
