"""A base model and its candidate in one process: loaded once, the adapter switched on and off."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from secft.environment import cpu_computes_bf16
from secft.errors import InputError

Side = Literal["base", "candidate"]


@dataclass(frozen=True)
class Hardware:
    """Where and how precisely both models are run.

    Attributes:
        device: ``cuda``, ``mps`` or ``cpu``.
        precision: ``bf16`` where it is fast, else ``fp32``; the same for base and candidate.
    """

    device: str
    precision: str


def find_hardware() -> Hardware:
    """Choose device and precision."""
    import torch

    if torch.cuda.is_available():
        return Hardware("cuda", "bf16" if torch.cuda.is_bf16_supported() else "fp32")
    return Hardware("cpu", "bf16" if cpu_computes_bf16() else "fp32")


def load_tokenizer(directory: Path) -> Any:
    """Load a tokenizer from disk only.

    Raises:
        InputError: there is none, or it has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: the tokenizer cannot be loaded ({error}).") from error
    if not tokenizer.chat_template:
        raise InputError(f"{directory}: the tokenizer has no chat template, so there is no trained form to measure.")
    return tokenizer


def load_model(directory: Path, hardware: Hardware) -> Any:
    """Load a causal model from safetensors on disk, ready to infer.

    Raises:
        InputError: the directory holds no such model.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(directory),
            dtype=dtype,
            attn_implementation="sdpa",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{directory}: the model cannot be loaded ({error}).") from error
    return model.to(hardware.device).eval()


def is_adapter(directory: Path) -> bool:
    """Tell an adapter from a full model.

    Raises:
        InputError: the directory is neither, or its weights are not safetensors.
    """
    if (directory / "adapter_config.json").is_file():
        if not (directory / "adapter_model.safetensors").is_file():
            raise InputError(f"{directory}: adapter_model.safetensors is missing; other formats are not loaded.")
        return True
    if (directory / "config.json").is_file() and any(directory.glob("*.safetensors")):
        return False
    raise InputError(f"{directory}: neither an adapter (adapter_config.json) nor a model (config.json, safetensors).")


def attach(model: Any, adapter_dir: Path) -> Any:
    """Put an adapter beside the weights of a loaded model, unmerged and in the model's precision.

    Merging would round the sum of weight and update to bfloat16 and measure another model than the one that
    is served with the adapter beside its base.
    """
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft calls what transformers will rename
        wrapped = PeftModel.from_pretrained(model, str(adapter_dir), is_trainable=False)
    return wrapped.to(model.dtype).eval()


class ModelPair:
    """Base and candidate; at most one copy of the base is in memory."""

    def __init__(self, base_dir: Path, candidate_dir: Path, hardware: Hardware) -> None:
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
