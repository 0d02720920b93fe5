"""``models get``: a model of the Hub into the cache of this machine, whole and checked, or not at all.

Configuration and tokenizer come first and are looked at; then the disk is asked for room, and then the weights come.
A record of all digests is written last, and the branch points to the commit after that.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from secft.columns import plain_text, size
from secft.environment import free_disk_bytes
from secft.errors import DownloadError, InputError, StorageError
from secft.files import sha256_file, storage_errors, write_text
from secft.log import RunLog
from secft.models.cache import default_cache_dir
from secft.models.downloads.cache import Snapshot, hub_cache_dir, lock_of, repository_dir
from secft.models.downloads.choice import Choice, choose, shards
from secft.models.downloads.listing import HubFile, HubListing, ask_hub, endpoint, gated_remedy, has_token
from secft.models.downloads.record import write_record
from secft.models.downloads.signs import LifeSigns
from secft.models.downloads.transfer import bring, bytes_here, is_here, link
from secft.models.soundness import config_faults
from secft.net.addresses import travels_openly

RESERVE = 256 << 20
"""Bytes that stay free on the disk."""
MOST_BY_HTTP = 50 * 1000**3
"""The Hub gives no larger file by plain HTTP."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        hub_id: ``owner/name``.
        revision: branch, tag or commit.
        license: name of the licence that is accepted, or None to be asked.
        file: one file of weights, such as a GGUF file; None takes the safetensors.
        setting: by which a licence is accepted, for messages.
    """

    hub_id: str
    revision: str = "main"
    license: str | None = None
    file: str | None = None
    setting: str = "license"


@dataclass(frozen=True)
class Got:
    """What is on this machine now.

    Attributes:
        listing: what the Hub said.
        path: directory of the model, or the one file that was asked for.
        size: bytes of all of its files.
        transferred: bytes that came over the network.
    """

    listing: HubListing
    path: Path
    size: int
    transferred: int


def get_model(wanted: Wanted, ask: Callable[[str], str] | None = None) -> Got:
    """Bring a model of the Hub into the cache.

    Args:
        wanted: which one.
        ask: shows a question to a person and returns the answer; None where nobody is there.

    Raises:
        InputError: it cannot be had, or its licence was not accepted; the message says what to do.
        StorageError: the disk has no room.
    """
    listing = ask_hub(wanted.hub_id, wanted.revision)
    choice = choose(listing, wanted.file)
    log = RunLog(log_file(wanted.hub_id))
    try:
        log.say(_headline(listing, log_file(wanted.hub_id)))
        _warn_of_open_token(log)
        if listing.gated and not has_token():
            raise DownloadError(f"{listing.hub_id} is gated. {gated_remedy(listing.hub_id)}")
        _accept(listing, wanted, ask)
        log.note(f"licence {listing.license} accepted")
        repository = repository_dir(listing.hub_id)
        snapshot = Snapshot(listing.hub_id, listing.commit, repository / "snapshots" / listing.commit)
        with storage_errors(repository), _alone(listing.hub_id, log):
            return _fetch(listing, choice, snapshot, wanted, log)
    except BaseException as error:
        log.note(f"ended: {type(error).__name__}: {error}")
        raise
    finally:
        log.close()


@contextmanager
def _alone(hub_id: str, log: RunLog) -> Iterator[None]:
    """Wait until no other process downloads a repository; jobs of a sweep ask for the same at once."""
    lock = lock_of(hub_id)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
            return
    except Timeout:
        log.say(f"{hub_id}: another process downloads it; this one waits")
    with FileLock(lock):
        yield


def log_file(hub_id: str) -> Path:
    """Return where downloads of a repository are logged."""
    return default_cache_dir() / "downloads" / f"{hub_id.replace('/', '--')}.log"


def _fetch(listing: HubListing, choice: Choice, snapshot: Snapshot, wanted: Wanted, log: RunLog) -> Got:
    transferred = _bring_all(listing, snapshot, choice.small, "configuration", log)
    if wanted.file is None:
        faults = list(config_faults(snapshot.path))
        if faults:
            raise DownloadError(
                f"{listing.hub_id} cannot be used, so its weights were not downloaded: {'; '.join(faults)}"
            )
    weights = choice.weights if wanted.file else shards(choice, snapshot.path)
    transferred += _bring_all(listing, snapshot, weights, "weights", log)
    files = [*choice.small, *weights]
    facts = {
        "license": listing.license,
        "license_link": listing.license_link,
        "gated": listing.gated,
        "revision": listing.revision,
        "endpoint": endpoint(),
        "downloaded": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    write_record(snapshot, facts, {one.name: one.sha256 or sha256_file(snapshot.path / one.name) for one in files})
    if listing.revision != listing.commit:
        write_text(snapshot.repository / "refs" / listing.revision, listing.commit)
    got = Got(listing, snapshot.path / (wanted.file or ""), sum(one.size for one in files), transferred)
    log.note(f"complete: {got.path}, {size(got.size)}, {size(transferred)} of it transferred")
    return got


def _bring_all(listing: HubListing, snapshot: Snapshot, files: tuple[HubFile, ...], what: str, log: RunLog) -> int:
    """Bring files that are not here yet; return the bytes that were transferred."""
    for one in files:
        if one.size > MOST_BY_HTTP:
            raise DownloadError(f"{listing.hub_id}: {one.name} has {size(one.size)}, more than the Hub gives by HTTP.")
    missing = [one for one in files if not is_here(snapshot, one)]
    left = sum(one.size - bytes_here(snapshot, one) for one in missing)
    _check_room(listing, snapshot.repository, left)
    kept = sum(bytes_here(snapshot, one) for one in missing)
    if missing:
        rest = f", of which {size(kept)} are here already" if kept else ""
        log.note(f"{what}: {len(missing)} files, {size(left + kept)}{rest}")
    transferred = 0
    with LifeSigns(f"{listing.hub_id}: {what}", left, log) as signs:
        for one in missing:
            signs.begin(one.name)
            transferred += bring(listing, snapshot, one, signs)
            log.note(f"{one.name}: {size(one.size)}, digest {one.blob[:16]}… is right")
    for one in files:
        link(snapshot, one)
    return transferred


def _check_room(listing: HubListing, place: Path, needed: int) -> None:
    free = free_disk_bytes(place)
    if needed and needed + RESERVE > free:
        raise StorageError(
            f"{listing.hub_id} needs {size(needed)} more in {hub_cache_dir()} (and {size(RESERVE)} to spare), and "
            f"{size(free)} are free. Free some space, or set HF_HUB_CACHE to another disk; what was downloaded is kept."
        )


def _headline(listing: HubListing, log: Path) -> str:
    gated = ", gated" if listing.gated else ""
    link = f" ({listing.license_link})" if listing.license_link else ""
    return plain_text(
        f"{listing.hub_id} at {listing.revision}, commit {listing.commit}, from {endpoint()}\n"
        f"licence: {listing.license}{link}{gated}\nlog: {log}"
    )


def _accept(listing: HubListing, wanted: Wanted, ask: Callable[[str], str] | None) -> None:
    """Check that somebody accepted the licence by its name.

    Raises:
        InputError: nobody did, or another licence was named.
    """
    name, accepted = listing.license, wanted.license
    where = listing.license_link or f"{endpoint()}/{listing.hub_id}"
    remedy = f"read it at {where} and accept it by name: {wanted.setting}={_quoted(name)}. Nothing was downloaded."
    if accepted is None and ask is not None:
        accepted = ask(f"Read the licence at {where}. To accept it, type its name ({name}): ")
    if not (accepted or "").strip():
        raise InputError(f"{listing.hub_id} comes under the licence {name!r}, which was not accepted: {remedy}")
    if accepted and accepted.strip().casefold() != name.casefold():
        raise InputError(
            f"{wanted.setting}={accepted.strip()!r} is not the licence of {listing.hub_id}, which is {name!r}: {remedy}"
        )


def _quoted(name: str) -> str:
    plain = all(sign.isalnum() or sign in "._-" for sign in name)
    return name if plain else f"\"'{name}'\""


def _warn_of_open_token(log: RunLog) -> None:
    if has_token() and travels_openly(endpoint()):
        log.say(
            f"Your token goes unencrypted to {endpoint()} (HF_ENDPOINT), where anybody on the way can read it.",
            "yellow",
        )


def terminal_question() -> Callable[[str], str] | None:
    """Return what asks a person on the terminal, or None where there is none."""
    if not (sys.stdin and sys.stdin.isatty()):
        return None

    def ask(text: str) -> str:
        print(plain_text(text), end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().rstrip("\n")

    return ask
