"""Looking into an environment with its own Python: which packages are there, and which of their files were changed."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from secft.errors import InputError

_SECONDS = 60
_SECONDS_FOR_FILES = 900

_PROGRAM = r"""
import base64, hashlib, importlib.metadata, json, platform, re, sys

def changed(distribution):
    for entry in distribution.files or ():
        if entry.hash is None or entry.hash.mode != "sha256" or entry.suffix == ".pyc":
            continue  # Python rewrites compiled files, also those that a wheel brings
        path = distribution.locate_file(entry)
        try:
            with open(path, "rb") as stream:
                found = hashlib.file_digest(stream, "sha256").digest()
        except OSError:
            yield str(entry) + " is gone"
            continue
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != entry.hash.value:
            yield str(entry) + " was changed"

def field(header, name):
    found = re.search(rf"^{name}: *(.*)$", header, re.MULTILINE)
    return found[1].strip() if found else ""

versions, files = {}, []
for distribution in importlib.metadata.distributions():
    # The header alone: parsing whole descriptions of hundreds of packages takes a second.
    header = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    name = field(header, "Name")
    if not name:
        continue
    versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), field(header, "Version"))
    if "files" in sys.argv[1:]:
        files.extend(changed(distribution))
print(json.dumps({"python": platform.python_version(), "versions": versions, "changed": sorted(files)}))
"""


@dataclass(frozen=True)
class Inside:
    """What an environment holds.

    Attributes:
        python: version of its Python.
        versions: normalised name of a package -> version.
        changed: files that are not as they were installed, with what is wrong; empty if that was not asked.
    """

    python: str
    versions: dict[str, str]
    changed: list[str]


def look_inside(python: Path, *, files: bool = False) -> Inside:
    """Ask an environment's own Python what is installed.

    Args:
        python: the interpreter.
        files: also compare every installed file with the digest in its package's RECORD (seconds to a minute).

    Raises:
        InputError: the interpreter does not run.
    """
    command = [str(python), "-I", "-c", _PROGRAM, *(["files"] if files else [])]
    limit = _SECONDS_FOR_FILES if files else _SECONDS
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
        values = json.loads(done.stdout)
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        raise InputError(f"{python} fails: {' '.join(last) or f'exit code {error.returncode}'}") from error
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise InputError(f"{python} does not run: {error}") from error
    return Inside(values["python"], values["versions"], values["changed"])
