"""The record of a base model on disk and the digests that identify it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError, ModelNotFoundError
from secft.files import sha256_file
from secft.models.soundness import read_header, read_object

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json")
TEMPLATE_FILE = "chat_template.jinja"
OTHER_LAYOUT = "consolidated"
CONFIG_FILES = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class BaseModel:
    """A base model that is complete on this machine.

    Attributes:
        name: option name, for example ``smollm2``.
        source: ``package``, ``gguf``, ``hub`` or ``random``.
        path: directory with config, safetensors weights, tokenizer files and chat template.
        digest: SHA-256 over the digests of the weight files.
        tokenizer_digest: SHA-256 over the tokenizer files, without the chat template.
        chat_template_digest: SHA-256 of the chat template's text.
        config_digest: SHA-256 over the files that say how the weights are computed with.
        parameters: number of weights stored in the files (tied weights count once).
        license: SPDX-like identifier, or ``unknown``.
        hub_id: repository on the Hugging Face hub that the weights come from, or "".
        revision: commit of that repository, or "" where it is not known.
        quantisation: how the GGUF file stores the weights that these were made of, or "".
        notes: how its chat template is used differently from how its files have it, for people.
    """

    name: str
    source: str
    path: Path
    digest: str
    tokenizer_digest: str
    chat_template_digest: str
    config_digest: str
    parameters: int
    license: str
    hub_id: str
    revision: str = ""
    quantisation: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for manifests and cards."""
        return {**asdict(self), "path": str(self.path), "notes": list(self.notes)}


def weight_files(directory: Path) -> list[Path]:
    """List the safetensors files of a model in name order; the same weights in another layout beside them do not count.

    Some repositories hold ``consolidated*.safetensors`` in their makers' own names beside the files of transformers.
    """
    every = sorted(p for p in directory.glob("*.safetensors") if not p.name.startswith("adapter"))
    if (directory / "model.safetensors.index.json").is_file() or (directory / "model.safetensors").is_file():
        return [path for path in every if not path.name.startswith(OTHER_LAYOUT)]
    return every


def digest_of_files(paths: list[Path], known: Mapping[str, str] | None = None) -> str:
    """Combine file digests into one that does not depend on where the files lie.

    Args:
        paths: the files, in order.
        known: name -> SHA-256 of files that were read before.
    """
    lines = [f"{path.name}:{(known or {}).get(path.name) or sha256_file(path)}" for path in paths]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def count_parameters(paths: list[Path]) -> int:
    """Count weights by reading only the headers of safetensors files."""
    return sum(math.prod(entry["shape"]) for path in paths for entry in read_header(path).values())


def read_chat_template(directory: Path) -> str:
    """Return the chat template of a model directory, or "" when it has none.

    Raises:
        InputError: tokenizer_config.json or the template is none.
    """
    template = directory / TEMPLATE_FILE
    if template.is_file():
        try:
            return template.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{TEMPLATE_FILE} is not UTF-8 ({error})") from error
    config = directory / "tokenizer_config.json"
    value = read_object(config).get("chat_template") or "" if config.is_file() else ""
    if isinstance(value, list):
        named = {entry.get("name"): entry.get("template") for entry in value if isinstance(entry, dict)}
        value = named.get("default") or ""
    if not isinstance(value, str):
        raise InputError(f"{config.name}: chat_template is {type(value).__name__}, not a text")
    return value


NO_TEMPLATE = "chat template"
"""How missing_parts names it."""


def missing_parts(directory: Path) -> list[str]:
    """Name what a directory lacks to be a usable base model.

    Raises:
        InputError: a file that tells of the others is not what it should be.
    """
    missing = []
    if not (directory / "config.json").is_file():
        missing.append("config.json")
    if not weight_files(directory):
        missing.append("*.safetensors")
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        names = read_object(index).get("weight_map")
        shards = {str(name) for name in names.values()} if isinstance(names, dict) else set()
        missing += sorted(name for name in shards if not (directory / name).is_file())
    if not any((directory / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        missing.append("tokenizer.json")
    if not read_chat_template(directory):
        missing.append(NO_TEMPLATE)
    return missing


def describe_model(
    name: str,
    source: str,
    directory: Path,
    *,
    license_id: str,
    hub_id: str,
    known: Mapping[str, str] | None = None,
) -> BaseModel:
    """Build the record of a model directory.

    Args:
        name: option name.
        source: ``gguf``, ``hub`` or ``random``.
        directory: config, weights, tokenizer and chat template.
        license_id: SPDX-like identifier, or ``unknown``.
        hub_id: repository on the hub, or "".
        known: name -> SHA-256 of files that were read before.

    Raises:
        ModelNotFoundError: if the directory is incomplete; its chat template may be chosen.
    """
    missing = missing_parts(directory)
    if missing not in ([], [NO_TEMPLATE]):
        raise ModelNotFoundError(f"model {name!r}: {directory} lacks {', '.join(missing)}")
    weights = weight_files(directory)

    def present(names: tuple[str, ...]) -> list[Path]:
        return [directory / name for name in names if (directory / name).is_file()]

    return BaseModel(
        name=name,
        source=source,
        path=directory,
        digest=digest_of_files(weights, known),
        tokenizer_digest=digest_of_files(present(TOKENIZER_FILES), known),
        chat_template_digest=hashlib.sha256(read_chat_template(directory).encode()).hexdigest(),
        config_digest=digest_of_files(present(CONFIG_FILES), known),
        parameters=count_parameters(weights),
        license=license_id,
        hub_id=hub_id,
    )
