"""Client of the NVD CVE API 2.0: windows of publication days, pages, the rate limit, and a download that resumes.

Source: NVD, "Start here" and "Vulnerabilities" (nvd.nist.gov/developers): at most 120 days between pubStartDate and
pubEndDate, 2,000 entries a page, 5 requests in 30 seconds, 50 with a key; a wrong key or parameter is a 404 whose
header ``message`` says why.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from filelock import FileLock

from secft.dataset.sources.cve import CveSource
from secft.dataset.sources.cve.nvd_pages import (
    NvdPage,
    asked_at,
    complete_pages,
    finish,
    forget,
    is_complete,
    store_page,
    stored_pages,
)
from secft.errors import FetchFailed, InputError, Problem
from secft.net import Response, fetch
from secft.reasons import Reason

WINDOW_DAYS = 120
PERIOD = 30.0
"""Seconds in which the number of requests is limited."""
REQUESTS, REQUESTS_WITH_KEY = 5, 50
MAX_PAGE = 256 << 20
"""Most bytes of one page; the largest real ones have about 30 MB."""
MAX_RESTARTS = 3
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[\x21-\x7e]{1,256}")
_PAUSE, _LONGEST_PAUSE = 6.0, 60.0


@dataclass(frozen=True)
class Query:
    """What is asked of the API.

    Attributes:
        url: address of the API.
        key_env: environment variable that may hold a key.
        windows: (first day, last day) of publication; (None, None) means everything.
        page_size: entries a page.
        retries: further attempts of one request.
        cache: where pages are kept.
        allow_hosts: private hosts that may be asked.
    """

    url: str
    key_env: str
    windows: tuple[tuple[date | None, date | None], ...]
    page_size: int
    retries: int
    cache: Path
    allow_hosts: tuple[str, ...]

    def folder(self, window: tuple[date | None, date | None]) -> Path:
        """Return where the pages of a window are kept."""
        place = hashlib.sha256(self.url.encode()).hexdigest()[:12]
        days = f"{window[0]}_{window[1]}" if window[0] else "all"
        return self.cache / place / f"{days}-{self.page_size}"


@dataclass
class Pace:
    """Keeps to a number of requests in a period.

    Attributes:
        requests: how many.
        period: seconds.
        clock: tells the time in seconds.
        sleep: how to wait.
    """

    requests: int
    period: float = PERIOD
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _sent: deque[float] = field(default_factory=deque)

    def wait(self) -> None:
        """Wait until one more request is allowed, and count it."""
        now = self.clock()
        if len(self._sent) >= self.requests:
            pause = self._sent.popleft() + self.period - now
            if pause > 0:
                self.sleep(pause)
        self._sent.append(self.clock())


def windows(first: date | None, last: date | None) -> tuple[tuple[date | None, date | None], ...]:
    """Divide days of publication, both included, into windows that the API accepts."""
    if first is None or last is None:
        return ((None, None),)
    found: list[tuple[date | None, date | None]] = []
    while first <= last:
        end = min(last, first + timedelta(days=WINDOW_DAYS - 1))
        found.append((first, end))
        first = end + timedelta(days=1)
    return tuple(found)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def query_of(config: CveSource) -> Query:
    """Return what a source asks; its settings were checked by api_problems."""
    return Query(
        url=config.api_url,
        key_env=config.api_key_env,
        windows=windows(_day(config.published_from), _day(config.published_to)),
        page_size=config.page_size,
        retries=config.retries,
        cache=Path(config.cache),
        allow_hosts=tuple(config.allow_hosts),
    )


def api_problems(config: CveSource, key: str) -> list[Problem]:
    """Return what is wrong with the settings of the API; asks nothing."""
    found = _date_problems(config, key)
    parts = urlsplit(config.api_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        found.append(Problem(f"{key}.api_url", "is not an http(s) address", config.api_url))
    elif parts.scheme == "http" and parts.hostname not in config.allow_hosts:
        remedy = f"Use https, or add {parts.hostname} to {key}.allow_hosts."
        found.append(Problem(f"{key}.api_url", "would send the key unencrypted", config.api_url, remedy=remedy))
    if not _VARIABLE.fullmatch(config.api_key_env):
        # The value is not shown: it may be the key itself.
        remedy = "Put the key into an environment variable and give the variable's name."
        found.append(Problem(f"{key}.api_key_env", "is not the name of an environment variable", remedy=remedy))
    return found


def _date_problems(config: CveSource, key: str) -> list[Problem]:
    days: list[date] = []
    for name, text in (("published_from", config.published_from), ("published_to", config.published_to)):
        try:
            days += [date.fromisoformat(text)] if text else []
        except ValueError:
            return [Problem(f"{key}.{name}", "is not a day", text, "YYYY-MM-DD")]
    if len(days) == 1:
        lacking = "published_to" if config.published_from else "published_from"
        return [Problem(f"{key}.{lacking}", "must be given with the other end", allowed="YYYY-MM-DD")]
    if days and days[0] > days[1]:
        return [Problem(f"{key}.published_to", "lies before published_from", config.published_to)]
    return []


def kept_pages(query: Query) -> dict[str, tuple[Path, str]]:
    """Return ``<window>/<page>`` -> (file, when NVD wrote it) for all windows that are complete."""
    folders = [query.folder(window) for window in query.windows]
    return {
        f"{folder.name}/{path.name}": (path, asked_at(path)) for folder in folders for path in complete_pages(folder)
    }


def require_complete(query: Query) -> None:
    """Check that everything was downloaded.

    Raises:
        InputError: it was not.
    """
    for window in query.windows:
        if not is_complete(query.folder(window)):
            raise InputError(f"{query.folder(window)}: the download from {query.url} is not complete; run it again.")


def download(query: Query, pace: Pace | None = None) -> int:
    """Download every page that is not here; a window that is complete is not asked for at all.

    Args:
        query: what to ask.
        pace: the rate limit; by default NVD's, depending on whether there is a key.

    Returns:
        The number of pages that were downloaded.

    Raises:
        InputError: NVD refuses (the message says why), or answers something else than pages.
        FetchError: it cannot be reached, or may not be asked.
        StorageError: the disk is full or cannot be written.
    """
    key = _key(query.key_env)
    pace = pace or Pace(REQUESTS_WITH_KEY if key else REQUESTS)
    missing = [window for window in query.windows if not is_complete(query.folder(window))]
    return sum(_download_window(query, window, key, pace) for window in missing)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if key and not _KEY.fullmatch(key):
        raise InputError(f"the environment variable {variable} does not hold a key: it has spaces or odd characters.")
    return key


def _download_window(query: Query, window: tuple[date | None, date | None], key: str, pace: Pace) -> int:
    folder = query.folder(window)
    folder.mkdir(parents=True, exist_ok=True)
    asked = 0
    with FileLock(folder / ".lock"):
        for _ in range(MAX_RESTARTS):
            pages = stored_pages(folder)
            while not pages or _next(pages) < pages[-1].total:
                pages.append(_ask(query, window, _next(pages), key, pace))
                asked += 1
            if len({page.total for page in pages}) == 1:
                finish(folder, pages)
                return asked
            forget(folder)  # entries came or went between two pages, so that places moved
    raise InputError(f"{query.url}: the entries kept changing while they were downloaded; try again later.")


def _next(pages: list[NvdPage]) -> int:
    return pages[-1].start + pages[-1].count if pages else 0


def _ask(query: Query, window: tuple[date | None, date | None], start: int, key: str, pace: Pace) -> NvdPage:
    parameters: dict[str, Any] = {"startIndex": start, "resultsPerPage": query.page_size}
    if window[0]:
        parameters["pubStartDate"] = f"{window[0]}T00:00:00.000"
        parameters["pubEndDate"] = f"{window[1]}T23:59:59.999"
    address = f"{query.url}?{urlencode(parameters, safe=':')}"
    body, count, total = _checked(_answer(query, address, key, pace), address, start)
    return store_page(query.folder(window), start, count, total, body)


def _answer(query: Query, address: str, key: str, pace: Pace) -> Response:
    """Ask until there is an answer; NVD says 403 where too many requests came."""
    for attempt in range(query.retries + 1):
        answer = fetch(
            address,
            allow_hosts=query.allow_hosts,
            timeout=60.0,
            max_bytes=MAX_PAGE,
            headers={"apiKey": key} if key else {},
            retries=query.retries,
            check=lambda _: pace.wait(),
            sleep=pace.sleep,
        )
        if answer.status == 200:
            return answer
        if answer.status != 403:
            raise InputError(_refusal(query, answer, bool(key)))
        if attempt < query.retries:
            pace.sleep(min(_LONGEST_PAUSE, _PAUSE * 2**attempt))
    raise FetchFailed(
        Reason("fetch.status", "403"), f"{query.url}, after {query.retries + 1} attempt(s): too many requests"
    )


def _refusal(query: Query, answer: Response, has_key: bool) -> str:
    said = re.sub(r"[^ -~]", "?", answer.headers.get("message", ""))[:200] or f"status {answer.status}"
    about = f" The key is that of the environment variable {query.key_env}." if has_key else ""
    return f"{query.url}: NVD refuses: {said}{about}"


def _checked(answer: Response, address: str, start: int) -> tuple[str, int, int]:
    """Return a page's text, its number of entries, and that of the window.

    Raises:
        InputError: the answer is no page, or another one than was asked for.
    """
    try:
        text = answer.body.decode("utf-8")
        page = json.loads(text)
        total, entries, first = page["totalResults"], page["vulnerabilities"], page["startIndex"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise InputError(f"{address}: the answer is not a page of the NVD API 2.0.") from None
    if not isinstance(entries, list) or type(total) is not int or first != start or total < 0:
        raise InputError(f"{address}: the answer is not the page that was asked for.")
    if not entries and start < total:
        raise InputError(f"{address}: the page is empty, although {total:,} entries are told.")
    return text, len(entries), total
