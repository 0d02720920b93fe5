"""The locks of the training backends: which packages, in which versions, an environment of a backend holds.

A lock is a text file of pinned requirements, ``name==version`` with the digests of its files, and comments.
``secft/train/locks`` has one for each backend that needs an environment of its own. Torch has no digests: the index
of the user decides which build it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from secft.errors import InputError, did_you_mean

LOCKS = Path(__file__).resolve().parents[1] / "locks"
CUDA_SIZE = 6 * 2**30
"""What the CUDA libraries add that the usual build of torch brings along, in bytes."""

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.!+-]+)")
_DIGEST = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Lock:
    """The packages of one environment.

    Attributes:
        name: the backend.
        path: the file.
        versions: normalised name of a package -> version.
        digest: SHA-256 of the pins and of the modules that are added, in hexadecimal; comments do not count.
        added: modules that are put beside the packages, each a file.
        hashes: normalised name -> digests of the files that may be installed, as pip has them; none are compared for a
            package without any.
    """

    name: str
    path: Path
    versions: dict[str, str]
    digest: str
    added: tuple[Path, ...] = ()
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def constraints(self) -> str:
        """Return the versions alone, a line each."""
        return "".join(f"{name}=={version}\n" for name, version in sorted(self.versions.items()))

    def requirements(self, without: str) -> str:
        """Return what pip installs, with digests, but for one package."""
        lines = (
            " ".join([f"{name}=={version}", *self.hashes.get(name, ())])
            for name, version in sorted(self.versions.items())
            if name != without
        )
        return "".join(f"{line}\n" for line in lines)


def normal(name: str) -> str:
    """Return the normalised name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_of(name: str, locks: Path = LOCKS) -> Lock:
    """Read the lock of a backend.

    Args:
        name: the backend.
        locks: directory of the locks.

    Raises:
        InputError: the backend has no lock, or the lock has a line that is no pin.
    """
    path = locks / f"{name}.lock"
    if not path.is_file():
        known = sorted(found.stem for found in locks.glob("*.lock"))
        close = did_you_mean(name, known)
        hint = f" Did you mean {close!r}?" if close else ""
        raise InputError(f"{name!r} is no backend with an environment of its own.{hint} There are: {', '.join(known)}.")
    versions, hashes = _pins(path)
    added = tuple(sorted((locks / name).glob("*.py")))
    texts = [f"{package}=={version}" for package, version in sorted(versions.items())]
    texts += [f"{module.name}\n{module.read_text(encoding='utf-8')}" for module in added]
    return Lock(name, path, versions, hashlib.sha256("\n".join(texts).encode()).hexdigest(), added, hashes)


def _pins(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    found: dict[str, str] = {}
    hashes: dict[str, tuple[str, ...]] = {}
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip().removesuffix("\\").strip()
        if not text:
            continue
        if name and _DIGEST.fullmatch(text):
            hashes[name] = (*hashes.get(name, ()), text)
            continue
        pin = _PIN.fullmatch(text)
        if pin is None:
            raise InputError(f"{path}:{number}: expected name==version, found {text!r}.")
        name = normal(pin["name"])
        found[name] = pin["version"]
    return found, hashes
