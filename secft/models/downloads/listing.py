"""What the Hub says of a repository: its commit, its licence, and its files with sizes and digests.

The answer is foreign: names that lead out of a directory, digests that are none and commits that are paths are refused
before anything is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from secft.columns import plain_text
from secft.environment import require
from secft.errors import DownloadError, InputError
from secft.models.downloads.cache import COMMIT, check_revision, is_hub_id

SECONDS = 30.0
"""For an answer of the Hub's API."""
MOST_FILES = 20_000
MOST_BYTES = 1 << 44
"""Of one file."""
EXTRA = "hub"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class HubFile:
    """One file of a repository.

    Attributes:
        name: relative path.
        size: bytes.
        sha256: of its content, as Git LFS has it; empty for small files.
        oid: name of its blob in git: of its content, or of the pointer that Git LFS keeps in its place.
    """

    name: str
    size: int
    sha256: str
    oid: str

    @property
    def blob(self) -> str:
        """The digest of its content that the Hub tells: SHA-256, or that of git."""
        return self.sha256 or self.oid


@dataclass(frozen=True)
class HubListing:
    """A repository at one commit.

    Attributes:
        hub_id: ``owner/name``.
        revision: branch, tag or commit that was asked for.
        commit: that it is at.
        files: all of its files.
        license: name of the licence as its model card says, ``unknown`` where it says nothing.
        license_link: where its text is, or empty.
        gated: the Hub asks for an account that accepted the licence.
    """

    hub_id: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    license: str
    license_link: str
    gated: bool


def endpoint() -> str:
    """Return the address of the Hub: HF_ENDPOINT, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def ask_hub(hub_id: str, revision: str) -> HubListing:
    """Ask the Hub for a repository.

    Args:
        hub_id: ``owner/name``.
        revision: branch, tag or commit.

    Raises:
        DownloadError: the Hub cannot be reached or does not give it; the message says what to do.
        InputError: the names are none, or what the Hub answers cannot be trusted.
    """
    if not is_hub_id(hub_id):
        raise InputError(f"{hub_id!r} is no repository of the Hub: OWNER/NAME, of letters, digits, '-', '_' and '.'.")
    check_revision(revision)
    require(("huggingface_hub",), EXTRA, "a download from the Hub")
    _say_nothing_else()
    from huggingface_hub import HfApi, errors

    with hub_errors(hub_id, revision):
        try:
            info = HfApi(endpoint=endpoint()).model_info(
                hub_id, revision=revision, files_metadata=True, timeout=SECONDS
            )
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            if isinstance(error, (errors.HfHubHTTPError, errors.HFValidationError)):
                raise
            raise DownloadError(
                f"{endpoint()} answers what is no description of {hub_id} ({type(error).__name__})."
            ) from error
    commit = info.sha or ""
    if not COMMIT.fullmatch(commit):
        raise DownloadError(f"{endpoint()} names no commit of {hub_id}: {_shown(commit)}.")
    license_id, link = _license(info)
    return HubListing(hub_id, revision, commit, _files(hub_id, info.siblings or []), license_id, link, bool(info.gated))


def _say_nothing_else() -> None:
    """Keep huggingface_hub from telling the Hub which programs and packages run here, unless somebody asked for it."""
    if os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1") == "1":
        from huggingface_hub import constants

        constants.HF_HUB_DISABLE_TELEMETRY = True


def _files(hub_id: str, siblings: list[Any]) -> tuple[HubFile, ...]:
    if len(siblings) > MOST_FILES:
        raise DownloadError(
            f"{hub_id} lists {len(siblings):,} files, more than {MOST_FILES:,}; nothing was downloaded."
        )
    found: dict[str, HubFile] = {}
    for one in siblings:
        fault = name_fault(one.rfilename)
        if fault:
            raise DownloadError(
                f"{hub_id} lists a file {_shown(one.rfilename)} that {fault}; nothing of it was downloaded."
            )
        if one.rfilename.casefold() in found:
            raise DownloadError(f"{hub_id} lists {_shown(one.rfilename)} twice; nothing of it was downloaded.")
        found[one.rfilename.casefold()] = _file(hub_id, one)
    return tuple(found.values())


def name_fault(name: object) -> str:
    """Return why a file's name in a listing cannot be a place below a directory, or an empty string."""
    if not isinstance(name, str) or not name:
        return "has no name"
    if _CONTROL.search(name):
        return "holds a control character"
    if name.startswith(("/", "~")) or "\\" in name or re.match(r"[A-Za-z]:", name):
        return "is an absolute path"
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of its directory"
    if len(name) > 1000 or any(len(part.encode()) > 200 for part in parts):
        return "has a name that is too long"
    return ""


