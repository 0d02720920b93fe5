from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.web import WebSource, addresses
from secft.dataset.sources.web.crawl import refresh
from secft.dataset.sources.web.reader import READER
from secft.dataset.sources.web.record import FetchOutcome
from secft.dataset.sources.web.snapshot import crawl_directory, index_file
from secft.errors import InputError
from secft.files import sha256_file
from secft.records import Document
from tests.net.site import Asked, Reply, Site, serving

ROOT = Path(__file__).resolve().parents[4]
SENTENCE = "Servers are hardened by turning off what nobody needs and by watching what is left, every single day. "


def page(name: str, *links: str, head: str = "", more: str = "") -> str:
    anchors = " ".join(f'<a href="{link}">{link}</a>' for link in links)
    return (
        f'<html lang="en"><head><title>{name}</title>{head}</head><body><main><h1>{name}</h1>'
        f"<p>{SENTENCE * 3} This is {name}.</p>{more}"
        f"<p>See {anchors} for more about it, in case you need it.</p></main></body></html>"
    )


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


@pytest.fixture
def make(site: Site, tmp_path: Path) -> Any:
    def config(**settings: Any) -> WebSource:
        given = {"seeds": [site.url("/")], "allow_hosts": ["127.0.0.1"], "delay": 0.0, "cache": str(tmp_path / "cache")}
        return WebSource(**(given | {"retries": 0} | settings))

    return config


def crawl(config: WebSource) -> tuple[dict[str, Document], ReadLog]:
    refresh(config)
    log = ReadLog()
    documents = collect.read_documents(config, log)
    return {document.url: document for document in documents}, log


def refusals(log: ReadLog) -> dict[str, str]:
    return {row["record"]: row["reason"] for row in log.refused}


def test_pages_within_depth_and_domain(site: Site, make: Any) -> None:
    site.pages["/"] = page("home", "a/", "/b?utm_source=x&id=1#part", "https://other.example/", "mailto:a@b", "/x.pdf")
    site.pages["/a/"] = page("a", "../deep", "/")
    site.pages["/b?id=1"] = page("b")
    site.pages["/deep"] = page("deep", "/deeper")
    site.pages["/deeper"] = page("deeper")
    found, log = crawl(make(max_depth=2))
    assert list(found) == [site.url(path) for path in ("/", "/a/", "/b?id=1", "/deep")]
    assert site.paths() == ["/robots.txt", "/", "/a/", "/b?id=1", "/deep"]
    assert refusals(log) == {"https://other.example/": "web.other_domain", site.url("/x.pdf"): "web.not_page"}
    assert log.tally.seen == 6
    home = found[site.url("/")]
    assert (home.kind, home.title, home.source, home.fields["language"]) == ("guide", "home", "web", "en")
    assert home.id == f"web:{site.url('/')}#1"
    assert home.fields["parent"] == f"web:{site.url('/')}"
    assert home.fetched.startswith("20")
    assert "This is home." in home.text


def test_what_is_no_link_is_not_followed(site: Site, make: Any) -> None:
    refresh_tag = '<meta http-equiv="refresh" content="0;url=/refreshed"><link rel="next" href="/next">'
    more = (
        '<p><a rel="nofollow noopener" href="/nofollow">x</a> <a name="top">y</a> <!-- <a href="/comment">z</a> --></p>'
    )
    site.pages["/"] = page("home", "#part", "", "javascript:go()", head=refresh_tag, more=more)
    crawl(make())
    assert site.paths() == ["/robots.txt", "/"]


def test_the_base_of_links(site: Site, make: Any) -> None:
    site.pages["/"] = page("home", "x", head='<base href="/sub/dir/">')
    site.pages["/sub/dir/x"] = page("x")
    found, _ = crawl(make())
    assert site.url("/sub/dir/x") in found


def test_robots(site: Site, make: Any) -> None:
    rules = b"User-agent: *\nDisallow: /\n\nUser-agent: secft\nDisallow: /private\nCrawl-delay: 0.2\n"
    site.pages["/robots.txt"] = (200, {"Content-Type": "text/plain"}, rules)
    site.pages["/"] = page("home", "/private/x", "/moved", "/open")
    site.pages["/moved"] = (302, {"Location": "/private/y"}, b"")
    site.pages["/private/x"] = site.pages["/private/y"] = page("private")
    site.pages["/open"] = page("open")
    start = time.monotonic()
    found, log = crawl(make())
    assert time.monotonic() - start > 0.4
    assert set(found) == {site.url("/"), site.url("/open")}
    assert refusals(log) == {site.url("/private/x"): "web.robots", site.url("/moved"): "web.robots"}
    assert not any(path.startswith("/private") for path in site.paths())


