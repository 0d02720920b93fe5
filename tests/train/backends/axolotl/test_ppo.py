"""PPO in Axolotl's environment: what is rendered, what is refused, and a training whose rewards rise."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import SamplingConfig
from secft.errors import InputError, Interrupted
from secft.files import read_json
from secft.train import TrainJob
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.axolotl.ppo import PpoBackend, padding_token
from secft.train.launch import run_training
from tests.train.conftest import TECHNIQUES, changed, question, write_rows

ROOT = Path(__file__).resolve().parents[4] / ".backends"


@pytest.fixture
def job(make_job: Callable[..., TrainJob], tmp_path: Path) -> TrainJob:
    train = write_rows(tmp_path / "questions.jsonl", [question(name) for name in TECHNIQUES])
    held_out = write_rows(tmp_path / "held_out.jsonl", [question(name) for name in ("T1499", "T1529", "T1531")])
    return make_job(
        objective="ppo",
        train_file=str(train),
        validation_file=str(held_out),
        sampling=SamplingConfig(max_new_tokens=4, temperature=1.0),
        kl=0.02,
        micro_batch_size=4,
        gradient_accumulation=2,
        max_steps=16,
        eval_steps=8,
        save_steps=8,
        learning_rate=5e-3,
        packing=False,
        seed=1,
        threads=1,
    )


def test_questions_are_rendered_with_room_for_an_answer(job: TrainJob, tokenizer: Any, tmp_path: Path) -> None:
    files = PpoBackend(ROOT).render(job, tmp_path / "run")
    settings = read_json(tmp_path / "run" / "settings.json")
    assert settings["training"]["total_episodes"] == 16 * 8
    assert settings["training"]["stop_token_id"] == tokenizer.convert_tokens_to_ids("<|im_end|>")
    rows = [json.loads(line) for line in Path(settings["train_rows"]).read_text().splitlines()]
    assert tokenizer.decode(rows[0]["input_ids"]).endswith("Tactic of T1485?<|im_end|>\n<|im_start|>assistant\n")
    assert rows[0]["answer"] == "Impact"
    assert read_json(tmp_path / "run" / "runner.json")["examples"] == len(TECHNIQUES)
    assert Path(settings["train_rows"]) in files
    assert PpoBackend(ROOT).render(job, tmp_path / "run") == files


def test_questions_without_room_are_counted_and_none_left_is_refused(job: TrainJob, tmp_path: Path) -> None:
    rows = [question("T1485"), question("T1486 " * 40)]
    one = changed(job, train_file=str(write_rows(tmp_path / "long.jsonl", rows)), max_length=64)
    PpoBackend(ROOT).render(one, tmp_path / "one")
    assert read_json(tmp_path / "one" / "runner.json")["dropped"] == 1
    with pytest.raises(InputError, match="2 exceed 20 tokens with 4 for the answer"):
        PpoBackend(ROOT).render(changed(one, max_length=20), tmp_path / "none")


def test_padding_is_never_the_end_of_a_turn(tokenizer: Any) -> None:
    end, start = (tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|im_start|>"))
    assert tokenizer.pad_token_id == end
    assert tokenizer.convert_ids_to_tokens(padding_token(tokenizer, {start, end, 40}, end)) == "<|endoftext|>"
    with pytest.raises(InputError, match="no prompt contains"):
        padding_token(tokenizer, set(range(len(tokenizer))), end)


def test_all_that_cannot_be_trained_is_told_at_once(job: TrainJob, tmp_path: Path) -> None:
    single = changed(job, micro_batch_size=1, gradient_accumulation=1, precision="bf16")
    with pytest.raises(InputError) as caught:
        PpoBackend(ROOT, {"sequence_len": 5}).render(single, tmp_path / "run")
    for part in ("must be 2 or more", "backend.extra (sequence_len)", "precision=auto"):
        assert part in str(caught.value)


def test_rows_of_another_objective_are_refused(job: TrainJob, tmp_path: Path) -> None:
    wrong = write_rows(tmp_path / "wrong.jsonl", [{"id": "1", "messages": []}])
    with pytest.raises(InputError, match=r"wrong\.jsonl:1: not a row of ppo"):
        PpoBackend(ROOT).render(replace(job, train_file=str(wrong)), tmp_path / "run")


needs_environment = pytest.mark.skipif(
    not (ROOT / "axolotl" / "bin" / "python").exists(), reason="the environment of axolotl is not there"
)


def rows_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@needs_environment
def test_rewards_rise_and_the_adapter_loads(job: TrainJob, guessing: Path, tmp_path: Path) -> None:
    from secft.models.loading import InferenceHardware, attach, load_model

    directory = tmp_path / "run"
    result = run_training(replace(job, model_dir=str(guessing)), AxolotlBackend(ROOT), directory, lambda progress: None)
    steps = [row for row in rows_of(directory) if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 17))
    first, last = (sum(row["reward"] for row in part) / 4 for part in (steps[:4], steps[-4:]))
    assert first < 0.7
    assert last > first + 0.2
    assert all({"kl", "grad_norm", "tokens_per_second", "memory_gib"} <= row.keys() for row in steps)
    assert all(row["supervised_tokens_per_second"] > 0 for row in steps)
    held_out = [row["eval_loss"] for row in rows_of(directory) if "eval_loss" in row]
    assert len(held_out) == 2
    assert held_out[-1] <= -0.9
    assert result.status == "completed"
    assert result.engine == "trl ppo"
    assert result.versions["trl"] == "1.9.0"
    attach(load_model(guessing, InferenceHardware("cpu", "fp32")), result.adapter_dir)
    assert not (directory / "checkpoints").exists()


@pytest.mark.slow
@needs_environment
def test_a_stopped_training_goes_on_to_the_same_weights(job: TrainJob, guessing: Path, tmp_path: Path) -> None:
    short = changed(job, model_dir=str(guessing), max_steps=3, save_steps=100, eval_steps=0, validation_file=None)
    whole = run_training(short, PpoBackend(ROOT), tmp_path / "whole", lambda progress: None)

    def stop() -> None:
        while not (metrics := tmp_path / "parts" / "metrics.jsonl").is_file() or not metrics.read_text().strip():
            time.sleep(0.05)
        script = str(tmp_path / "parts")
        found = subprocess.run(["pgrep", "-f", script], capture_output=True, text=True, check=True).stdout.split()
        os.kill(int(found[0]), signal.SIGTERM)

    watcher = threading.Thread(target=stop)
    watcher.start()
    with pytest.raises(Interrupted):
        run_training(short, PpoBackend(ROOT), tmp_path / "parts", lambda progress: None)
    watcher.join()
    done = rows_of(tmp_path / "parts")[-1]["step"]
    assert 1 <= done < 3
    parts = run_training(short, PpoBackend(ROOT), tmp_path / "parts", lambda progress: None)
    assert [row["step"] for row in rows_of(tmp_path / "parts")] == [1, 2, 3]
    one, other = (result.adapter_dir / "adapter_model.safetensors" for result in (whole, parts))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
@needs_environment
@pytest.mark.parametrize("adapter", ["none", "qlora", "dora"])
def test_other_weights_learn_too(adapter: Any, job: TrainJob, guessing: Path, tmp_path: Path) -> None:
    from secft.models.loading import InferenceHardware, attach, is_adapter, load_model

    rate = 2e-3 if adapter == "none" else 5e-3
    changes = {"adapter": adapter, "learning_rate": rate, "eval_steps": 0, "validation_file": None, "save_steps": 100}
    one = changed(job, model_dir=str(guessing), **changes)
    result = run_training(one, AxolotlBackend(ROOT), tmp_path / "run", lambda progress: None)
    rewards = [row["reward"] for row in rows_of(tmp_path / "run") if "loss" in row]
    assert sum(rewards[-4:]) > sum(rewards[:4]) + 0.8
    assert is_adapter(result.adapter_dir) == (adapter != "none")
    if adapter == "none":
        load_model(result.adapter_dir, InferenceHardware("cpu", "fp32"))
    else:
        attach(load_model(guessing, InferenceHardware("cpu", "fp32")), result.adapter_dir)
