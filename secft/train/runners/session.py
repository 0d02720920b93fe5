"""One training in the environment of a backend: what its runner was told, what watches it, what it leaves.

``runner.json`` says what the backend's own configuration cannot: which job this is, where it goes on, which rows to
compare, what happens at the end.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facts import CheckpointProgress, die_with_parent, tidy_config
from guards import AdapterGradientGuard, NanGuard, QuantisedGuard
from ranks import STOP, several
from recording import MetricsCallback, write_result
from stopping import StopCallback

INPUT_ERROR_EXIT = 2
RUNNER = "runner.json"
LEFT_BEHIND = ("checkpoints", "best", "engine")
TOKENIZER_FILES = (
    "tokenizer*",
    "special_tokens_map.json",
    "chat_template*",
    "vocab*",
    "merges.txt",
    "added_tokens.json",
)
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")


class RowsError(ValueError):
    """The rows are not what secft made them; training with them would teach something else."""


def refuse(message: str) -> None:
    """Leave with the exit code of bad input."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    raise SystemExit(INPUT_ERROR_EXIT)


@dataclass
class Session:
    """A run in its directory.

    Attributes:
        directory: holds runner.json and the backend's configuration; receives everything else.
        facts: content of runner.json.
        metrics: writes metrics.jsonl and the markers of checkpoints.
        stop: saves and leaves on a signal.
        nan: ends the run before numbers that are not finite spread.
    """

    directory: Path
    facts: dict[str, Any]
    metrics: MetricsCallback
    stop: StopCallback = field(default_factory=StopCallback)
    nan: NanGuard = field(default_factory=NanGuard)
    total_steps: int = 0

    @classmethod
    def open(cls, directory: Path, engine: str) -> Session:
        """Read what the runner of a directory is told and prepare what watches the training."""
        die_with_parent()
        facts = json.loads((directory / RUNNER).read_text(encoding="utf-8"))
        metrics = MetricsCallback(
            directory,
            engine=engine,
            progress=CheckpointProgress(**facts["progress"]),
            patience=facts["patience"],
            threshold=facts["threshold"],
            keep_best=facts["keep_best"],
        )
        return cls(directory, facts, metrics, StopCallback(directory / STOP if several() else None))

    def callbacks(self) -> list[Any]:
        """Return the callbacks of the trainer, in the order in which they are asked."""
        return [QuantisedGuard(), AdapterGradientGuard(), self.nan, self.metrics, self.stop]

    def needs_evaluation(self, step: int) -> bool:
        """Tell whether the weights of the last step have not been evaluated yet."""
        evaluations = self.metrics.evaluations
        return bool(self.facts["validates"]) and (not evaluations or evaluations[-1][0] != step)

    def finish(self, saved: Path, total_steps: int, libraries: tuple[str, ...]) -> None:
        """Put the weights in their place and write the result last.

        Args:
            saved: where the backend saved the weights of the last step.
            total_steps: optimizer steps that were planned.
            libraries: packages whose versions are recorded.
        """
        best = self.directory / "best"
        from_best = bool(self.facts["keep_best"]) and best.is_dir()
        self._place(best if from_best else saved, saved)
        write_result(
            self.directory,
            self.metrics,
            total_steps=total_steps,
            diverged=self.nan.diverged,
            examples=self.facts["examples"],
            dropped=self.facts["dropped"],
            truncated=self.facts["truncated"],
            precision=self.facts["precision"],
            final_from_best=from_best,
            libraries=libraries,
        )
        for name in LEFT_BEHIND:
            shutil.rmtree(self.directory / name, ignore_errors=True)

    def _place(self, weights: Path, saved: Path) -> None:
        temporary, final = self.directory / "adapter.tmp", self.directory / "adapter"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        config = weights / "adapter_config.json"
        if config.is_file():
            shutil.copyfile(weights / "adapter_model.safetensors", temporary / "adapter_model.safetensors")
            shutil.copyfile(config, temporary / "adapter_config.json")
            tidy_config(temporary / "adapter_config.json", self.facts["base_model_name"])
        else:
            for pattern in WEIGHTS:
                _copy(weights, pattern, temporary)
        for pattern in TOKENIZER_FILES:
            _copy(saved, pattern, temporary)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)


def _copy(source: Path, pattern: str, target: Path) -> None:
    for path in sorted(source.glob(pattern)):
        if path.is_file():
            shutil.copyfile(path, target / path.name)


def compare(expected: dict[str, Any], text: str, trained: str | None) -> None:
    """Compare what a backend makes of a conversation with what the tokenizer's own chat template makes of it.

    White space at the end is not compared: it follows the end of the turn, where generation has stopped.

    Args:
        expected: ``text``, the rendered conversation, and ``trained``, the part of it that carries loss.
        text: the backend's rendering, decoded from its token ids.
        trained: the part of it that carries loss; None is not compared.

    Raises:
        RowsError: they differ.
    """
    if text.rstrip() != expected["text"].rstrip():
        raise RowsError(f"{_difference(expected['text'].rstrip(), text.rstrip())}")
    if trained is not None and _squeezed(trained) != _squeezed(expected["trained"]):
        raise RowsError(f"the trained part differs: {_difference(_squeezed(expected['trained']), _squeezed(trained))}")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _difference(wanted: str, got: str) -> str:
    pairs = zip(wanted, got, strict=False)
    at = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(wanted), len(got)))
    start = max(at - 30, 0)
    return (
        f"at character {at} the chat template has {wanted[start : at + 30]!r} and the backend {got[start : at + 30]!r}"
    )
