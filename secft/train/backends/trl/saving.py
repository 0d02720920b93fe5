"""A whole model that was trained in fp32 is kept in the type of its base.

It takes half the disk, and whatever serves the base serves it.
"""

from __future__ import annotations

from pathlib import Path

from secft.files import read_json, write_json

INDEX = "model.safetensors.index.json"
HALF = ("bfloat16", "float16")


def save_like_base(directory: Path, base: Path) -> None:
    """Round the weights of a saved model to the type that its base has on disk; one file is in memory at a time.

    Args:
        directory: the saved model, fp32.
        base: the model that it was trained from; where that is fp32, or says nothing, nothing is changed.
    """
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    told = read_json(base / "config.json")
    name = str(told.get("dtype") or told.get("torch_dtype") or "")
    if name not in HALF:
        return
    kind, total = getattr(torch, name), 0
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(str(path), "pt") as stored:
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118  # not a mapping
        rounded = {key: value.to(kind) if value.dtype == torch.float32 else value for key, value in tensors.items()}
        total += sum(value.numel() * value.element_size() for value in rounded.values())
        temporary = path.with_suffix(".tmp")
        save_file(rounded, str(temporary), metadata={"format": "pt"})
        temporary.replace(path)
    settings = read_json(directory / "config.json")
    settings.pop("torch_dtype", None)
    write_json(directory / "config.json", {**settings, "dtype": name})
    if (directory / INDEX).is_file():
        index = read_json(directory / INDEX)
        write_json(directory / INDEX, {**index, "metadata": {**index.get("metadata", {}), "total_size": total}})
