"""A base model and its candidate in one process: loaded once, the adapter switched on and off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from secft.models.loading import InferenceHardware, attach, attach_beside, is_adapter, load_model

Side = Literal["base", "candidate"]


CANDIDATE, START = "default", "start"
"""Names of adapters beside the base."""


@dataclass(frozen=True)
class ModelFiles:
    """Where two models are that are compared.

    Attributes:
        base: directory of the base model: safetensors, configuration, tokenizer with chat template.
        candidate: directory of an adapter of that base, or of a whole model.
        start: directory of the adapter that the candidate's training began with: the candidate is compared with base
            and that adapter; None compares with the base.
    """

    base: Path
    candidate: Path
    start: Path | None = None


class ModelPair:
    """Base and candidate; at most one copy of the base is in memory."""

    def __init__(self, files: ModelFiles, hardware: InferenceHardware) -> None:
        """Remember where the models are; they are loaded when first used.

        Raises:
            InputError: the candidate is neither an adapter nor a model.
        """
        self._files, self._hardware = files, hardware
        self._adapter = is_adapter(files.candidate)
        self._loaded: Side | None = None
        self._model: Any = None

    @contextlib.contextmanager
    def side(self, side: Side) -> Iterator[Any]:
        """Lend the base or the candidate."""
        if self._adapter:
            if self._model is None:
                self._model = attach(load_model(self._files.base, self._hardware), self._files.candidate)
                if self._files.start is not None:
                    attach_beside(self._model, self._files.start, START)
            if self._files.start is not None:
                self._model.set_adapter(START if side == "base" else CANDIDATE)
                yield self._model
                return
            with self._model.disable_adapter() if side == "base" else contextlib.nullcontext():
                yield self._model
            return
        if self._loaded != side:
            self._model = None
            self._model = load_model(self._files.base if side == "base" else self._files.candidate, self._hardware)
            self._loaded = side
        yield self._model
