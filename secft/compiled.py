"""Loops in C, compiled on first use and kept: one file per source, flags, compiler and processor.

A library that is not what the compiler wrote is told, and compiled again.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from secft.files import sha256_file, write_text
from secft.log import warn

OWN_PROCESSOR = "-march=native" if platform.machine() == "x86_64" else "-mcpu=native"
"""Flag that makes code for this processor."""
LONGEST = 120
"""Seconds that a compiler may take."""


def find_compiler() -> str | None:
    """Return the C compiler of this machine ($CC, cc, gcc, clang), or None."""
    return os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)


def load_compiled(
    compiler: str, source: Path, flags: Sequence[str], place: Path, libraries: Sequence[str] = ()
) -> ctypes.CDLL:
    """Load the library of a source, compiling it where it is not there or not what was compiled.

    Args:
        compiler: its command.
        source: file in C.
        flags: what else the compiler is told.
        place: directory and first part of the name of the library; the rest is a digest of what decides about the code.
        libraries: linker flags.

    Raises:
        OSError: the compiler or the library cannot be run, or the place cannot be written.
        subprocess.SubprocessError: the compiler failed.
    """
    path = place.with_name(f"{place.name}-{_identity(compiler, flags, source)}.so")
    note = path.with_suffix(".sha256")
    known = note.read_text(encoding="utf-8").strip() if note.is_file() else ""
    if path.is_file() and known and sha256_file(path) != known:
        warn(f"{path} is damaged: it changed since it was compiled; it is compiled again")
        known = ""
    if not path.is_file() or not known:
        _compile([compiler, *flags, str(source), *libraries], path)
        write_text(note, sha256_file(path) + "\n")
    return ctypes.CDLL(str(path))


def _identity(compiler: str, flags: Sequence[str], source: Path) -> str:
    """Digest of everything that decides the machine code, the processor included."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.is_file() else []
    processor = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    text = "\n".join([compiler, *flags, processor, source.read_text(encoding="utf-8")])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compile(command: list[str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / path.name
        subprocess.run([*command, "-o", str(built)], check=True, capture_output=True, text=True, timeout=LONGEST)
        built.replace(path)
