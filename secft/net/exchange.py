"""One request and its answer, over a connection to an address that was checked before.

The time of the whole exchange, the time of each wait, and the unpacked size of the body are bounded.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from secft.errors import FetchFailed, FetchRefused
from secft.net.addresses import Place
from secft.net.unpacking import ENCODINGS, Unpacker
from secft.reasons import Reason

CHUNK = 1 << 16
"""Bytes taken from a connection at a time."""
_NO_BODY = (204, 304)


@dataclass(frozen=True)
class Limits:
    """Bounds of one exchange.

    Attributes:
        timeout: seconds for the connection and for each wait on it.
        total: seconds for everything.
        max_bytes: largest body, after decompression.
    """

    timeout: float
    total: float
    max_bytes: int


@dataclass(frozen=True)
class Answer:
    """What a server said: status, headers (lower-case names) and the unpacked body."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Deadline:
    """Ends a connection when its time is up: a server that sends a byte now and then never hits a read timeout."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.passed = False
        self.connection = connection
        self._timer = threading.Timer(max(seconds, 0.001), self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.passed = True
        with suppress(OSError):  # closed already
            # The plain socket's own method: that of a TLS socket would drop the encryption under the reader.
            socket.socket.shutdown(self.connection, socket.SHUT_RDWR)

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()


def exchange(place: Place, addresses: Sequence[str], headers: Mapping[str, str], limits: Limits) -> Answer:
    """Send one GET request and read its answer.

    Args:
        place: what is asked for.
        addresses: checked IP addresses of its host; the first one that takes the connection is used.
        headers: headers of the request besides Host and Connection.
        limits: bounds.

    Raises:
        FetchRefused: the body is larger than the limit.
        FetchFailed: no connection, a broken one, a bad certificate, or the time is up.
    """
    start = time.monotonic()
    try:
        with _connect(place, addresses, limits) as connection:
            return _before(_Deadline(connection, limits.total - (time.monotonic() - start)), place, headers, limits)
    except ssl.SSLCertVerificationError as error:
        raise FetchFailed(Reason("fetch.certificate"), f"{place.url}: {error.verify_message}") from None
    except TimeoutError:
        raise FetchFailed(Reason("fetch.timeout"), f"{place.url}: no answer for {limits.timeout:g} s") from None
    # http.client reads the size of a chunk as Python reads a number, and is then asked for fewer bytes than none.
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, FetchRefused | FetchFailed):
            raise
        raise FetchFailed(Reason("fetch.connection"), f"{place.url}: {error or type(error).__name__}") from None


def _before(deadline: _Deadline, place: Place, headers: Mapping[str, str], limits: Limits) -> Answer:
    late = FetchFailed(Reason("fetch.timeout"), f"{place.url}: not finished after {limits.total:g} s")
    with deadline:
        try:
            with _secured(deadline, place) as connection:
                answer = _ask(connection, place, headers, limits)
        except (OSError, http.client.HTTPException, FetchFailed):
            if deadline.passed:
                raise late from None
            raise
    if deadline.passed:  # the end of the connection may have looked like the end of the answer
        raise late
    return answer


def _connect(place: Place, addresses: Sequence[str], limits: Limits) -> socket.socket:
    failure: OSError = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, place.port), timeout=limits.timeout)
        except OSError as error:
            failure = error
    raise failure


def _secured(deadline: _Deadline, place: Place) -> socket.socket:
    """Return the deadline's connection, wrapped into TLS where the scheme asks for it."""
    if place.scheme == "http":
        return deadline.connection
    secure = ssl.create_default_context().wrap_socket(
        deadline.connection, server_hostname=place.host, do_handshake_on_connect=False
    )
    deadline.connection = secure
    try:
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


def _ask(connection: socket.socket, place: Place, headers: Mapping[str, str], limits: Limits) -> Answer:
    client = http.client.HTTPConnection(place.host, place.port, timeout=limits.timeout)
    client.sock = connection
    client.putrequest("GET", place.target, skip_host=True, skip_accept_encoding=True)
    client.putheader("Host", place.host_header)
    client.putheader("Connection", "close")
    client.putheader("Accept-Encoding", ENCODINGS)
    for name, value in headers.items():
        client.putheader(name, value)
    client.endheaders()
    with client.getresponse() as response:
        got: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            got[key] = f"{got[key]}, {value}" if key in got else value
        body = b"" if response.status in _NO_BODY else _read_body(response, place.url, limits.max_bytes)
        return Answer(response.status, got, body)


def _read_body(response: http.client.HTTPResponse, url: str, max_bytes: int) -> bytes:
    if (response.length or 0) > max_bytes:
        raise FetchRefused(Reason("fetch.too_large"), f"{url}: {response.length:,} bytes, allowed are {max_bytes:,}")
    unpacker = Unpacker(response.getheader("Content-Encoding") or "", url)
    body, taken = bytearray(), 0
    while piece := response.read(CHUNK):
        taken += len(piece)
        body += unpacker.feed(piece, max_bytes - len(body) + 1)
        if len(body) > max_bytes or taken > max_bytes:
            raise FetchRefused(Reason("fetch.too_large"), f"{url}: more than {max_bytes:,} bytes after decompression")
    if response.length:
        raise FetchFailed(Reason("fetch.connection"), f"{url}: {response.length:,} bytes are missing")
    unpacker.finish()
    return bytes(body)
