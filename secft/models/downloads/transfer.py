"""Bring the files of a repository into the cache: each goes on where it was cut off, and is checked before it counts.

huggingface_hub throws away what it has of a file when its process ends, and up to ten megabytes where a connection
breaks, so that the last of sixteen gigabytes may cost all of them. Its session, headers and errors are used here, and a
file of our own that stays.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

from secft.errors import DownloadError
from secft.files import flush, storage_errors
from secft.models.downloads.cache import PARTIAL, Snapshot
from secft.models.downloads.listing import HubFile, HubListing, endpoint, hub_errors
from secft.models.downloads.record import read_digests
from secft.models.downloads.signs import LifeSigns
from secft.net.retry_after import asked_wait

TRY_AGAIN = (408, 429, 500, 502, 503, 504)
MOST_TRIES = 5
"""In a row of which none brought a byte."""
LONGEST_WAIT = 300.0
"""Seconds, whatever a server asks for."""


def is_here(snapshot: Snapshot, file: HubFile) -> bool:
    """Tell whether a file's content is in the cache already, whole; what is not is removed, to be brought again."""
    blob = snapshot.repository / "blobs" / file.blob
    if not blob.is_file():
        blob.unlink(missing_ok=True)  # a link to nothing
        return False
    if _is_right(blob, file):
        return True
    blob.unlink()
    return False


def bytes_here(snapshot: Snapshot, file: HubFile) -> int:
    """Return how many bytes of a file an interrupted download left."""
    partial = _partial(snapshot, file)
    have = partial.stat().st_size if partial.is_file() else 0
    return have if have <= file.size else 0


def bring(listing: HubListing, snapshot: Snapshot, file: HubFile, signs: LifeSigns) -> int:
    """Download one file, going on where it was interrupted, check it, and put it into its place.

    Args:
        listing: what the Hub said.
        snapshot: of the commit.
        file: of the listing.
        signs: is told of bytes as they come.

    Returns:
        Bytes that were transferred.

    Raises:
        DownloadError: the Hub does not give it, or gives other bytes than it lists.
        StorageError: the disk is full.
    """
    partial = _partial(snapshot, file)
    partial.parent.mkdir(parents=True, exist_ok=True)
    resumed = bytes_here(snapshot, file)
    sink = _transfer(listing, file, partial, resumed, signs)
    if not _is_right(partial, file) and resumed and not sink.restarted:
        # What was left of the last time may be damaged: that is no fault of the Hub's.
        partial.unlink()
        signs.advance(-file.size)
        again = _transfer(listing, file, partial, 0, signs)
        again.received += sink.received
        sink = again
    if not _is_right(partial, file):
        partial.unlink(missing_ok=True)
        raise DownloadError(
            f"{listing.hub_id}: {endpoint()} gave other bytes for {file.name} than it lists "
            f"({'SHA-256' if file.sha256 else 'git'} {file.blob[:16]}…). They were thrown away; nothing uses them."
        )
    flush(partial)
    blob = snapshot.repository / "blobs" / file.blob
    partial.replace(blob)
    return sink.received


def link(snapshot: Snapshot, file: HubFile) -> None:
    """Put a file that is in the cache into its snapshot; an equal one stays, another one is replaced."""
    place, blob = snapshot.path / file.name, snapshot.repository / "blobs" / file.blob
    target = Path(os.path.relpath(blob, place.parent))
    if place.is_symlink() and place.readlink() == target:
        return
    with storage_errors(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(place)


def _partial(snapshot: Snapshot, file: HubFile) -> Path:
    return snapshot.repository / "blobs" / f"{file.blob}{PARTIAL}"


def _is_right(path: Path, file: HubFile) -> bool:
    return path.stat().st_size == file.size and file.blob in read_digests(path, file.size)


def _transfer(listing: HubListing, file: HubFile, partial: Path, have: int, signs: LifeSigns) -> _Sink:
    """Ask for what is missing of a file until it is there; what fails is tried again while something still comes."""
    with storage_errors(partial), partial.open("r+b" if have else "wb") as stream:
        sink, tries = _Sink(stream, file, have, signs), 0
        while True:
            before = sink.written
            last = tries >= MOST_TRIES
            with hub_errors(listing.hub_id, listing.revision):
                fault, asked = _ask(listing, file, sink, last)
            if not fault:
                return sink
            tries = 1 if sink.written > before else tries + 1
            if last and tries > 1:
                raise DownloadError(
                    f"{listing.hub_id}: {endpoint()} gave {sink.written:,} bytes of {file.name}, which has "
                    f"{file.size:,} ({fault}). They are kept; the same command goes on from there."
                )
            seconds = min(max(asked, min(2.0 ** (tries - 1), 8.0)), LONGEST_WAIT)
            signs.trouble(fault, seconds)
            _wait(seconds)


def _ask(listing: HubListing, file: HubFile, sink: _Sink, last: bool) -> tuple[str, float]:
    """Ask once for the rest of a file.

    Args:
        listing: what the Hub said.
        file: of the listing.
        sink: takes what comes.
        last: no other try follows: what the server answers is final.

    Returns:
        What failed and may succeed another time, empty once the file is there; and the seconds that the server wants
        to be left alone.
    """
    import httpx2
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # its documentation names them there
        build_hf_headers,
        get_session,
        hf_raise_for_status,
    )

    url = hf_hub_url(listing.hub_id, file.name, revision=listing.commit, endpoint=endpoint())
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if sink.written == file.size and file.size:
        return "", 0.0
    if sink.written:
        headers["Range"] = f"bytes={sink.written}-"
    try:
        with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
            if response.status_code in TRY_AGAIN and not last:
                return f"the server answers {response.status_code}", asked_wait(
                    response.headers.get("Retry-After")
                ) or 0
            hf_raise_for_status(response)
            if sink.written and response.status_code != httpx2.codes.PARTIAL_CONTENT:
                sink.restart()
            for piece in response.iter_bytes():
                sink.write(piece)
    except httpx2.TransportError as error:
        return f"the connection broke ({type(error).__name__})", 0.0
    return ("", 0.0) if sink.written == file.size else ("the answer ended early", 0.0)


def _wait(seconds: float) -> None:
    time.sleep(seconds)


class _Sink:
    """What is written to: never longer than the Hub lists, and each byte is counted."""

    def __init__(self, stream: BinaryIO, file: HubFile, have: int, signs: LifeSigns) -> None:
        self._stream, self._file, self._signs = stream, file, signs
        self._stream.seek(have)
        self.written = have
        self.received = 0
        self.restarted = have == 0

    def write(self, piece: bytes) -> None:
        """Write what came.

        Raises:
            DownloadError: more came than the file has.
        """
        if self.written + len(piece) > self._file.size:
            raise DownloadError(
                f"{endpoint()} sends more of {self._file.name} than the {self._file.size:,} bytes that it lists."
            )
        self._stream.write(piece)
        self.written += len(piece)
        self.received += len(piece)
        self._signs.advance(len(piece))

    def restart(self) -> None:
        """Begin anew: the server does not know how to go on, and sends the whole file."""
        self._signs.advance(-self.written)
        self._stream.seek(0)
        self._stream.truncate()
        self.written, self.restarted = 0, True
