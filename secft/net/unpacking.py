"""Undo the content encoding of an answer piece by piece, so that a small bomb is stopped before it is large."""

from __future__ import annotations

import zlib

from secft.errors import FetchFailed
from secft.reasons import Reason

ENCODINGS = "gzip, deflate"
"""What servers are asked for."""
_GZIP_MAGIC = b"\x1f\x8b"


class Unpacker:
    """Undoes a content encoding piece by piece, never making more than it is allowed to.

    Raises:
        FetchFailed: an encoding that was not asked for.
    """

    def __init__(self, encoding: str, url: str) -> None:
        self.encoding = encoding.strip().lower()
        self._url = url
        if self.encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FetchFailed(Reason("fetch.encoding"), f"{url}: {encoding[:80]!r}")
        self._packed = self.encoding not in ("", "identity")
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if self._packed else None
        self._started = False

    def feed(self, data: bytes, most: int) -> bytes:
        """Return what a piece unpacks to, at most ``most`` bytes.

        Raises:
            FetchFailed: the data is broken.
        """
        if self._inflater is None:
            return data[:most]
        if not self._started:
            self._started = True
            if self.encoding == "deflate" and not _has_zlib_header(data):
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._inflate(data, most)
        except zlib.error as error:
            raise FetchFailed(Reason("fetch.broken_body"), f"{self._url}: {error}") from None

    def _inflate(self, data: bytes, most: int) -> bytes:
        assert self._inflater is not None
        out = self._inflater.decompress(data, most)
        while self._inflater.eof and self._inflater.unused_data.startswith(_GZIP_MAGIC) and len(out) < most:
            rest = self._inflater.unused_data
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            out += self._inflater.decompress(rest, most - len(out))
        return out

    def finish(self) -> None:
        """Check that the data was complete.

        Raises:
            FetchFailed: it was cut off.
        """
        if self._inflater is not None and self._started and not self._inflater.eof:
            raise FetchFailed(Reason("fetch.connection"), f"{self._url}: the compressed body is cut off")


def _has_zlib_header(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
