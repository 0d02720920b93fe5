"""Answers of the base model, kept by content: they do not depend on the candidate, so sweeps share them."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import digest, read_json, sha256_file, write_json
from secft.log import warn

FORMAT = 2
_CODE = {
    "secft.chat.local": ("model.py", "trees.py", "prompts.py"),
    "secft.evaluate": ("lm_eval_model.py", "prompts.py", "measure.py", "refusals.py", "requests.py"),
}
_IDENTITY = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "config.json", "chat_template.jinja")


def code_version() -> str:
    """Return the SHA-256 of everything that turns items into answers."""
    hasher = hashlib.sha256()
    for package, names in _CODE.items():
        for name in names:
            hasher.update(files(package).joinpath(name).read_bytes())
    return hasher.hexdigest()


def model_digest(directory: Path) -> str:
    """Return the SHA-256 over weights, configuration and tokenizer of a model directory."""
    weights = [path for path in sorted(directory.glob("*.safetensors")) if not path.name.startswith("adapter")]
    others = [directory / name for name in _IDENTITY if (directory / name).is_file()]
    return digest({path.name: sha256_file(path) for path in [*weights, *others]})


class Baseline:
    """A directory of answers, one JSON file per question set, named by what they depend on."""

    def __init__(self, directory: Path, facts: dict[str, Any]) -> None:
        """Open the cache for one base model and one way of measuring.

        Args:
            directory: where answers are kept; made when needed.
            facts: base digest, precision, device, batch size, versions: whatever can change an answer.
        """
        self._directory = directory
        self._facts = {**facts, "code": code_version()}

    def _path(self, task: str, question_digest: str) -> Path:
        key = digest({**self._facts, "format": FORMAT, "task": task, "questions": question_digest})
        return self._directory / f"{task}-{key[:32]}.json"

    def get(self, task: str, question_digest: str) -> list[dict[str, Any]] | None:
        """Return kept answers, or None where there are none or they are damaged, which is told."""
        path = self._path(task, question_digest)
        if not path.is_file():
            return None
        try:
            kept = read_json(path)
            if kept["check"] == digest(kept["answers"]):
                return list(kept["answers"])
        except (InputError, KeyError, TypeError):
            pass
        warn(f"{path} is damaged: it changed since it was written; the base model is asked again")
        return None

    def put(self, task: str, question_digest: str, answers: list[dict[str, Any]]) -> None:
        """Keep answers."""
        write_json(self._path(task, question_digest), {"check": digest(answers), "answers": answers})
