"""Models of the Hugging Face hub that are already on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from secft.errors import InputError, ModelNotFoundError
from secft.models.base_model import NO_TEMPLATE, missing_parts
from secft.models.soundness import directory_faults

NO_CHAT_TEMPLATE = (
    "has no chat template, as base models have none. Use an instruct model, put a chat_template.jinja into its "
    "directory, or choose one: model.chat_template=chatml, alpaca, or a Jinja file"
)


def hub_cache_dir() -> Path:
    """Return the cache directory that huggingface_hub would use, without importing it."""
    if explicit := os.environ.get("HF_HUB_CACHE"):
        return Path(explicit).expanduser()
    home = os.environ.get("HF_HOME")
    base = Path(home).expanduser() if home else Path.home() / ".cache" / "huggingface"
    return base / "hub"


def snapshot_dir(hub_id: str, revision: str) -> Path | None:
    """Find a downloaded snapshot.

    Args:
        hub_id: ``owner/name``.
        revision: branch, tag or commit.

    Returns:
        The snapshot's directory, or None when it was never downloaded.
    """
    repository = hub_cache_dir() / f"models--{hub_id.replace('/', '--')}"
    reference = repository / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    snapshot = repository / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def locate_hub_model(name: str, hub_id: str, path: Path | None, revision: str) -> Path:
    """Find a complete copy of a hub model on this machine.

    Args:
        name: option name, for messages.
        hub_id: ``owner/name``.
        path: directory that the user gave, or None.
        revision: branch, tag or commit looked up in the hub cache.

    Raises:
        ModelNotFoundError: with every place that was looked at and how to get the model.
    """
    looked: list[str] = []
    candidates = [path] if path is not None else [snapshot_dir(hub_id, revision)]
    for candidate in candidates:
        if candidate is None or not candidate.is_dir():
            looked.append(str(path) if path is not None else f"{hub_cache_dir()} (no snapshot of {hub_id}@{revision})")
            continue
        try:
            missing = missing_parts(candidate)
            faults = directory_faults(candidate) if missing in ([], [NO_TEMPLATE]) else []
        except InputError as error:
            missing, faults = [], [str(error)]
        if faults:
            raise ModelNotFoundError(f"model {name!r} in {candidate} cannot be used: {'; '.join(faults)}")
        if missing in ([], [NO_TEMPLATE]):  # a chat template may be chosen
            return candidate
        looked.append(f"{candidate} (lacks {', '.join(missing)})")
    download = (
        f"Get it with `hf download {hub_id} --revision {revision}` (accept its licence on "
        f"https://huggingface.co/{hub_id} first, where it has one), or point"
    )
    raise ModelNotFoundError(
        f"model {name!r} is not on this machine. Looked in: {'; '.join(looked)}. {download if hub_id else 'Point'} "
        "model.path at a directory that holds config.json, safetensors weights and the tokenizer."
    )