def test_robots_that_cannot_be_had_forbid_and_patience_ends(site: Site, make: Any) -> None:
    site.pages["/"] = page("home")
    site.pages["/robots.txt"] = (503, {}, b"")
    with pytest.raises(InputError, match=r"no page could be fetched:\n.*robots\.txt"):
        crawl(make())
    assert site.paths() == ["/robots.txt"]
    site.pages["/robots.txt"] = (200, {}, b"User-agent: *\nCrawl-delay: 3600\n")
    with pytest.raises(InputError, match="more than 60 s"):
        crawl(make())
    assert "/" not in site.paths()


def test_sitemaps(site: Site, make: Any) -> None:
    def urlset(*paths: str) -> bytes:
        names = "".join(f"<url><loc>{site.url(path)}</loc></url>" for path in paths)
        return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{names}</urlset>'.encode()

    children = ("/one.xml.gz", "/two.xml", "/broken.xml", "/evil.xml")
    names = "".join(f"<sitemap><loc>{site.url(path)}</loc></sitemap>" for path in children)
    names += "<sitemap><loc>http://other.example/map.xml</loc></sitemap>"
    site.pages["/sitemap.xml"] = (200, {}, f"<sitemapindex>{names}</sitemapindex>".encode())
    site.pages["/one.xml.gz"] = (200, {}, gzip.compress(urlset("/p1", "/p2")))
    site.pages["/two.xml"] = (200, {}, urlset("/p2", "/p3"))
    site.pages["/broken.xml"] = (200, {}, b"<urlset><url>")
    entity = '<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>http://127.0.0.1/&x;</loc></url></urlset>'
    site.pages["/evil.xml"] = (200, {}, entity.encode())
    for name in ("p1", "p2", "p3"):
        site.pages[f"/{name}"] = page(name)
    found, log = crawl(make(seeds=[], sitemaps=[site.url("/sitemap.xml")], max_depth=0))
    assert list(found) == [site.url(f"/{name}") for name in ("p1", "p2", "p3")]
    refused = refusals(log)
    assert refused[site.url("/broken.xml")] == "web.not_sitemap"
    assert refused["http://other.example/map.xml"] == "web.other_domain"
    assert not any("root:" in json.dumps(row) for row in log.refused)


def test_a_second_crawl_fetches_only_what_changed(site: Site, make: Any) -> None:
    served: list[tuple[str, int]] = []
    pages = {"/": page("home", "/dated", "/plain"), "/dated": page("dated"), "/plain": page("plain")}

    def tagged(path: str, asked: Asked) -> Reply:
        tag = f'"{hash(pages[path])}"'
        same = asked.headers.get("if-none-match") == tag
        served.append((path, 304 if same else 200))
        return (
            (304, {"ETag": tag}, b"")
            if same
            else (200, {"ETag": tag, "Content-Type": "text/html"}, pages[path].encode())
        )

    def dated(asked: Asked) -> Reply:
        when = "Wed, 01 Jan 2025 00:00:00 GMT"
        same = asked.headers.get("if-modified-since") == when
        served.append(("/dated", 304 if same else 200))
        headers = {"Last-Modified": when, "Content-Type": "text/html"}
        return (304, {}, b"") if same else (200, headers, pages["/dated"].encode())

    site.pages = {"/": partial(tagged, "/"), "/plain": partial(tagged, "/plain"), "/dated": dated}
    first, _ = crawl(make())
    config = make(refresh=True)
    digest = sha256_file(index_file(config))
    asked = len(site.asked)

    assert crawl(make())[0] == first
    assert len(site.asked) == asked, "a complete crawl is not repeated"

    served.clear()
    assert crawl(config)[0] == first
    assert served == [("/", 304), ("/dated", 304), ("/plain", 304)]
    assert sha256_file(index_file(config)) == digest, "nothing changed, so the fingerprint stays"
    assert [path.name for path in crawl_directory(config).glob("pages-*")] == ["pages-001.warc.gz"]

    served.clear()
    pages["/plain"] = page("plain", more="<p>Something is new on this page, and it should be read.</p>")
    changed, _ = crawl(config)
    assert served == [("/", 304), ("/dated", 304), ("/plain", 200)]
    assert "Something is new" in changed[site.url("/plain")].text
    assert changed[site.url("/")] == first[site.url("/")]
    assert sha256_file(index_file(config)) != digest


