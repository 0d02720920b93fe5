"""What the files of a base model say, in place of what an option says of another one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.config.options import option_settings, options
from secft.config.schemas.model import Architecture, ModelConfig
from secft.errors import InputError
from secft.models.downloads.cache import snapshot_dir
from secft.models.facts import ModelFacts, gguf_facts, read_facts
from secft.models.gguf_layout import is_gguf, read_layout
from secft.models.identity import hub_id_of, licence_of

GROUP = "model"
UNKNOWN = "unknown"
ANY = "hub"
"""The option that is no model of its own."""
_STRANGE = re.compile(r"[^\w.+=@-]+")
SIZES = ("layers", "hidden_size", "attention_heads", "key_value_heads", "vocabulary")
"""By these, a directory is told from the model of an option."""


def described(model: ModelConfig) -> ModelConfig:
    """Return the settings of a base model with what its files say: sizes, context, and what is not given.

    An option's name, id and licence are those of one model. Where ``path`` holds another one, or ``id`` names another
    one, they are not used: its own files name it, or its directory does. What a user gave besides stays.

    Args:
        model: as composed.
    """
    if model.name == ANY and (model.id or model.path):
        model = replace(model, name="")
    composed, place = _options_of(model), _place(model)
    try:
        files = _read(place, place.stat().st_mtime_ns) if place else None
    except (InputError, OSError):
        files = None  # told when the model is loaded
    option = next((one for one in composed if _is_option(one, model, files)), None)
    if option is None:
        for one in composed:
            model = _without_claims(model, one)
    else:
        model = _with_claims(model, option)
    if files is None or place is None:
        return replace(model, name=model.name or _name(place.name if place else model.id or model.path or ""))
    known = option.get("license") if option else None
    given = model.license not in (UNKNOWN, known)
    return replace(
        model,
        kind="hub" if model.path else model.kind,
        name=model.name or _name(files.hub_id or (files.directory if model.path else model.id)),
        id=model.id or files.hub_id,
        license=model.license if given else files.license or model.license,
        context_length=files.facts.context_length or model.context_length,
        architecture=_architecture(files.facts),
    )


def _architecture(facts: ModelFacts) -> Architecture:
    return Architecture(
        layers=facts.layers,
        hidden_size=facts.hidden_size,
        intermediate_size=facts.intermediate_size,
        attention_heads=facts.attention_heads,
        key_value_heads=facts.key_value_heads,
        vocabulary=facts.vocabulary,
        tied_embeddings=facts.tied_embeddings,
        head_width=facts.head_width,
        experts=facts.experts,
    )


def _place(model: ModelConfig) -> Path | None:
    """Return the directory of a model that is on this machine; packaged ones are what their options say."""
    if model.path:
        place = Path(model.path)
        return place if is_gguf(place) or (place / "config.json").is_file() else None
    if model.kind != "hub" or not model.id:
        return None
    found = snapshot_dir(model.id, model.revision or "main")
    return found if found is not None and (found / "config.json").is_file() else None


@dataclass(frozen=True)
class _Files:
    """What the files of a model say: sizes, licence, repository on the Hub, and the name of their directory."""

    facts: ModelFacts
    license: str
    hub_id: str
    directory: str


@lru_cache(maxsize=16)
def _read(place: Path, changed: int) -> _Files:
    if is_gguf(place):
        layout = read_layout(place)
        return _Files(gguf_facts(layout), str(layout.facts.get("general.license", "")).lower(), "", place.stem)
    return _Files(read_facts(place), licence_of(place), hub_id_of(place), place.name)


def _options_of(model: ModelConfig) -> list[dict[str, Any]]:
    """Return the settings of the options that a model may have been composed from: they have its id, name or sizes."""
    every = [option for option in (option_settings(GROUP, name) for name in options(GROUP)) if option.get("id")]
    return [
        option
        for option in every
        if option["id"] == model.id
        or option.get("name") == model.name
        or (option.get("architecture") and Architecture(**option["architecture"]) == model.architecture)
    ]


def _is_option(option: dict[str, Any], model: ModelConfig, files: _Files | None) -> bool:
    """Tell whether a model is that of an option: by its id and, where a path is given, by its name and its sizes."""
    if option["id"] != model.id:
        return False
    if not model.path or files is None:
        return True
    tail = str(option["id"]).rpartition("/")[2].lower()
    if files.hub_id:
        named = files.hub_id.lower() == str(option["id"]).lower()
    else:
        directory = files.directory.lower()
        named = tail in (directory, directory.rpartition("--")[2]) or directory.startswith(f"{tail}.")
    sizes = option.get("architecture") or {}
    return named and all(getattr(files.facts, size) == sizes[size] for size in SIZES if sizes.get(size))


def _without_claims(model: ModelConfig, option: dict[str, Any]) -> ModelConfig:
    """Return settings without what an option says of its own model; what a user gave instead stays."""
    return replace(
        model,
        name="" if model.name == option.get("name") else model.name,
        id="" if model.id == option["id"] else model.id,
        license=UNKNOWN if model.license == option.get("license") else model.license,
        gated=False,
        context_length=0 if model.context_length == option.get("context_length") else model.context_length,
        architecture=Architecture(),
    )


def _with_claims(model: ModelConfig, option: dict[str, Any]) -> ModelConfig:
    """Return settings with what an option says of its model wherever nothing is known: it may be given by its id."""
    known = model.architecture != Architecture()
    return replace(
        model,
        license=option.get("license", UNKNOWN) if model.license == UNKNOWN else model.license,
        gated=model.gated or bool(option.get("gated")),
        context_length=model.context_length or option.get("context_length", 0),
        architecture=model.architecture if known else Architecture(**option.get("architecture", {})),
    )


def _name(text: str) -> str:
    """Return a name for run ids made of an id or a directory's name."""
    return _STRANGE.sub("-", text.rstrip("/").rpartition("/")[2]).strip("-._")[:60].lower()
