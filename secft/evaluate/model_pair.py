"""A base model and its candidate in one process: loaded once, the adapter switched on and off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from secft.models.loading import InferenceHardware, attach, is_adapter, load_model

Side = Literal["base", "candidate"]


class ModelPair:
    """Base and candidate; at most one copy of the base is in memory."""

    def __init__(self, base_dir: Path, candidate_dir: Path, hardware: InferenceHardware) -> None:
        """Remember where the models are; they are loaded when first used.

        Raises:
            InputError: the candidate is neither an adapter nor a model.
        """
        self._base_dir, self._candidate_dir, self._hardware = base_dir, candidate_dir, hardware
        self._adapter = is_adapter(candidate_dir)
        self._loaded: Side | None = None
        self._model: Any = None

    @contextlib.contextmanager
    def side(self, side: Side) -> Iterator[Any]:
        """Lend the base or the candidate."""
        if self._adapter:
            if self._model is None:
                self._model = attach(load_model(self._base_dir, self._hardware), self._candidate_dir)
            with self._model.disable_adapter() if side == "base" else contextlib.nullcontext():
                yield self._model
            return
        if self._loaded != side:
            self._model = None
            self._model = load_model(self._base_dir if side == "base" else self._candidate_dir, self._hardware)
            self._loaded = side
        yield self._model
