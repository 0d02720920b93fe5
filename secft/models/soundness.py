"""Whether a model directory or a GGUF file that somebody brings can be what it says, before anything loads it.

All of it is foreign: JSON that is none, weights whose header lies about their size, names that lead out of the
directory, code that wants to be run, chat templates that never end. Each is one message, and no code of a model runs:
what names any (``auto_map``) is refused, and templates are tried in a process of their own, with limits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.models.gguf_layout import read_layout
from secft.process import Worker

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
TEMPLATE_SECONDS, TEMPLATE_MEMORY = 10.0, 512 << 20
MOST_RENDERED = 1 << 20
"""Characters that a template may make of conversations of a few sentences."""


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
        if _names_code(values):
            yield f"{path.name} names Python code of its own (auto_map); secft never runs code that comes with a model"
        if path.name == "config.json":
            yield from _number_faults(values)


def _names_code(values: Mapping[str, Any]) -> bool:
    nested = [value for value in values.values() if isinstance(value, dict)]
    return "auto_map" in values or bool(values.get("custom_pipelines")) or any("auto_map" in value for value in nested)


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


# --- chat templates --------------------------------------------------------------------------------------------------


def _template_faults(directory: Path) -> list[str]:
    from secft.models.base_model import read_chat_template

    try:
        template = read_chat_template(directory)
    except InputError as error:
        return [str(error)]
    fault = template_fault(template)
    return [fault] if fault else []


def template_fault(template: str) -> str:
    """Return why a chat template cannot be used, or an empty string.

    It renders a few conversations in a process of its own. That it refuses some of them is its right; that it does not
    end, fills the memory, or writes without end is not.
    """
    with Worker(_render_probes, TEMPLATE_SECONDS, TEMPLATE_MEMORY) as worker:
        outcome = worker.run(template)
    reasons = {
        "timed_out": f"does not end within {TEMPLATE_SECONDS:g} s for a few short conversations",
        "out_of_memory": "needs more memory than a few short conversations can need",
        "crashed": f"ends the process that renders it ({outcome.detail})",
        "failed": f"cannot be read ({outcome.detail[:200]})",
    }
    reason = reasons.get(outcome.failure) or (outcome.value or "")
    return f"the chat template {reason}" if reason else ""


def _render_probes(template: str) -> str:
    """Compile a template and render conversations; return what is wrong with it, or an empty string."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The blocks that mark what is trained on; here they are only passed through."""

        tags = {"generation"}  # noqa: RUF012

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    environment.globals.update(raise_exception=refuse, strftime_now=lambda form: "01 Jan 2026")
    try:
        compiled = environment.from_string(template)
    except jinja2.TemplateError as error:
        return f"is not valid Jinja ({error})"
    for messages in _conversations():
        for more in ({}, {"tools": _TOOLS}):
            try:
                parts = compiled.generate(messages=messages, add_generation_prompt=True, **_SIGNS, **more)
                length = 0
                for part in parts:
                    length += len(part)
                    if length > MOST_RENDERED:
                        return f"writes more than {MOST_RENDERED:,} characters for a few short messages"
            except MemoryError:
                return "needs more memory than a few short conversations can need"
            except Exception:  # noqa: BLE001, S112  # a template may refuse a conversation, in its own words and types
                continue
    return ""


_SIGNS = {"bos_token": "<s>", "eos_token": "</s>"}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks up a weakness.",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        },
    }
]


def _conversations() -> Iterator[list[dict[str, Any]]]:
    """Yield short and long conversations, with and without system message, with a call and its result."""
    ask, reply = {"role": "user", "content": "What is CWE-79?"}, {"role": "assistant", "content": "A weakness. " * 20}
    system = {"role": "system", "content": "Answer precisely."}
    call = {"id": "call00001", "type": "function", "function": {"name": "look_up", "arguments": {"id": "CWE-79"}}}
    result = {"role": "tool", "name": "look_up", "tool_call_id": "call00001", "content": "Cross-site scripting"}
    yield [ask]
    yield [ask, reply]
    yield [system, ask, reply]
    yield [system, *([ask, reply] * 20)]
    yield [ask, {"role": "assistant", "content": "", "tool_calls": [call]}, result, reply]
    yield [{"role": "user", "content": "log line\n" * 500}, reply]


# --- GGUF ------------------------------------------------------------------------------------------------------------


def gguf_fault(path: Path) -> str:
    """Return why a GGUF file cannot be used, or an empty string."""
    try:
        layout = read_layout(path)
    except InputError as error:
        return str(error)
    fault = template_fault(layout.template)
    return f"cannot be used: {fault}" if fault else ""
