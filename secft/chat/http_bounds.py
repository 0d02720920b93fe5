"""Bounds on what a remote server may send: unpacked bytes and seconds of a whole response, not only of its next piece.

Bodies are unpacked here, piece by piece: httpx would undo their encoding behind the bound, and turn 4 MB into 4 GB.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from secft.log import warn
from secft.net.addresses import travels_openly
from secft.net.retry_after import asked_wait
from secft.net.unpacking import ENCODINGS, Unpacker

MOST_BYTES = 16 << 20
"""Most bytes of a response, unpacked."""


class TooLargeError(Exception):
    """A response has more bytes than allowed."""


def uses_proxies(address: str) -> bool:
    """Tell whether requests to an address may go through the proxy of the environment.

    ``HTTPS_PROXY`` (and ``ALL_PROXY``, but for what ``NO_PROXY`` names) is used: it passes encrypted bytes on.
    ``HTTP_PROXY`` is not: whoever runs it would read the key in each request.
    """
    return urlsplit(address).scheme == "https"


def warn_of_open_key(address: str) -> None:
    """Tell that a key is about to travel unencrypted to another machine, if it is."""
    if travels_openly(address):
        warn(
            f"llm: the key goes unencrypted to {urlsplit(address).hostname}, where anybody on the way can read it: use "
            "https, or a tunnel to a port of this machine"
        )


def bounded_client(timeout: float, address: str) -> Any:
    """Return an httpx client whose responses are bounded, and that follows no redirection (keys travel in headers).

    Args:
        timeout: seconds for a whole request.
        address: of the server; decides whether a proxy is used.
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
        trust_env=uses_proxies(address),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        event_hooks={"request": [start], "response": [bound]},
    )


def retry_after(headers: Any) -> float | None:
    """Return the seconds that a response asks to wait, or None."""
    return asked_wait(str((headers or {}).get("retry-after") or ""))
