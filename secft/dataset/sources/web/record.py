"""What became of one address, and its page as a record of a WARC file."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from secft.errors import InputError
from secft.reasons import Reason, read_reason

_LEFT_OUT = ("content-encoding", "transfer-encoding", "content-length", "connection", "set-cookie")


@dataclass(frozen=True)
class FetchOutcome:
    """What became of one address.

    Attributes:
        url: the address in its normal form.
        final: where redirects led to, or an empty string.
        status: HTTP status, 0 without an answer.
        reason: why it is no page: the spelling of a reason, or an empty string.
        detail: what the reason is about.
        file: WARC file with the answer, or an empty string.
        offset: where its record begins in the file.
        length: bytes of its record.
        sha256: digest of the body.
        fetched: when it was fetched.
        content_type: Content-Type header.
        etag: ETag header.
        modified: Last-Modified header.
    """

    url: str
    final: str = ""
    status: int = 0
    reason: str = ""
    detail: str = ""
    file: str = ""
    offset: int = 0
    length: int = 0
    sha256: str = ""
    fetched: str = ""
    content_type: str = ""
    etag: str = ""
    modified: str = ""

    def without(self, reason: Reason, detail: str) -> FetchOutcome:
        """Return the same address as one that becomes no page."""
        return replace(self, reason=str(reason), detail=detail)

    @property
    def why(self) -> Reason:
        """The reason; its code is empty for a page."""
        return read_reason(self.reason)


def write_record(stream: BinaryIO, outcome: FetchOutcome, headers: Mapping[str, str], body: bytes) -> None:
    """Append an answer to a WARC file, as one gzip member; cookies are left out."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    kept = [(name, _plain(value)) for name, value in headers.items() if name not in _LEFT_OUT]
    status = StatusAndHeaders(str(outcome.status), [*kept, ("content-length", str(len(body)))], protocol="HTTP/1.1")
    status.compute_headers_buffer(None)
    # With its length and digests given, the record is not buffered in a temporary file.
    facts = {
        "WARC-Date": outcome.fetched,
        "WARC-Payload-Digest": _sha1(body),
        "WARC-Block-Digest": _sha1(status.headers_buff + body),
    }
    writer = WARCWriter(stream, gzip=True)
    writer.write_record(
        writer.create_warc_record(
            outcome.final or outcome.url,
            "response",
            payload=io.BytesIO(body),
            length=len(body),
            http_headers=status,
            warc_headers_dict=facts,
        )
    )


def _sha1(data: bytes) -> str:
    """Return a digest in the form that WARC files have by custom."""
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def _plain(value: str) -> str:
    return "".join(character if character.isprintable() else " " for character in value)


def read_body(directory: Path, outcome: FetchOutcome) -> bytes:
    """Return a page from its WARC file.

    Raises:
        InputError: the file is missing or was changed.
    """
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    path = directory / outcome.file
    try:
        with path.open("rb") as stream:
            stream.seek(outcome.offset)
            record = next(ArchiveIterator(io.BytesIO(stream.read(outcome.length))))
            body: bytes = record.content_stream().read()
    except (OSError, StopIteration, ArchiveLoadFailed) as error:
        raise InputError(f"{path}: {outcome.url} cannot be read ({error}). Delete the folder to crawl again.") from None
    if hashlib.sha256(body).hexdigest() != outcome.sha256:
        raise InputError(f"{path}: {outcome.url} was changed. Delete the folder to crawl again.")
    return body
