"""Where configuration files are looked for: inside of the package, and in folders that a command line adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_added: tuple[Path, ...] = ()


def conf_directory() -> Path:
    """Return the directory of the configuration groups: inside the wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def added() -> tuple[Path, ...]:
    """Return the folders that were added to secft's own, in their order."""
    return _added


def directories() -> tuple[Path, ...]:
    """Return all folders; where two hold a file of the same name, the first one counts, as in Hydra."""
    return (conf_directory(), *_added)


@contextmanager
def looking_in(folders: Sequence[Path]) -> Iterator[None]:
    """Look in some folders besides secft's own.

    Args:
        folders: absolute paths.
    """
    global _added  # noqa: PLW0603  # as Hydra's search path is one for the process
    before, _added = _added, tuple(folders)
    try:
        yield
    finally:
        _added = before


def found(name: str) -> Path | None:
    """Return the first file of a name without suffix, such as ``trainer/lora`` or ``run``; None if there is none."""
    files = (directory / f"{name}.yaml" for directory in directories())
    return next((path for path in files if path.is_file()), None)
