"""Fetch one address: redirects are checked like the first address, temporary failures are tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin

from secft.errors import FetchFailed, FetchRefused
from secft.net.addresses import Place, Resolve, checked_addresses, parse_address, resolve_host
from secft.net.exchange import Answer, Limits, exchange
from secft.net.retry_after import asked_wait
from secft.reasons import Reason

MAX_REDIRECTS = 5
MAX_WAIT = 120.0
"""Longest pause before another attempt, in seconds; a server that asks for a longer one is given up."""

_REDIRECTS = (301, 302, 303, 307, 308)
_TEMPORARY_STATUS = (429, 500, 502, 503, 504)
_TEMPORARY = (Reason("fetch.timeout"), Reason("fetch.connection"), Reason("fetch.no_name_server"))
_KEPT_ACROSS_ORIGINS = ("accept", "accept-language", "user-agent")


@dataclass(frozen=True)
class Response:
    """What was fetched.

    Attributes:
        url: where it came from in the end, after redirects, without a fragment.
        status: HTTP status; 2xx, 304 or another 4xx than 429.
        headers: lower-case name -> value.
        body: content after decompression.
        fetched: when, ISO 8601 in UTC, to the second.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched: str


def fetch(  # noqa: PLR0913  # facts of one record, all by name
    url: str,
    *,
    allow_hosts: Collection[str] = (),
    timeout: float = 20.0,
    total: float = 300.0,
    max_bytes: int = 64 << 20,
    headers: Mapping[str, str] | None = None,
    retries: int = 3,
    backoff: float = 1.0,
    user_agent: str = "secft",
    check: Callable[[str], None] | None = None,
    resolve: Resolve = resolve_host,
    sleep: Callable[[float], None] = time.sleep,
) -> Response:
    """Fetch one http(s) address with GET.

    Args:
        url: the address.
        allow_hosts: hosts (``host`` or ``host:port``) that may be private or loopback, by name.
        timeout: seconds for a connection, and for each wait on it.
        total: seconds for one exchange with a server, connection to last byte.
        max_bytes: largest body, after decompression.
        headers: further request headers; other origins than the first do not see them.
        retries: further attempts after 429, 5xx, a timeout or a broken connection.
        backoff: seconds before the second attempt; doubled each time, with jitter. Retry-After goes first.
        user_agent: how we introduce ourselves.
        check: called with every address before it is asked, redirects too; raises FetchRefused to forbid it.
        resolve: how host names become IP addresses.
        sleep: how to wait.

    Raises:
        FetchRefused: a rule forbids it: scheme, credentials, private address, redirects, size, or ``check``.
        FetchFailed: it could not be fetched; reason ``fetch.status 503`` and the like where the server kept failing.
    """
    sent = {"User-Agent": user_agent, "Accept": "*/*", **(headers or {})}
    limits = Limits(timeout, total, max_bytes)
    attempt = 0
    while True:
        try:
            place, answer = _follow(url, sent, limits, allow_hosts, resolve, check)
        except FetchFailed as failure:
            if failure.reason not in _TEMPORARY or attempt >= retries:
                raise
            pause = _pause(backoff, attempt)
        else:
            if answer.status not in _TEMPORARY_STATUS:
                return Response(
                    place.url,
                    answer.status,
                    answer.headers,
                    answer.body,
                    datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                )
            asked = asked_wait(answer.headers.get("retry-after"))
            pause = _pause(backoff, attempt) if asked is None else asked
            if attempt >= retries or pause > MAX_WAIT:
                tried = f"{place.url}, after {attempt + 1} attempt(s)"
                raise FetchFailed(Reason("fetch.status", str(answer.status)), tried)
        sleep(pause)
        attempt += 1


def _follow(
    url: str,
    headers: Mapping[str, str],
    limits: Limits,
    allow_hosts: Collection[str],
    resolve: Resolve,
    check: Callable[[str], None] | None,
) -> tuple[Place, Answer]:
    place = parse_address(url)
    for _ in range(MAX_REDIRECTS + 1):
        if check is not None:
            check(place.url)
        answer = exchange(place, checked_addresses(place, allow_hosts, resolve), headers, limits)
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return place, answer
        target = _redirect(place, answer.headers["location"])
        if target.origin != place.origin:
            headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_ORIGINS}
        place = target
    raise FetchRefused(Reason("fetch.redirects"), f"{url}: more than {MAX_REDIRECTS}")


def _redirect(place: Place, location: str) -> Place:
    # http.client reads headers as Latin-1, while servers send UTF-8.
    location = location.encode("latin-1", "replace").decode("utf-8", "replace").strip()
    try:
        target = parse_address(urljoin(place.url, location))
    except ValueError as error:
        if isinstance(error, FetchRefused):
            raise
        raise FetchRefused(Reason("fetch.bad_address"), f"{place.url} leads to {location[:200]!r}") from None
    if place.scheme == "https" and target.scheme == "http":
        raise FetchRefused(Reason("fetch.downgrade"), f"{place.url} leads to {target.url}")
    return target


def _pause(backoff: float, attempt: int) -> float:
    return min(MAX_WAIT, backoff * float(2**attempt) * random.uniform(0.5, 1.5))
