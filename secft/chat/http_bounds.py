"""Bounds on what a remote server may send: bytes and seconds of a whole response, not only of its next piece."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

MOST_BYTES = 16 << 20


class TooLargeError(Exception):
    """A response has more bytes than allowed."""


def bounded_client(timeout: float) -> Any:
    """Return an httpx client whose responses are bounded, and that follows no redirection (keys travel in headers).

    Args:
        timeout: seconds for a whole request.
    """
    import httpx

    class BoundedStream(httpx.SyncByteStream):
        def __init__(self, stream: Any, deadline: float) -> None:
            self._stream, self._deadline = stream, deadline

        def __iter__(self) -> Any:
            size = 0
            for piece in self._stream:
                size += len(piece)
                if size > MOST_BYTES:
                    raise TooLargeError(f"more than {MOST_BYTES:,} bytes")
                if time.monotonic() > self._deadline:
                    raise httpx.ReadTimeout("the whole response took too long")
                yield piece

        def close(self) -> None:
            self._stream.close()

    def start(request: Any) -> None:
        request.extensions["secft_deadline"] = time.monotonic() + timeout

    def bound(response: Any) -> None:
        response.stream = BoundedStream(response.stream, response.request.extensions["secft_deadline"])

    return httpx.Client(
        timeout=timeout,
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
