"""Artifacts: finished directories with a manifest, found again by their fingerprint.

An artifact is built in a directory beside its place, gets its manifest last, and is renamed into place, so a
directory that stands there is finished. A lock lets only one process build it; a second one waits and uses it.

What stands there is used only as long as it is what was written: its manifest is sealed, and a file that is missing or
other than the manifest says makes the artifact count as absent. That is told once, and it is made again.
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
from secft.files import digest, flush, flush_tree, read_json, replace_directory, storage_errors, write_json
from secft.integrity import changed_files, files_record, seal_holds, sealed
from secft.log import warn

FORMAT = 1
MANIFEST = "manifest.json"
MOST_NAMED = 3
"""Damaged files that are named; of more, only their number is told."""


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
        self._told: set[Path] = set()

    def place(self, stage: str, fingerprint: str) -> Path:
        """Return where an artifact stands, or would stand."""
        return self.root / stage / fingerprint[:20]

    def find(self, stage: str, fingerprint: str, *, content: bool = False) -> Artifact | None:
        """Return a finished artifact, or None if there is none or it is damaged, which is told.

        Args:
            stage: name of the stage.
            fingerprint: of the artifact.
            content: read every file; otherwise only those whose size or time is not the manifest's.
        """
        place = self.place(stage, fingerprint)
        if not place.is_dir():
            return None
        try:
            manifest = read_json(place / MANIFEST)
            holds = seal_holds(manifest)
            if holds and manifest["format"] != FORMAT:
                return None  # of another version
            holds = holds and manifest["fingerprint"] == fingerprint
            changed = changed_files(place, manifest, content=content) if holds else [MANIFEST]
            artifact = Artifact(place, manifest)
        except (InputError, KeyError, TypeError, AttributeError):
            changed = [MANIFEST]
        if changed:
            self._tell(place, changed)
            return None
        return artifact

    def check(self, artifact: Artifact) -> bool:
        """Read all files of an artifact, and tell whether they are what its manifest says; damage is told."""
        return self.find(artifact.manifest["stage"], artifact.manifest["fingerprint"], content=True) is not None

    def discard(self, artifact: Artifact) -> None:
        """Remove an artifact, so that it is made again.

        Raises:
            StorageError: the store cannot be written.
        """
        with storage_errors(artifact.path):
            shutil.rmtree(artifact.path)
        self._told.discard(artifact.path)

    def _tell(self, place: Path, changed: list[str]) -> None:
        if place in self._told:
            return
        self._told.add(place)
        names = ", ".join(changed[:MOST_NAMED]) + (
            f" and {len(changed) - MOST_NAMED} more" * (len(changed) > MOST_NAMED)
        )
        warn(f"{place} is damaged: {names} changed since it was finished; it is not used and made again")

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
        with storage_errors(directory):
            flush_tree(directory)
        record = files_record(directory)
        identity = {n: d for n, d in record["files"].items() if not any(fnmatch.fnmatch(n, p) for p in volatile)}
        manifest = {
            "format": FORMAT,
            **facts,
            **record,
            "digest": digest(identity),
            "summary": dict(summary),
            "secft": __version__,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        write_json(directory / MANIFEST, sealed(manifest))
        flush(directory)
        place = self.place(str(facts["stage"]), str(facts["fingerprint"]))
        replace_directory(directory, place)
        found = self.find(str(facts["stage"]), str(facts["fingerprint"]))
        if found is None:
            raise StorageError(f"{place}: what was just written cannot be read back.")
        return found
