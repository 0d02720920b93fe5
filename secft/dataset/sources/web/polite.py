"""Ask for one address at most once in a crawl, slowly, and as robots.txt allows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.record import FetchOutcome
from secft.dataset.sources.web.snapshot import CrawlJournal
from secft.errors import FetchError, FetchRefused
from secft.net.addresses import Resolve, parse_address, resolve_host
from secft.net.fetching import fetch
from secft.reasons import Reason

MAX_DELAY = 60.0
"""Longest pause between two requests that robots.txt may ask for (seconds); hosts that ask for more are left alone."""
MAX_ROBOTS = 1 << 20
"""Largest robots.txt; RFC 9309 asks for half of that at least."""
_OK, _NOT_MODIFIED = 200, 304
_EMPTY = hashlib.sha256(b"").hexdigest()


class PoliteFetcher:
    """Fetches addresses for one crawl; what the journal knows is not asked for again."""

    def __init__(self, config: WebSource, journal: CrawlJournal, resolve: Resolve = resolve_host) -> None:
        self._config = config
        self._journal = journal
        self._resolve = resolve
        self._robots: dict[str, Any] = {}
        self._last: dict[str, float] = {}

    def get(self, url: str, check: Callable[[str], None], max_bytes: int | None = None) -> FetchOutcome:
        """Return what became of an address, from the journal or from its server.

        Args:
            url: the address in its normal form.
            check: refuses addresses; called for redirects too.
            max_bytes: largest body; None means the configuration's.
        """
        known = self._journal.known.get(url)
        return known if known is not None else self._ask(url, check, max_bytes or self._config.max_bytes)

    def _ask(self, url: str, check: Callable[[str], None], max_bytes: int) -> FetchOutcome:
        config, before = self._config, self._journal.previous.get(url)
        wanted = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.5"}
        if before is not None:
            known = {"If-None-Match": before.etag, "If-Modified-Since": before.modified}
            wanted |= {name: value for name, value in known.items() if value}

        def may_ask(address: str) -> None:
            check(address)
            self._wait(address)

        try:
            response = fetch(
                url,
                allow_hosts=config.allow_hosts,
                timeout=config.timeout,
                total=config.timeout * 3,
                max_bytes=max_bytes,
                headers=wanted,
                retries=config.retries,
                user_agent=config.user_agent,
                check=may_ask,
                resolve=self._resolve,
            )
        except FetchError as error:
            return self._journal.keep(FetchOutcome(url).without(error.reason, error.detail))
        sha256 = hashlib.sha256(response.body).hexdigest()
        if before is not None and (response.status, sha256) in ((_OK, before.sha256), (_NOT_MODIFIED, _EMPTY)):
            return self._journal.keep(before)
        outcome = FetchOutcome(
            url,
            final=response.url,
            status=response.status,
            sha256=sha256,
            fetched=response.fetched,
            content_type=response.headers.get("content-type", "")[:200],
            etag=response.headers.get("etag", "")[:500],
            modified=response.headers.get("last-modified", "")[:100],
        )
        if response.status != _OK:
            return self._journal.keep(outcome.without(Reason("fetch.status", str(response.status)), response.url))
        return self._journal.keep(outcome, response.headers, response.body)

    def body(self, outcome: FetchOutcome) -> bytes:
        """Return what was fetched."""
        return self._journal.body(outcome)

    def check_robots(self, url: str) -> None:
        """Refuse what the robots.txt of the address's host forbids to us.

        A missing robots.txt allows everything; one that cannot be had forbids everything (RFC 9309).

        Raises:
            FetchRefused: it is forbidden, or the host asks for longer pauses than we make.
        """
        rules = self._rules(url)
        if isinstance(rules, FetchOutcome):
            answered = rules.status or rules.why.code == "fetch.status"
            why = Reason("web.robots") if answered else rules.why
            raise FetchRefused(why, f"{rules.url}: {rules.why.text()} {rules.detail}")
        if not rules.can_fetch(url, self._config.user_agent):
            raise FetchRefused(Reason("web.robots"), url)
        if (rules.crawl_delay(self._config.user_agent) or 0) > MAX_DELAY:
            raise FetchRefused(Reason("web.robots"), f"{url}: asks for more than {MAX_DELAY:g} s between requests")

    def _rules(self, url: str) -> Any:
        """Return the rules of an address's host, or what became of its robots.txt where it cannot be had."""
        from protego import Protego

        origin = _origin(url)
        if origin not in self._robots:
            outcome = self.get(f"{origin}/robots.txt", lambda address: None, MAX_ROBOTS)
            if outcome.status == _OK and not outcome.reason:
                self._robots[origin] = Protego.parse(self.body(outcome).decode("utf-8", "replace"))
            elif 400 <= outcome.status < 500:
                self._robots[origin] = Protego.parse("")
            else:
                self._robots[origin] = outcome
        return self._robots[origin]

    def _wait(self, url: str) -> None:
        host = parse_address(url).host
        rules = self._robots.get(_origin(url))
        asked = None if rules is None or isinstance(rules, FetchOutcome) else rules.crawl_delay(self._config.user_agent)
        pause = max(self._config.delay, asked or 0.0)
        if host in self._last:
            time.sleep(max(0.0, self._last[host] + pause - time.monotonic()))
        self._last[host] = time.monotonic()


def _origin(url: str) -> str:
    place = parse_address(url)
    return f"{place.scheme}://{place.host_header}"
