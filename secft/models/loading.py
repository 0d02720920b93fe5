"""Models in this process: tokenizer and weights from disk only, safetensors only, none of their code.

The one place where weights are loaded: to teach, to be measured, and to be trained.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.environment import cpu_computes_bf16, require
from secft.errors import InputError

SAFE = {"local_files_only": True, "trust_remote_code": False, "use_safetensors": True}


@dataclass(frozen=True)
class InferenceHardware:
    """Where and how precisely a model is run.

    Attributes:
        device: ``cuda`` or ``cpu``.
        precision: ``bf16`` where it is fast, else ``fp32``.
    """

    device: str
    precision: str


def find_hardware() -> InferenceHardware:
    """Choose device and precision."""
    import torch

    if torch.cuda.is_available():
        return InferenceHardware("cuda", "bf16" if torch.cuda.is_bf16_supported() else "fp32")
    return InferenceHardware("cpu", "bf16" if cpu_computes_bf16() else "fp32")


def load_tokenizer(directory: Path | str, *, template: bool = True, **arguments: Any) -> Any:
    """Load a tokenizer from disk.

    Args:
        directory: of the model.
        template: whether it must have a chat template.
        arguments: further ones of ``from_pretrained``.

    Raises:
        InputError: there is none, or it has no chat template.
    """
    require(("transformers",), "train", "A tokenizer")
    from transformers import AutoTokenizer

    settings = {"local_files_only": True, **arguments, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(directory), **settings)
    except ImportError:
        raise
    except Exception as error:  # of a broken file the libraries raise errors of many types, Exception itself among them
        raise InputError(f"{directory}: the tokenizer cannot be loaded ({error}).") from error
    if template and not tokenizer.chat_template:
        raise InputError(f"{directory}: the tokenizer has no chat template, so that no conversation can be rendered.")
    return tokenizer


def load_weights(directory: Path | str, kind: Any = None, **arguments: Any) -> Any:
    """Load a model from safetensors on disk.

    Args:
        directory: of the model.
        kind: a class of transformers; None is AutoModelForCausalLM.
        arguments: of its ``from_pretrained``; what keeps the model's own code from being run cannot be changed.

    Raises:
        InputError: the directory holds no such model.
    """
    from transformers import AutoModelForCausalLM

    try:
        return (kind or AutoModelForCausalLM).from_pretrained(
            str(directory), **{**SAFE, **arguments, "trust_remote_code": False, "use_safetensors": True}
        )
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        if "out of memory" in str(error):
            raise
        # Of a broken file the libraries raise errors of many types.
        raise InputError(f"{directory}: the model cannot be loaded ({error}).") from error


def load_model(directory: Path, hardware: InferenceHardware, kind: Any = None, **arguments: Any) -> Any:
    """Load a model ready to infer.

    Raises:
        InputError: the directory holds no such model.
    """
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    model = load_weights(directory, kind, dtype=dtype, **arguments)
    return model.to(hardware.device).eval()


def supports_attention(directory: Path | str, implementation: str) -> bool:
    """Tell whether transformers has an implementation of attention for a model's architecture.

    Args:
        directory: of the model.
        implementation: ``eager``, ``sdpa`` or ``flash_attention_2``.
    """
    if implementation == "eager":
        return True
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    try:
        config = AutoConfig.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)
        kind = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except ImportError:
        raise
    except Exception:  # noqa: BLE001  # of a broken file errors of many types; told when the model is loaded
        return True
    kinds = kind if isinstance(kind, tuple) else (kind,)
    attribute = "_supports_sdpa" if implementation == "sdpa" else "_supports_flash_attn"
    return all(bool(getattr(one, attribute, False)) for one in kinds)


def usual_attention(directory: Path | str) -> str:
    """Return the implementation of attention that a program outside of this environment is to be given."""
    return "sdpa" if supports_attention(directory, "sdpa") else "eager"


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


def attach_beside(model: Any, adapter_dir: Path, name: str) -> None:
    """Load another adapter beside that of ``attach``; ``model.set_adapter(name)`` chooses which one is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.load_adapter(str(adapter_dir), adapter_name=name, is_trainable=False)
    model.to(model.dtype).eval()
