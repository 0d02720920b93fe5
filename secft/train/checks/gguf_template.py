"""The chat template inside a GGUF file, read without its tensors and without its vocabulary.

Own code: gguf.GGUFReader makes an array of every token of the vocabulary (2.2 s for SmolLM2, this 0.03 s), has no
limits for broken files, and belongs to an extra, while this check runs in every plan.

Source: the GGUF specification, version 3 (ggml, docs/gguf.md).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from secft.errors import InputError

KEY = "tokenizer.chat_template"
MAGIC = b"GGUF"
VERSIONS = (2, 3)
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Type of a value -> bytes; 8 is a string, 9 an array."""
STRING, ARRAY = 8, 9
MAX_KEYS, MAX_STRING, MAX_ITEMS = 100_000, 2**20, 10**7


def gguf_template(path: Path) -> str:
    """Return the chat template of a GGUF file, or an empty string if it has none.

    Raises:
        InputError: it is no GGUF file, or a broken one.
    """
    with path.open("rb") as stream:
        try:
            return _find(stream)
        except (struct.error, UnicodeDecodeError) as error:
            raise InputError(f"{path}: a broken GGUF file ({error})") from error


def _find(stream: BinaryIO) -> str:
    magic, version, _, keys = struct.unpack("<4sIQQ", stream.read(24))
    if magic != MAGIC or version not in VERSIONS or keys > MAX_KEYS:
        raise InputError("no GGUF file of version 2 or 3")
    for _ in range(keys):
        name = _string(stream)
        kind = _number(stream, "<I")
        if name == KEY.encode() and kind == STRING:
            return _string(stream).decode("utf-8")
        _skip(stream, kind)
    return ""


def _number(stream: BinaryIO, kind: str) -> int:
    (value,) = struct.unpack(kind, stream.read(struct.calcsize(kind)))
    return int(value)


def _length(stream: BinaryIO) -> int:
    size = _number(stream, "<Q")
    if size > MAX_STRING:
        raise InputError(f"a broken GGUF file (a text of {size:,} bytes)")
    return size


def _string(stream: BinaryIO) -> bytes:
    return stream.read(_length(stream))


def _skip(stream: BinaryIO, kind: int) -> None:
    if kind == STRING:
        stream.seek(_length(stream), 1)
        return
    if kind != ARRAY:
        stream.seek(_size(kind), 1)
        return
    inner, count = _number(stream, "<I"), _number(stream, "<Q")
    if count > MAX_ITEMS:
        raise InputError(f"a broken GGUF file (a list of {count:,} values)")
    if inner == STRING:
        for _ in range(count):
            stream.seek(_length(stream), 1)
    else:
        stream.seek(count * _size(inner), 1)


def _size(kind: int) -> int:
    if kind not in SIZES:
        raise InputError(f"a broken GGUF file (values of type {kind})")
    return SIZES[kind]
