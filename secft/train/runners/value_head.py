"""From LLaMA-Factory's reward model to one that transformers and peft load.

LLaMA-Factory saves an adapter and, beside it, the head of trl's model with a value head: one number from the last
hidden state, as in a model for sequence classification with one label. The head's bias adds the same to every score and
is left out.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

HEAD = "value_head.safetensors"
WEIGHT = "v_head.summary.weight"
SCORE = "base_model.model.score.weight"


def as_classifier(directory: Path) -> None:
    """Put the head of a saved reward model into its adapter.

    Raises:
        ValueError: the head is not that of trl's model with a value head.
    """
    head = load_file(str(directory / HEAD))
    if WEIGHT not in head:
        raise ValueError(f"{directory / HEAD} has no {WEIGHT}, but {sorted(head)}")
    path = directory / "adapter_model.safetensors"
    weights = {name: tensor for name, tensor in load_file(str(path)).items() if not name.startswith("v_head.")}
    save_file({**weights, SCORE: head[WEIGHT].float().contiguous()}, str(path), metadata={"format": "pt"})
    config = directory / "adapter_config.json"
    values = json.loads(config.read_text(encoding="utf-8"))
    values |= {"task_type": "SEQ_CLS", "modules_to_save": ["classifier", "score"]}
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
