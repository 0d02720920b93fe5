"""Prints the keys that a backend's configuration may have, a line each: ``<python> schema_keys.py axolotl``.

The lists in ``secft/train/locks/<backend>.keys`` were made by this script in the locked environments.
"""

from __future__ import annotations

import dataclasses
import sys


def axolotl_keys() -> list[str]:
    """Return the keys of Axolotl's schema."""
    from axolotl.utils.schemas.config import AxolotlInputConfig

    return sorted(AxolotlInputConfig.model_fields)


def llama_factory_keys() -> list[str]:
    """Return the keys of LLaMA-Factory's argument classes."""
    from llamafactory.hparams import DataArguments, FinetuningArguments, GeneratingArguments, ModelArguments
    from llamafactory.hparams.training_args import TrainingArguments

    kinds = (ModelArguments, DataArguments, TrainingArguments, FinetuningArguments, GeneratingArguments)
    return sorted({entry.name for kind in kinds for entry in dataclasses.fields(kind) if entry.init})


KEYS = {"axolotl": axolotl_keys, "llama_factory": llama_factory_keys}

if __name__ == "__main__":
    sys.stdout.write("\n".join(KEYS[sys.argv[1]]()) + "\n")
