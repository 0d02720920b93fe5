"""``meta.pkl``: the characters of a character-level data set, as nanoGPT's prepare.py pickles them.

A pickle can run code when it is read, so only dicts, strings and integers are let in.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

from secft.errors import InputError
from secft.files import storage_errors

MOST_BYTES = 32 * 2**20
PROTOCOL = 4


class _PlainUnpickler(pickle.Unpickler):
    """Knows no class and no function, so a pickle cannot name anything to be called."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside")


def write_meta(path: Path, characters: str) -> None:
    """Write the tables of a character-level data set: ``vocab_size``, ``itos``, ``stoi``, in this order."""
    tables: dict[str, Any] = {
        "vocab_size": len(characters),
        "itos": dict(enumerate(characters)),
        "stoi": {character: number for number, character in enumerate(characters)},
    }
    with storage_errors(path):
        path.write_bytes(pickle.dumps(tables, protocol=PROTOCOL))


def write_vocabulary_size(path: Path, vocab_size: int) -> None:
    """Write only the number of tokens, for a tokenizer that does not fit nanoGPT's default of 50304."""
    with storage_errors(path):
        path.write_bytes(pickle.dumps({"vocab_size": vocab_size}, protocol=PROTOCOL))


def read_meta(path: Path) -> dict[str, Any]:
    """Read a ``meta.pkl`` of any origin.

    Returns:
        ``vocab_size``, and ``stoi`` and ``itos`` where the file has them.

    Raises:
        InputError: the file is too large, is no pickle, names a class or a function, or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES} bytes; not a table of characters.")
    try:
        value = _PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise InputError(f"{path}: not a plain pickle of a table of characters ({error}).") from error
    problem = _problem(value)
    if problem:
        raise InputError(f"{path}: {problem}; expected vocab_size, and stoi and itos of characters.")
    return {key: value[key] for key in ("vocab_size", "itos", "stoi") if key in value}


def _problem(value: object) -> str:
    if not isinstance(value, dict):
        return "not a table"
    size = value.get("vocab_size")
    if type(size) is not int or not 0 < size <= 2**16:
        return f"vocab_size is {size!r}"
    if "stoi" not in value and "itos" not in value:
        return ""
    stoi, itos = value.get("stoi"), value.get("itos")
    if not isinstance(stoi, dict) or not isinstance(itos, dict) or len(stoi) != size or len(itos) != size:
        return "stoi and itos do not have vocab_size entries"
    plain = all(isinstance(key, str) and len(key) == 1 and type(number) is int for key, number in stoi.items())
    if not plain or any(itos.get(number) != key for key, number in stoi.items()):
        return "stoi and itos are not inverse tables of characters"
    return "" if set(itos) == set(range(size)) else "the numbers of the characters have gaps"