def _file(hub_id: str, one: Any) -> HubFile:
    lfs = one.lfs
    size, sha256 = (lfs.size, lfs.sha256) if lfs else (one.size, "")
    whole = type(size) is int and 0 <= size <= MOST_BYTES and isinstance(one.blob_id, str) and isinstance(sha256, str)
    if not whole or not COMMIT.fullmatch(one.blob_id) or (lfs and not _SHA256.fullmatch(sha256)):
        raise DownloadError(f"{hub_id} lists {_shown(one.rfilename)} without a size and a digest that can be checked.")
    return HubFile(one.rfilename, size, sha256, one.blob_id)


def _license(info: Any) -> tuple[str, str]:
    """Return name and link of the licence; what is no text counts as nothing."""
    card = info.card_data
    values = {key: getattr(card, key, None) for key in ("license", "license_name", "license_link")} if card else {}
    given = values.get("license")
    names = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str) and one.strip()]
    tagged = [tag.removeprefix("license:") for tag in info.tags or () if str(tag).startswith("license:")]
    name = " and ".join(names or tagged) or "unknown"
    own, link = values.get("license_name"), values.get("license_link")
    if name == "other" and isinstance(own, str) and own.strip():
        name = own
    return plain_text(name).strip()[:100], plain_text(link)[:200] if isinstance(link, str) else ""


def _shown(name: object) -> str:
    return plain_text(repr(name))[:120]


@contextmanager
def hub_errors(hub_id: str, revision: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one message with the remedy; addresses and tokens stay out of it.

    Raises:
        DownloadError: always where huggingface_hub or the network failed.
    """
    import httpx2
    from huggingface_hub import errors

    where = endpoint()
    try:
        yield
    except errors.GatedRepoError as error:
        raise DownloadError(f"{hub_id} is gated. {gated_remedy(hub_id)}") from error
    except errors.RepositoryNotFoundError as error:
        hint = "" if has_token() else " If it is private, set HF_TOKEN or run `hf auth login`."
        raise DownloadError(f"{where} has no repository {hub_id}, or does not show it to you.{hint}") from error
    except errors.RevisionNotFoundError as error:
        raise DownloadError(f"{hub_id} has no revision {revision!r} on {where}.") from error
    except errors.OfflineModeIsEnabled as error:
        raise DownloadError(
            "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set, so nothing is downloaded; unset it for this command."
        ) from error
    except errors.HfHubHTTPError as error:
        raise DownloadError(_http_message(hub_id, error.response.status_code)) from error
    except errors.HFValidationError as error:
        raise InputError(f"{hub_id!r} is no repository of the Hub ({error}).") from error
    except httpx2.HTTPError as error:
        raise DownloadError(
            f"{where} cannot be reached, or the connection broke ({type(error).__name__}). What was downloaded is "
            "kept; the same command goes on from there."
        ) from error


def gated_remedy(hub_id: str) -> str:
    """Return what makes a gated repository available."""
    if has_token():
        return (
            f"Your token does not open it: accept its licence on {endpoint()}/{hub_id} with the token's account, wait "
            "where its owner decides, and let a fine-grained token read gated repositories."
        )
    return f"Accept its licence on {endpoint()}/{hub_id}, then set HF_TOKEN or run `hf auth login`."


def has_token() -> bool:
    """Tell whether huggingface_hub would send a token."""
    from huggingface_hub import get_token

    return bool(get_token())


def _http_message(hub_id: str, status: int) -> str:
    where = endpoint()
    if status == 401:
        remedy = f"it does not know your token (HF_TOKEN, or `hf auth login`). {gated_remedy(hub_id)}"
        return f"{where} answers 401 for {hub_id}: {remedy}"
    if status == 403:
        return f"{where} answers 403 for {hub_id}: not allowed. {gated_remedy(hub_id)}"
    if status == 404:
        return f"{where} answers 404 for {hub_id}: there is no such repository or file. Check HF_ENDPOINT."
    if status == 429 or status >= 500:
        told = "it is asked too often" if status == 429 else "it has a problem of its own"
        return f"{where} answers {status} for {hub_id}: {told}. Try again later; what was downloaded is kept."
    return f"{where} answers {status} for {hub_id}."
