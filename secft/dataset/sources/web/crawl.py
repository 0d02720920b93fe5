"""Visit pages from the seeds and sitemaps on: breadth first, sorted, within domains, depth and number of pages.

The order does not depend on the answers' speed, so a crawl that was stopped goes the same way again, over what it has
fetched already without asking for it, and goes on where it stopped.
"""

from __future__ import annotations

import time
from functools import partial

from filelock import FileLock

from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.addresses import check_address, host_of, is_within, normal_address
from secft.dataset.sources.web.decode import BadPage
from secft.dataset.sources.web.links import NOWHERE, Links, is_page, links_of, visited_domains
from secft.dataset.sources.web.polite import PoliteFetcher
from secft.dataset.sources.web.record import FetchOutcome
from secft.dataset.sources.web.sitemap import MAX_BYTES, MAX_SITEMAPS, read_sitemap
from secft.dataset.sources.web.snapshot import CrawlJournal, crawl_directory, index_file
from secft.errors import FetchRefused, InputError
from secft.log import RunLog
from secft.net.addresses import Resolve, resolve_host
from secft.reasons import Reason

MAX_ADDRESSES = 100_000
"""Most addresses of one crawl, refused ones too."""
_PROGRESS_EVERY = 10.0


def refresh(config: WebSource, resolve: Resolve = resolve_host) -> None:
    """Crawl, unless a complete crawl of the same configuration is kept; a stopped one goes on.

    With ``config.refresh`` a kept crawl is brought up to date: servers are asked for what changed since (ETag,
    Last-Modified), and unchanged pages stay as they are.

    Raises:
        InputError: no page could be fetched; a kept crawl stays.
    """
    if not config.seeds and not config.sitemaps:
        return
    if index_file(config).is_file() and not config.refresh:
        return
    directory = crawl_directory(config)
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / ".lock"):
        journal = CrawlJournal(directory)
        try:
            outcomes = _Crawl(config, journal, resolve).run()
            if all(outcome.reason for outcome in outcomes):
                journal.discard()
                shown = "".join(f"\n  {row.url}: {row.why.text()} ({row.detail})" for row in outcomes[:5])
                raise InputError(f"no page could be fetched:{shown}")
            journal.finish(outcomes)
        finally:
            journal.close()


