"""Rows and rendered configurations of the backends that train in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from secft.files import read_json
from secft.train import TrainJob
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.llama_factory.backend import LlamaFactoryBackend
from secft.train.backends.separate import SeparateBackend
from tests.train.conftest import conversation

KINDS: dict[str, type[SeparateBackend]] = {"axolotl": AxolotlBackend, "llama_factory": LlamaFactoryBackend}


def row_of(index: int, objective: str) -> dict[str, Any]:
    """A row as secft hands it to backends."""
    row = conversation(index)
    prompt, answer = row["messages"][:1], row["messages"][1:]
    wrong = [{"role": "assistant", "content": "B"}]
    if objective == "continue":
        return {"id": row["id"], "text": answer[0]["content"]}
    if objective == "kto":
        return {"id": row["id"], "prompt": prompt, "completion": answer, "label": index % 2 == 0}
    if objective == "sft":
        return row
    return {"id": row["id"], "prompt": prompt, "chosen": answer, "rejected": wrong}


def render(backend: str, job: TrainJob, directory: Path, **extra: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Render a job and return the configuration and the orders."""
    directory.mkdir(exist_ok=True)
    paths = KINDS[backend](Path("nowhere"), extra).render(job, directory)
    assert all(path.is_file() for path in paths)
    return yaml.safe_load((directory / "config.yml").read_text()), read_json(directory / "runner.json")


def lines(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
