"""Prints the keys that a backend's configuration may have, a line each: ``<python> schema_keys.py axolotl``.

The lists in ``secft/train/locks/<backend>.keys`` were made by this script in the locked environments.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import sys


def axolotl_keys() -> list[str]:
    """Return the keys of Axolotl's schema and of the plugin for Liger's kernels."""
    from axolotl.integrations.liger.args import LigerArgs
    from axolotl.utils.schemas.config import AxolotlInputConfig

    return sorted({*AxolotlInputConfig.model_fields, *LigerArgs.model_fields})


def llama_factory_keys() -> list[str]:
    """Return the keys of LLaMA-Factory's argument classes."""
    from llamafactory.hparams import DataArguments, FinetuningArguments, GeneratingArguments, ModelArguments
    from llamafactory.hparams.training_args import TrainingArguments

    kinds = (ModelArguments, DataArguments, TrainingArguments, FinetuningArguments, GeneratingArguments)
    return sorted({entry.name for kind in kinds for entry in dataclasses.fields(kind) if entry.init})


def unsloth_keys() -> list[str]:
    """Return the arguments of Unsloth's functions that secft passes on and the settings of trl's trainers.

    The trainers follow on the command line as ``module:settings``, for example ``trl:DPOConfig``; the objectives of
    secft name them.
    """
    with contextlib.redirect_stdout(sys.stderr):  # Unsloth greets on the way
        from unsloth_run import ADAPTER, LOADING, PLACES

    kinds = [getattr(importlib.import_module(name.partition(":")[0]), name.partition(":")[2])
             for name in ("trl:SFTConfig", *sys.argv[2:])]  # fmt: skip
    return sorted({entry.name for kind in kinds for entry in dataclasses.fields(kind)} | ADAPTER | LOADING | PLACES)


KEYS = {"axolotl": axolotl_keys, "llama_factory": llama_factory_keys, "unsloth": unsloth_keys}

if __name__ == "__main__":
    sys.stdout.write("\n".join(KEYS[sys.argv[1]]()) + "\n")