class _Crawl:
    def __init__(self, config: WebSource, journal: CrawlJournal, resolve: Resolve) -> None:
        self._config = config
        self._fetcher = PoliteFetcher(config, journal, resolve)
        self._domains = visited_domains(config)
        self._pages = 0
        self._finals: dict[str, str] = {}
        self._bodies: dict[str, str] = {}
        self._canonicals: dict[str, str] = {}
        self._log = RunLog()
        self._told = time.monotonic()

    def run(self) -> list[FetchOutcome]:
        """Return the outcomes of all addresses, in the order of the visit."""
        starts, outcomes = self._sitemaps()
        seeds = {address for seed in self._config.seeds if (address := normal_address(seed))}
        level = sorted(seeds | starts)
        seen = set(level)
        for depth in range(self._config.max_depth + 1):
            found: set[str] = set()
            for url in level:
                outcome, links = self._visit(url)
                outcomes.append(outcome)
                found |= links.found
                self._tell(len(level))
            level = sorted(found - seen) if depth < self._config.max_depth else []
            room = max(0, MAX_ADDRESSES - len(seen))
            over = Reason("web.too_many_addresses")
            outcomes += [FetchOutcome(url).without(over, f"{len(level):,}") for url in level[room:][:1]]
            level = level[:room]
            seen |= set(level)
        return self._without_copies(outcomes)

    def _sitemaps(self) -> tuple[set[str], list[FetchOutcome]]:
        """Return the pages that the sitemaps name, and the sitemaps that could not be read."""
        pending = sorted({address for url in self._config.sitemaps if (address := normal_address(url))})
        hosts = {host_of(url) for url in pending}
        pages: set[str] = set()
        refused: list[FetchOutcome] = []
        seen = set(pending)
        while pending:
            url = pending.pop(0)
            outcome = self._fetcher.get(url, partial(self._check_sitemap, hosts), MAX_BYTES)
            try:
                if outcome.reason:
                    raise BadPage(outcome.why, outcome.detail)
                sitemap = read_sitemap(self._fetcher.body(outcome))
            except BadPage as error:
                refused.append(outcome.without(error.reason, error.detail))
                continue
            pages |= {address for page in sitemap.pages if (address := normal_address(page, outcome.final))}
            further = {address for name in sitemap.sitemaps if (address := normal_address(name, outcome.final))}
            pending = sorted({*pending, *sorted(further - seen)[: MAX_SITEMAPS - len(seen)]})
            seen |= further
        return pages, refused

    def _check_sitemap(self, hosts: set[str], url: str) -> None:
        if host_of(url) not in hosts and not is_within(url, self._domains):
            raise FetchRefused(Reason("web.other_domain"), host_of(url))
        self._fetcher.check_robots(url)

    def _check(self, url: str) -> None:
        check_address(url, self._domains)
        self._fetcher.check_robots(url)

    def _visit(self, url: str) -> tuple[FetchOutcome, Links]:
        """Fetch one page and read its links."""
        try:
            check_address(url, self._domains)
        except FetchRefused as error:
            return FetchOutcome(url).without(error.reason, error.detail), NOWHERE
        if url in self._finals:
            return FetchOutcome(url).without(Reason("web.same_page"), f"as {self._finals[url]}"), NOWHERE
        if self._pages >= self._config.max_pages:
            return FetchOutcome(url).without(Reason("web.over_max_pages"), f"{self._config.max_pages:,} pages"), NOWHERE
        outcome = self._fetcher.get(url, self._check)
        if outcome.why != Reason("web.robots"):
            self._pages += 1
        if outcome.reason:
            return outcome, NOWHERE
        final = normal_address(outcome.final) or url
        if final in self._finals:
            return outcome.without(Reason("web.same_page"), f"as {self._finals[final]}"), NOWHERE
        self._finals[final] = url
        body = self._fetcher.body(outcome)
        if not is_page(outcome.content_type, body):
            return outcome.without(Reason("web.not_html"), outcome.content_type), NOWHERE
        if outcome.sha256 in self._bodies:
            return outcome.without(Reason("web.same_page"), f"as {self._bodies[outcome.sha256]}"), NOWHERE
        self._bodies[outcome.sha256] = url
        try:
            links = links_of(body, outcome.content_type, outcome.final)
        except BadPage as error:
            return outcome.without(error.reason, error.detail), NOWHERE
        self._canonicals[url] = links.canonical if links.canonical != final else ""
        return outcome, links

    def _without_copies(self, outcomes: list[FetchOutcome]) -> list[FetchOutcome]:
        """Refuse pages that call another page of the crawl their own address; one page of each group stays."""
        kept: dict[str, str] = {}
        result: list[FetchOutcome] = []
        for outcome in outcomes:
            canonical = self._canonicals.get(outcome.url, "") if not outcome.reason else ""
            original = self._finals.get(canonical, "")
            if canonical and original and not self._canonicals.get(original, canonical):
                result.append(outcome.without(Reason("web.copy"), canonical))
                continue
            if canonical and canonical in kept:
                result.append(outcome.without(Reason("web.copy"), f"{canonical}, as {kept[canonical]}"))
                continue
            if canonical:
                kept[canonical] = outcome.url
            result.append(outcome)
        return result

    def _tell(self, level: int) -> None:
        if time.monotonic() - self._told > _PROGRESS_EVERY:
            self._told = time.monotonic()
            self._log.say(f"    web: {self._pages:,} pages (at most {self._config.max_pages:,}), this level {level:,}")
