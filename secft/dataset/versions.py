"""Published datasets, found by name: ``provider/name-vN``, ``name-vN``, ``name`` (its latest version) or a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.dataset.freeze import FORMAT
from secft.dataset.split import SPLITS
from secft.errors import InputError, did_you_mean
from secft.files import read_json
from secft.versions import CORPUS_FORMAT, MANIFEST

_VERSION = re.compile(r"(?P<name>[^\W_][\w.+=,@-]*)-v(?P<number>[1-9]\d*)")

_NEEDED = {
    "splits": dict, "counts": dict, "funnel": list, "sources": dict, "licenses": list, "parents": dict,
    "config": dict, "digest": str, "files": dict,
}  # fmt: skip


@dataclass(frozen=True)
class Version:
    """One frozen dataset.

    Attributes:
        path: its directory.
        provider: first part of its name; empty for one that stands nowhere in the data root.
        name: name without version.
        number: number of the version, or 0.
    """

    path: Path
    provider: str
    name: str
    number: int

    @property
    def title(self) -> str:
        """Name for people: ``provider/name-vN``, or the path."""
        return f"{self.provider}/{self.name}-v{self.number}" if self.number else str(self.path)

    @property
    def is_corpus(self) -> bool:
        """It is text for pretraining, which has another manifest."""
        try:
            return _is_of_corpus(read_json(self.path / MANIFEST))
        except InputError:
            return False

    def manifest(self) -> dict[str, Any]:
        """Return the manifest.

        Raises:
            InputError: it is missing or broken.
        """
        manifest = read_json(self.path / MANIFEST)
        if _is_of_corpus(manifest):
            raise InputError(f"{self.path}: a corpus for pretraining, not a dataset.")
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise InputError(f"{self.path / MANIFEST}: not a manifest of the format {FORMAT}.")
        wrong = [key for key, kind in _NEEDED.items() if not isinstance(manifest.get(key), kind)]
        wrong += [] if wrong or set(SPLITS) <= set(manifest["splits"]) else ["splits"]
        if wrong:
            raise InputError(f"{self.path / MANIFEST}: lacks {', '.join(wrong)}, or they have another form.")
        return manifest


def _is_of_corpus(manifest: Any) -> bool:
    return isinstance(manifest, dict) and manifest.get("format") == CORPUS_FORMAT


def published(root: Path) -> list[Version]:
    """Return all versions below the data root, by provider, name and number."""
    return sorted(_found(root), key=lambda version: (version.provider, version.name, version.number))


def _found(root: Path) -> Iterator[Version]:
    for provider in root.iterdir() if root.is_dir() else ():
        if not provider.is_dir() or provider.name.startswith("."):
            continue
        for path in provider.iterdir():
            match = _VERSION.fullmatch(path.name)
            if match and path.is_dir():
                yield Version(path, provider.name, match["name"], int(match["number"]))


def resolve(word: str, root: Path) -> Version:
    """Return the dataset that a word names.

    Args:
        word: ``provider/name-vN``, ``name-vN``, ``provider/name`` or ``name`` (the latest version), or a directory.
        root: data root.

    Raises:
        InputError: there is none, or several providers have one; the message says which names there are.
    """
    versions = published(root)
    exact = [version for version in versions if word in (version.title, f"{version.name}-v{version.number}")]
    named = [version for version in versions if word in (version.name, f"{version.provider}/{version.name}")]
    found = exact or named
    providers = sorted({version.provider for version in found})
    if len(providers) > 1:
        choices = ", ".join(f"{provider}/{word}" for provider in providers)
        raise InputError(f"{word!r} names datasets of several providers: {choices}.")
    if found:
        return found[-1]
    if (Path(word) / MANIFEST).is_file():
        return _at(Path(word), versions)
    raise InputError(_unknown(word, root, versions))


def _at(path: Path, versions: list[Version]) -> Version:
    known = {version.path.resolve(): version for version in versions}
    return known.get(path.resolve()) or Version(path, "", path.name, 0)


def _unknown(word: str, root: Path, versions: list[Version]) -> str:
    if not versions:
        return f"{word!r}: no such dataset; there is none in {root} (paths.data), and no directory of this name."
    names = {version.title for version in versions} | {f"{version.name}-v{version.number}" for version in versions}
    names |= {version.name for version in versions}
    close = did_you_mean(word, sorted(names))
    hint = f" Did you mean {close!r}?" if close else ""
    shown = ", ".join(version.title for version in versions[:10]) + (" ..." if len(versions) > 10 else "")
    return f"{word!r}: no such dataset in {root}.{hint} There are: {shown}."
