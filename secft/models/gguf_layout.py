"""The layout of a GGUF file, read with an eye on the end of the file: nothing it says is believed before it fits.

Source: the specification of the format (versions 2 and 3, little-endian), docs/gguf.md of ggml.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
"""Kind of a value -> its form, for values of one size."""
TEXT, ARRAY = 8, 9
MOST_DIMENSIONS = 4
LONGEST_KEY = 1 << 16
DEEPEST = 4
ALIGNMENT = "general.alignment"
TEMPLATE = "tokenizer.chat_template"
MOST_FIELDS = 1 << 16
"""No file has as many: each is kept."""
LONGEST_FACT = 256
"""Bytes of a text that is kept besides the chat template."""


class _Cursor:
    """A place in a file that never passes its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.place = data, 0

    def take(self, form: str) -> Any:
        """Read one number.

        Raises:
            InputError: the file ends before.
        """
        size = struct.calcsize(f"<{form}")
        self.skip(size)
        return struct.unpack(f"<{form}", self.data[self.place - size : self.place])[0]

    def skip(self, size: int) -> None:
        """Pass over bytes.

        Raises:
            InputError: the file ends before.
        """
        if size > len(self.data) - self.place:
            raise InputError("is cut off, or tells of more than it holds")
        self.place += size

    def text(self, longest: int) -> bytes:
        """Read a length and so many bytes."""
        size = self.take("Q")
        if size > longest:
            raise InputError(f"holds a name of {size:,} bytes")
        self.skip(size)
        return self.data[self.place - size : self.place]

    def value(self, kind: int, depth: int = 0) -> Any:
        """Pass over a value; return it where it is a number or a text."""
        if kind in FIXED:
            return self.take(FIXED[kind])
        if kind == TEXT:
            return self.text(len(self.data))
        if kind != ARRAY or depth >= DEEPEST:
            raise InputError(f"holds a value of no known kind ({kind})")
        inner, count = self.take("I"), self.take("Q")
        if inner in FIXED:
            self.skip(count * struct.calcsize(FIXED[inner]))
            return None
        least = 8 if inner == TEXT else 12
        if count * least > len(self.data) - self.place:
            raise InputError("is cut off, or tells of more than it holds")
        for _ in range(count):
            self.value(inner, depth + 1)
        return None


@dataclass(frozen=True)
class GgufLayout:
    """What a GGUF file says of itself.

    Attributes:
        tensors: how many there are.
        template: the chat template, or "".
        facts: numbers and short texts of its fields, by their keys.
        shapes: name of a tensor -> its sizes, the fastest first as the format has them.
    """

    tensors: int
    template: str
    facts: Mapping[str, int | float | str]
    shapes: Mapping[str, tuple[int, ...]]


def is_gguf(path: Path) -> bool:
    """Tell a GGUF file by its name or, where it has another one as in Ollama's store, by how it begins."""
    try:
        if not path.is_file():
            return False
        if path.suffix.lower() == ".gguf":
            return True
        with path.open("rb") as handle:
            return handle.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_layout(path: Path) -> GgufLayout:
    """Read fields and table of tensors, and compare them with the size of the file.

    Raises:
        InputError: it is no GGUF file, or says what cannot be; the message goes on after the file's name.
    """
    if path.stat().st_size < len(MAGIC):
        raise InputError("is no GGUF file")
    with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != MAGIC:
            raise InputError("is no GGUF file")
        return _read(_Cursor(data))


def _read(cursor: _Cursor) -> GgufLayout:
    cursor.skip(len(MAGIC))
    version = cursor.take("I")
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "big"), "little") in VERSIONS
        raise InputError("is big-endian, which is not read" if swapped else f"is GGUF of version {version}, not 2 or 3")
    count, fields = cursor.take("Q"), cursor.take("Q")
    kept = _fields(cursor, fields)
    tensors = [_tensor(cursor) for _ in _counted(count, cursor)]
    if not tensors:
        raise InputError("holds no tensors")
    alignment = kept.get(ALIGNMENT, 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise InputError(f"has an alignment of {alignment!r}")
    begin = cursor.place + -cursor.place % alignment
    for name, _, offset, size in tensors:
        if begin + offset + size > len(cursor.data):
            raise InputError(f"is cut off: the tensor {name[:80]!r} ends beyond the file")
    template = kept.get(TEMPLATE, b"")
    try:
        text = template.decode() if isinstance(template, bytes) else ""
    except UnicodeDecodeError:
        raise InputError("holds a chat template that is no text") from None
    facts = {
        key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for key, value in kept.items()
        if key != TEMPLATE
    }
    return GgufLayout(len(tensors), text, facts, {name: shape for name, shape, _, _ in tensors})


def _fields(cursor: _Cursor, count: int) -> dict[str, Any]:
    """Return the chat template, numbers and short texts among the next fields, by their keys."""
    if count > MOST_FIELDS:
        raise InputError(f"tells of {count:,} fields")
    kept: dict[str, Any] = {}
    for _ in range(count):
        try:
            key = cursor.text(LONGEST_KEY).decode()
        except UnicodeDecodeError:
            raise InputError("holds a field whose name is no text") from None
        value = cursor.value(cursor.take("I"))
        is_short = isinstance(value, bytes) and len(value) <= LONGEST_FACT
        if key == TEMPLATE or is_short or isinstance(value, int | float):
            kept[key] = value
    return kept


def _counted(count: int, cursor: _Cursor) -> range:
    """Return a range of a number of tensors, whose entries take at least 24 bytes each."""
    if count * 24 > len(cursor.data) - cursor.place:
        raise InputError("is cut off, or tells of more than it holds")
    return range(count)


def _tensor(cursor: _Cursor) -> tuple[str, tuple[int, ...], int, int]:
    """Return name, sizes, offset and bytes of the next entry of the table."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    name = cursor.text(LONGEST_KEY).decode("utf-8", "replace")
    dimensions = cursor.take("I")
    if dimensions > MOST_DIMENSIONS:
        raise InputError(f"holds a tensor of {dimensions} dimensions")
    shape = tuple(cursor.take("Q") for _ in range(dimensions))
    items = math.prod(shape)
    kind, offset = cursor.take("I"), cursor.take("Q")
    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        raise InputError(f"holds a tensor of no known type ({kind})") from None
    return name, shape, offset, items // block * size