def test_redirects_out_are_refused(site: Site, make: Any) -> None:
    site.pages["/"] = page("home", "/meta", "/local", "/away", "/ok")
    site.pages["/meta"] = (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
    site.pages["/local"] = (302, {"Location": f"http://localhost:{site.port}/secret"}, b"")
    site.pages["/away"] = (302, {"Location": "http://elsewhere.example/"}, b"")
    site.pages["/ok"] = (301, {"Location": "/final"}, b"")
    site.pages["/final"] = page("final")
    site.pages["/secret"] = page("secret")
    found, log = crawl(make(allow_domains=["127.0.0.1", "169.254.169.254", "localhost"]))
    assert set(found) == {site.url("/"), site.url("/final")}
    refused = refusals(log)
    assert refused[site.url("/meta")] == refused[site.url("/local")] == "fetch.private_address"
    assert refused[site.url("/away")] == "web.other_domain"
    assert "/secret" not in site.paths()


def test_a_name_that_resolves_to_a_private_address_is_never_asked(site: Site, make: Any) -> None:
    site.pages["/"] = page("home", f"http://intern.example:{site.port}/x")
    looked_up: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    config = make(allow_domains=["127.0.0.1", "intern.example"])
    refresh(config, resolve)
    log = ReadLog()
    assert len(collect.read_documents(config, log)) == 1
    assert "intern.example" in looked_up
    assert all(asked.headers["host"].startswith("127.0.0.1") for asked in site.asked)
    assert refusals(log) == {f"http://intern.example:{site.port}/x": "fetch.private_address"}


def test_bombs_other_types_and_empty_pages_are_counted(site: Site, make: Any) -> None:
    bomb = gzip.compress(bytes(50 << 20))
    site.pages["/"] = page("home", "/bomb", "/image", "/none", "/empty", "/gone", "/br")
    site.pages["/bomb"] = (200, {"Content-Encoding": "gzip", "Content-Type": "text/html"}, bomb)
    site.pages["/image"] = (200, {"Content-Type": "image/png"}, b"\x89PNG")
    site.pages["/none"] = (404, {}, b"")
    site.pages["/empty"] = "<html><body></body></html>"
    site.pages["/gone"] = (500, {}, b"")
    site.pages["/br"] = (200, {"Content-Encoding": "br"}, b"x")
    found, log = crawl(make(max_bytes=1 << 20))
    assert list(found) == [site.url("/")]
    assert log.tally.dropped == {
        "fetch.too_large": 1,
        "web.not_html": 1,
        "fetch.status 404": 1,
        "web.no_main_text": 1,
        "fetch.status 500": 1,
        "fetch.encoding": 1,
    }


def test_copies_of_a_page_are_one_document(site: Site, make: Any) -> None:
    def canonical(path: str) -> str:
        return f'<link rel="canonical" href="{path}">'

    site.pages["/"] = page("home", "/a", "/a?print=1", "/a2", "/c?v=1", "/c?v=2", "/moved", "/evil", "/twin")
    site.pages["/a"] = page("a", head=canonical("/a"))
    site.pages["/a?print=1"] = page("a printed", head=canonical("/a"))
    site.pages["/a2"] = page("a again", head=canonical(site.url("/a#top")))
    site.pages["/c?v=1"] = page("c one", head=canonical("/c"))
    site.pages["/c?v=2"] = page("c two", head=canonical("/c"))
    site.pages["/moved"] = (301, {"Location": "/a"}, b"")
    site.pages["/evil"] = page("evil", head=canonical("https://other.example/"))
    site.pages["/twin"] = site.pages["/a"]
    found, log = crawl(make())
    assert set(found) == {site.url(path) for path in ("/", "/a", "/c?v=1", "/evil")}
    assert log.tally.dropped == {"web.copy": 3, "web.same_page": 2}


def test_429_is_waited_for(site: Site, make: Any) -> None:
    replies: list[Any] = [
        (200, {"Content-Type": "text/html"}, page("home").encode()),
        (429, {"Retry-After": "1"}, b""),
    ]
    site.pages["/"] = lambda asked: replies.pop()
    start = time.monotonic()
    found, _ = crawl(make(retries=1))
    assert len(found) == 1
    assert time.monotonic() - start >= 1


def test_max_pages_and_their_order(site: Site, make: Any) -> None:
    site.pages["/"] = page("home", *(f"/p{number}" for number in (3, 1, 2)))
    for number in (1, 2, 3):
        site.pages[f"/p{number}"] = page(f"p{number}")
    found, log = crawl(make(max_pages=3))
    assert list(found) == [site.url(path) for path in ("/", "/p1", "/p2")]
    assert refusals(log) == {site.url("/p3"): "web.over_max_pages"}


CRAWLER = """
    import sys
    from secft.dataset.sources.web import WebSource
    from secft.dataset.sources.web.crawl import refresh

    refresh(WebSource(seeds=[sys.argv[1]], allow_hosts=["127.0.0.1"], delay=0.0, cache=sys.argv[2]))
"""


def test_a_killed_crawl_goes_on(site: Site, make: Any, tmp_path: Path) -> None:
    names = [f"/p{number:02d}" for number in range(12)]
    site.pages["/"] = page("home", *names)
    for name in names:
        site.pages[name] = page(name)
    config = make(retries=3)
    running: list[subprocess.Popen[bytes]] = []

    def kill(asked: Asked) -> Reply:
        running[0].send_signal(signal.SIGKILL)
        time.sleep(0.2)
        return 200, {"Content-Type": "text/html"}, page("/p06").encode()

    site.pages["/p06"] = kill
    command = [sys.executable, "-c", textwrap.dedent(CRAWLER), site.url("/"), config.cache]
    running.append(subprocess.Popen(command, cwd=ROOT, env=os.environ))
    assert running[0].wait(60) == -signal.SIGKILL
    assert not index_file(config).exists()
    directory = crawl_directory(config)
    with (directory / "pages-001.warc.gz").open("ab") as stream:
        stream.write(b"\x1f\x8b half a record")
    with (directory / "journal.jsonl").open("ab") as stream:
        stream.write(b'{"url": "http://half')
    with pytest.raises(InputError, match="not crawled yet"):
        READER.external_files(config)

    site.pages["/p06"] = page("/p06")
    found, _ = crawl(config)
    assert len(found) == 13
    counts = {path: site.paths().count(path) for path in ("/", "/robots.txt", *names)}
    assert counts == {**dict.fromkeys(counts, 1), "/p06": 2}

    again = make(cache=str(tmp_path / "again"))
    whole, _ = crawl(again)
    texts = {url: (document.id, document.text) for url, document in whole.items()}
    assert texts == {url: (document.id, document.text) for url, document in found.items()}


def test_pages_are_kept_as_warc(site: Site, make: Any) -> None:
    from warcio.archiveiterator import ArchiveIterator

    site.pages["/"] = (
        200,
        {"Content-Type": "text/html; charset=utf-8", "Set-Cookie": "a=b", "X-Y": "é"},
        page("é").encode(),
    )
    config = make()
    crawl(config)
    records = {}
    with (crawl_directory(config) / "pages-001.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(io.BytesIO(stream.read())):
            records[record.rec_headers.get_header("WARC-Target-URI")] = record.content_stream().read()
            assert record.http_headers.get_header("Set-Cookie") is None
    assert records == {site.url("/"): page("é").encode()}


def test_changed_raw_pages_are_noticed(site: Site, make: Any) -> None:
    site.pages["/"] = page("home")
    config = make()
    crawl(config)
    pages = crawl_directory(config) / "pages-001.warc.gz"
    pages.write_bytes(gzip.compress(gzip.decompress(pages.read_bytes()).replace(b"hardened", b"softened")))
    with pytest.raises(InputError, match="crawl again"):
        crawl(config)


def test_nothing_at_all_keeps_the_crawl_before(site: Site, make: Any) -> None:
    site.pages["/"] = page("home")
    config = make(refresh=True)
    first, _ = crawl(config)
    site.pages["/"] = (500, {}, b"")
    with pytest.raises(InputError, match="the server answers with status 500"):
        crawl(config)
    assert crawl(make())[0] == first


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a/../b/./c?x=1&utm_medium=y&fbclid=z#top", "https://example.org/b/c?x=1"),
        ("http://example.org:80/?gclid=1", "http://example.org/"),
        ("http://example.org:8080/a b", None),
        ("http://example.org/a;jsessionid=ABC?q", "http://example.org/a?q"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("ftp://example.org/", None),
        ("http://user:x@example.org/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_normal_addresses(url: str, normal: str | None) -> None:
    assert addresses.normal_address(url) == normal


def test_problems(tmp_path: Path) -> None:
    assert [str(problem) for problem in READER.problems(WebSource(), "source.web")] == [
        "source.web: names nothing to read. Allowed: seeds, sitemaps or paths."
    ]
    (problem,) = READER.problems(WebSource(seeds=["file:///etc/passwd"]), "source.web")
    assert problem.key == "source.web.seeds"
    (problem,) = READER.problems(WebSource(paths=[str(tmp_path / "none")]), "source.web")
    assert problem.key == "source.web.paths"


def test_what_an_earlier_version_refused_is_read() -> None:
    before = {"robots.txt": "web.robots", "status 503": "fetch.status 503", "same page": "web.same_page", "": ""}
    assert {reason: str(FetchOutcome("http://a.example/", reason=reason).why) for reason in before} == before
