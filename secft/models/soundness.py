"""Whether a model directory or a GGUF file that somebody brings can be what it says, before anything loads it.

All of it is foreign: JSON that is none, weights whose header lies about their size, names that lead out of the
directory, code that wants to be run, chat templates that never end. Each is one message, and no code of a model runs:
what names any (``auto_map``) is refused unless transformers has the very classes itself, and templates are tried in a
process of their own (template_probe.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.models.gguf_layout import read_layout
from secft.models.template_probe import template_fault

MOST_BYTES = 64 << 20
"""Of a JSON file of a model; tokenizers have the largest, of about 30 MB."""
MOST_HEADER = 100 << 20
"""Of the header of a safetensors file, as the format limits it."""
ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8, "C64": 8,
}  # fmt: skip
POSITIVE = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "head_dim",
            "intermediate_size", "max_position_embeddings")  # fmt: skip
"""Settings of config.json that are whole numbers above zero where they are there."""
MOST_OF_ONE = 1 << 31
"""No such number is larger."""


def directory_faults(directory: Path) -> list[str]:
    """Return why a directory with all parts of a model cannot be used, or nothing."""
    faults = [*config_faults(directory), *_weight_faults(directory), *_tokenizer_faults(directory)]
    return faults or _template_faults(directory)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model.

    Raises:
        InputError: it is too large, not JSON, or no object; the message begins with the file's name.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path.name} has {path.stat().st_size:,} bytes, and no such file needs {MOST_BYTES:,}")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name} is not valid JSON ({error})") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror or error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{path.name} holds {type(value).__name__}, not an object")
    return value


def config_faults(directory: Path) -> Iterator[str]:
    """Yield what is wrong with the JSON files of a model directory: none, code of its own, numbers that cannot be."""
    for path in sorted(directory.glob("*.json")):
        if path.name in ("tokenizer.json", "vocab.json", "model.safetensors.index.json", "added_tokens.json"):
            continue
        try:
            values = read_object(path)
        except InputError as error:
            yield str(error)
            continue
        if _names_code(values) and not (path.name == "config.json" and _is_native(values, directory)):
            yield f"{path.name} names Python code of its own (auto_map); secft never runs code that comes with a model"
        if path.name == "config.json":
            yield from _number_faults(values)


def _names_code(values: Mapping[str, Any]) -> bool:
    nested = [value for value in values.values() if isinstance(value, dict)]
    return "auto_map" in values or bool(values.get("custom_pipelines")) or any("auto_map" in value for value in nested)


def _is_native(config: Mapping[str, Any], directory: Path) -> bool:
    """Tell whether the code that a config.json names has become part of transformers, whose own is used instead.

    Repositories that were published with code (Phi-3) go on naming it; every class of theirs is one of the library's.
    """
    named = config.get("auto_map")
    others = [value for value in config.values() if isinstance(value, dict) and value is not named]
    if not isinstance(named, dict) or config.get("custom_pipelines") or any("auto_map" in value for value in others):
        return False
    try:
        from transformers.models.auto import configuration_auto, modeling_auto
    except ImportError:
        return False
    tables = [table for name, table in vars(modeling_auto).items() if name.endswith("_MAPPING_NAMES")]
    found = [table.get(config.get("model_type"), "") for table in (configuration_auto.CONFIG_MAPPING_NAMES, *tables)]
    classes = {name for name in found if isinstance(name, str) and name}
    settings = directory / "tokenizer_config.json"
    if "AutoTokenizer" in named and settings.is_file() and read_object(settings).get("tokenizer_class"):
        named = {key: value for key, value in named.items() if key != "AutoTokenizer"}
    return all(isinstance(value, str) and value.rpartition(".")[2] in classes for value in named.values())


def _number_faults(config: Mapping[str, Any]) -> Iterator[str]:
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        yield "config.json names no model_type"
    parts = [config, *(config[key] for key in ("text_config",) if isinstance(config.get(key), dict))]
    for part in parts:
        for key in POSITIVE:
            value = part.get(key)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and 0 < value < MOST_OF_ONE):
                yield f"config.json: {key} = {str(value)[:40]!r} is no whole number above zero"


def _weight_faults(directory: Path) -> Iterator[str]:
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        yield from _index_faults(index)
    for path in sorted(directory.glob("*.safetensors")):
        try:
            _check_header(path)
        except InputError as error:
            yield str(error)


def _index_faults(index: Path) -> Iterator[str]:
    try:
        names = read_object(index).get("weight_map")
    except InputError as error:
        yield str(error)
        return
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        yield f"{index.name}: weight_map does not name a file for each tensor"
    elif outside := sorted({name for name in names.values() if Path(name).name != name}):
        yield f"{index.name}: {outside[0][:80]!r} leads out of the directory"


def read_header(path: Path) -> dict[str, dict[str, Any]]:
    """Return tensor -> dtype, shape and data_offsets of a safetensors file.

    Raises:
        InputError: the header is none, or longer than the file; the message begins with the file's name.
    """
    size = path.stat().st_size
    with path.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, MOST_HEADER):
            raise InputError(f"{path.name} is cut off or no safetensors file ({size:,} bytes, a header of {length:,})")
        try:
            header = json.loads(handle.read(length))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path.name} has no readable header ({str(error)[:80]})") from error
    if not isinstance(header, dict):
        raise InputError(f"{path.name} has no readable header")
    return {name: entry for name, entry in header.items() if name != "__metadata__"}


def _check_header(path: Path) -> None:
    """Compare what a header says with the file: every byte belongs to one tensor, as the format wants it."""
    with path.open("rb") as handle:
        begin = 8 + int.from_bytes(handle.read(8), "little")
    spans = []
    for name, entry in read_header(path).items():
        try:
            count = ITEM_BYTES[entry["dtype"]]
            for dimension in entry["shape"]:
                if type(dimension) is not int or dimension < 0:
                    raise ValueError
                count *= dimension
            first, last = entry["data_offsets"]
            if (type(first), type(last)) != (int, int) or not 0 <= first <= last or last - first != count:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{path.name}: tensor {name[:80]!r} has no sensible type, shape or place") from None
        spans.append((first, last))
    end = 0
    for first, last in sorted(spans):
        if first != end:
            raise InputError(f"{path.name}: tensors overlap or leave bytes between them")
        end = last
    if begin + end != path.stat().st_size:
        raise InputError(f"{path.name} has {path.stat().st_size:,} bytes, and its header tells of {begin + end:,}")


def _tokenizer_faults(directory: Path) -> Iterator[str]:
    path = directory / "tokenizer.json"
    if not path.is_file():
        return
    try:
        values = read_object(path)
    except InputError as error:
        yield str(error)
        return
    if not isinstance(values.get("model"), dict):
        yield f"{path.name} describes no tokenizer"
        return
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return  # a plan needs no tokenizer; a run is told that the extra is missing
    try:
        Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001  # the library raises Exception itself
        yield f"{path.name} cannot be loaded ({str(error)[:120]})"


def _template_faults(directory: Path) -> list[str]:
    from secft.models.base_model import read_chat_template

    try:
        template = read_chat_template(directory)
    except InputError as error:
        return [str(error)]
    fault = template_fault(template)
    return [fault] if fault else []


def gguf_fault(path: Path) -> str:
    """Return why a GGUF file cannot be used, or an empty string."""
    try:
        layout = read_layout(path)
    except InputError as error:
        return str(error)
    fault = template_fault(layout.template)
    return f"cannot be used: {fault}" if fault else ""
