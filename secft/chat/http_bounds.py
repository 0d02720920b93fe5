"""Bounds on what a remote server may send: unpacked bytes and seconds of a whole response, not only of its next piece.

Bodies are unpacked here, piece by piece: httpx would undo their encoding behind the bound, and turn 4 MB into 4 GB.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

from secft.net.unpacking import ENCODINGS, Unpacker

MOST_BYTES = 16 << 20
"""Most bytes of a response, unpacked."""


class TooLargeError(Exception):
    """A response has more bytes than allowed."""


def bounded_client(timeout: float) -> Any:
    """Return an httpx client whose responses are bounded, and that follows no redirection (keys travel in headers).

    Args:
        timeout: seconds for a whole request.
    """
    import httpx

    class BoundedStream(httpx.SyncByteStream):
        def __init__(self, stream: Any, deadline: float, unpacker: Unpacker) -> None:
            self._stream, self._deadline, self._unpacker = stream, deadline, unpacker

        def __iter__(self) -> Any:
            size = taken = 0
            for piece in self._stream:
                unpacked = self._unpacker.feed(piece, MOST_BYTES - size + 1)
                size, taken = size + len(unpacked), taken + len(piece)
                if max(size, taken) > MOST_BYTES:
                    raise TooLargeError(f"more than {MOST_BYTES:,} bytes")
                if time.monotonic() > self._deadline:
                    raise httpx.ReadTimeout("the whole response took too long")
                yield unpacked
            self._unpacker.finish()

        def close(self) -> None:
            self._stream.close()

    def start(request: Any) -> None:
        request.extensions["secft_deadline"] = time.monotonic() + timeout

    def bound(response: Any) -> None:
        unpacker = Unpacker(
            response.headers.pop("content-encoding", ""), str(response.request.url.copy_with(query=None))
        )
        response.stream = BoundedStream(response.stream, response.request.extensions["secft_deadline"], unpacker)

    return httpx.Client(
        timeout=timeout,
        headers={"Accept-Encoding": ENCODINGS},
        follow_redirects=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        event_hooks={"request": [start], "response": [bound]},
    )


def retry_after(headers: Any) -> float | None:
    """Return the seconds that a response asks to wait (``Retry-After``: seconds or a date), or None."""
    text = str((headers or {}).get("retry-after") or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text)) if text.replace(".", "", 1).isdigit() else _until(text)
    except (ValueError, TypeError, OverflowError):
        return None


def _until(date: str) -> float:
    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
