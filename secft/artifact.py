"""Artifacts: finished directories with a manifest, found again by their fingerprint.

An artifact is built in a directory beside its place, gets its manifest last, and is renamed into place, so a
directory that stands there is finished. A lock lets only one process build it; a second one waits and uses it.
"""

from __future__ import annotations

import datetime
import fnmatch
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from secft import __version__
from secft.errors import InputError, StorageError
from secft.files import digest, read_json, replace_directory, storage_errors, tree_digests, write_json

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Artifact:
    """A finished result of a stage.

    Attributes:
        path: its directory.
        manifest: what manifest.json says: stage, fingerprint, inputs, files, digest, summary.
    """

    path: Path
    manifest: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the files that make it what it is (logs and timings are left out)."""
        return str(self.manifest["digest"])

    @property
    def summary(self) -> dict[str, Any]:
        """What the stage reported: counts, reasons, timings."""
        return dict(self.manifest["summary"])


class ArtifactStore:
    """The directory of all artifacts: ``<root>/<stage>/<fingerprint>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def place(self, stage: str, fingerprint: str) -> Path:
        """Return where an artifact stands, or would stand."""
        return self.root / stage / fingerprint[:20]

    def find(self, stage: str, fingerprint: str) -> Artifact | None:
        """Return a finished artifact, or None if there is none or one of its files is gone."""
        place = self.place(stage, fingerprint)
        try:
            manifest = read_json(place / MANIFEST)
        except InputError:
            return None
        sizes = manifest.get("sizes", {}) if isinstance(manifest, dict) else {}
        if manifest.get("fingerprint") != fingerprint or manifest.get("format") != FORMAT:
            return None
        for name, size in sizes.items():
            file = place / name
            if not file.is_file() or file.stat().st_size != size:
                return None
        return Artifact(place, manifest)

    @contextmanager
    def lock(self, stage: str, fingerprint: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the right to build one artifact; says so once if somebody else holds it.

        Raises:
            StorageError: the store cannot be written.
        """
        place = self.place(stage, fingerprint)
        with storage_errors(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(place.with_name(f".{place.name}.lock"))
            try:
                lock.acquire(timeout=0.2)
            except Timeout:
                on_wait()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def workplace(self, stage: str, fingerprint: str, *, keep: bool) -> Path:
        """Return the directory in which an artifact is built, empty unless `keep` is set.

        Args:
            stage: name of the stage.
            fingerprint: of the artifact.
            keep: what an interrupted attempt left is wanted (checkpoints).
        """
        place = self.place(stage, fingerprint)
        directory = place.with_name(f".{place.name}.building")
        with storage_errors(directory):
            if directory.exists() and not keep:
                shutil.rmtree(directory)
            directory.mkdir(parents=True, exist_ok=True)
        return directory

    def finish(
        self, directory: Path, facts: Mapping[str, Any], summary: Mapping[str, Any], volatile: tuple[str, ...]
    ) -> Artifact:
        """Write the manifest of a built directory and rename it into its place.

        Args:
            directory: what `workplace` returned, filled.
            facts: stage, version, fingerprint, config, inputs, external digests, seed.
            summary: what the stage reports.
            volatile: patterns of files that may differ between equal results (logs, timings).
        """
        files = tree_digests(directory)
        identity = {n: d for n, d in files.items() if not any(fnmatch.fnmatch(n, p) for p in volatile)}
        manifest = {
            "format": FORMAT,
            **facts,
            "files": files,
            "sizes": {name: (directory / name).stat().st_size for name in files},
            "digest": digest(identity),
            "summary": dict(summary),
            "secft": __version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        write_json(directory / MANIFEST, manifest)
        place = self.place(str(facts["stage"]), str(facts["fingerprint"]))
        replace_directory(directory, place)
        found = self.find(str(facts["stage"]), str(facts["fingerprint"]))
        if found is None:
            raise StorageError(f"{place}: what was just written cannot be read back.")
        return found
