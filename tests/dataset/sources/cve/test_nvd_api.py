from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from secft.dataset import collect
from secft.dataset.sources.cve import CveSource
from secft.dataset.sources.cve.nvd_api import Pace, download, kept_pages, query_of, windows
from secft.dataset.sources.source import ReadLog
from secft.errors import FetchFailed, FetchRefused, InputError

KEY = "0f0f-secret-key"


class Nvd:
    """A server that speaks NVD's paging protocol on 127.0.0.1.

    Attributes:
        asked: parameters of every request that got a page.
        keys: the apiKey header of every request.
        answers: (status, headers) that the next requests get instead of a page.
        held: startIndex at which the server never answers, or None.
    """

    def __init__(self, entries: int) -> None:
        self.days = [f"2030-{1 + number * 12 // entries:02d}-15" for number in range(entries)]
        self.asked: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.held: int | None = None
        self.holding, self.over = threading.Event(), threading.Event()
        self.grow_after: int | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/rest/json/cves/2.0"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.keys.append(request.headers.get("apiKey"))
        asked = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
        if self.answers:
            status, headers = self.answers.pop(0)
            return self.send(request, status, headers, b"")
        if self.keys[-1] not in (None, KEY):
            return self.send(request, 404, {"message": "Invalid apiKey."}, b"")
        if self.held == int(asked["startIndex"]):
            self.holding.set()
            self.over.wait(30)
            return None
        self.asked.append(asked)
        if self.grow_after == len(self.asked):
            self.days.append("2030-01-20")
        return self.send(request, 200, {"Content-Type": "application/json"}, json.dumps(self.page(asked)).encode())

    def page(self, asked: dict[str, str]) -> dict[str, Any]:
        first, last = asked.get("pubStartDate", "0"), asked.get("pubEndDate", "9")
        chosen = [(number, day) for number, day in enumerate(self.days) if first <= day + "T12:00" <= last]
        start, size = int(asked["startIndex"]), int(asked["resultsPerPage"])
        entries = [
            {
                "cve": {
                    "id": f"CVE-2030-{number:04d}",
                    "lastModified": f"{day}T00:00:00.000",
                    "descriptions": [{"lang": "en", "value": f"Flaw {number}."}],
                }
            }
            for number, day in chosen[start : start + size]
        ]
        head = {"resultsPerPage": len(entries), "startIndex": start, "totalResults": len(chosen)}
        stamp = {"format": "NVD_CVE", "version": "2.0", "timestamp": "2031-01-01T10:00:00.123"}
        return {**head, **stamp, "vulnerabilities": entries}

    def send(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def nvd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvd]:
    monkeypatch.delenv("NVD_API_KEY", raising=False)
    server = Nvd(10)
    yield server
    server.over.set()
    server.server.shutdown()
    server.server.server_close()


def config(nvd: Nvd, tmp_path: Path, **more: Any) -> CveSource:
    settings = {"api": True, "api_url": nvd.url, "page_size": 3, "retries": 2, "cache": str(tmp_path / "nvd")}
    return CveSource(**{**settings, "allow_hosts": ["127.0.0.1"], **more})


def quick() -> tuple[Pace, list[float]]:
    waited: list[float] = []
    return Pace(1000, sleep=waited.append), waited


def test_pages_are_kept_and_read(nvd: Nvd, tmp_path: Path) -> None:
    source = config(nvd, tmp_path)
    assert collect.external_files({"cve": source}) == {}
    assert download(query_of(source), quick()[0]) == 4
    assert [int(asked["startIndex"]) for asked in nvd.asked] == [0, 3, 6, 9]
    assert download(query_of(source), quick()[0]) == 0
    collect.refresh({"cve": source})
    assert len(nvd.asked) == 4
    files = collect.external_files({"cve": source})
    assert len(files) == 4
    assert all(name.startswith("cve/api/all-3/") for name in files)
    found = collect.read_documents(source, ReadLog())
    assert [document.id for document in found] == [f"CVE-2030-{number:04d}" for number in range(10)]
    assert {(document.fetched, document.path) for document in found} == {("2031-01-01T10:00:00Z", "")}


def test_days_of_publication_are_asked_in_windows(nvd: Nvd, tmp_path: Path) -> None:
    source = config(nvd, tmp_path, published_from="2030-01-01", published_to="2030-12-31")
    download(query_of(source), quick()[0])
    spans = [(asked["pubStartDate"], asked["pubEndDate"]) for asked in nvd.asked]
    assert sorted(set(spans)) == [
        ("2030-01-01T00:00:00.000", "2030-04-30T23:59:59.999"),
        ("2030-05-01T00:00:00.000", "2030-08-28T23:59:59.999"),
        ("2030-08-29T00:00:00.000", "2030-12-26T23:59:59.999"),
        ("2030-12-27T00:00:00.000", "2030-12-31T23:59:59.999"),
    ]
    assert len(collect.read_documents(source, ReadLog())) == 10


def test_windows_cover_every_day_once() -> None:
    found = windows(date(2020, 1, 1), date(2022, 3, 1))
    days = [(last - first).days + 1 for first, last in found if first and last]
    assert sum(days) == (date(2022, 3, 1) - date(2020, 1, 1)).days + 1
    assert max(days) == 120
    assert windows(None, None) == ((None, None),)
    assert windows(date(2020, 1, 1), date(2020, 1, 1)) == ((date(2020, 1, 1), date(2020, 1, 1)),)


def test_refusals_for_now_are_tried_again(nvd: Nvd, tmp_path: Path) -> None:
    nvd.answers = [(403, {}), (503, {}), (429, {"Retry-After": "7"}), (403, {})]
    pace, waited = quick()
    assert download(query_of(config(nvd, tmp_path)), pace) == 4
    assert 7.0 in waited
    assert len(waited) == 4
    assert len(nvd.keys) == 8


def test_refusals_that_stay_end_the_download(nvd: Nvd, tmp_path: Path) -> None:
    nvd.answers = [(403, {})] * 3
    with pytest.raises(FetchFailed, match="after 3 attempt"):
        download(query_of(config(nvd, tmp_path)), quick()[0])
    nvd.answers = [(503, {})] * 3
    with pytest.raises(FetchFailed, match="503"):
        download(query_of(config(nvd, tmp_path)), quick()[0])
    with pytest.raises(InputError, match="not complete"):
        collect.read_documents(config(nvd, tmp_path), ReadLog())
    assert nvd.asked == []


def test_the_key_is_sent_and_never_kept(nvd: Nvd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    source = config(nvd, tmp_path, api_key_env="MY_KEY")
    collect.refresh({"cve": source})
    assert set(nvd.keys) == {KEY}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) >= 5
    assert not [path for path in kept if KEY.encode() in path.read_bytes() or KEY in str(path)]
    assert KEY not in repr(source) + repr(query_of(source))


def test_a_wrong_key_says_so_without_showing_it(nvd: Nvd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NVD_API_KEY", "wrong-secret")
    with pytest.raises(InputError, match=r"Invalid apiKey\..*NVD_API_KEY") as caught:
        download(query_of(config(nvd, tmp_path)), quick()[0])
    assert "wrong-secret" not in str(caught.value)
    assert len(nvd.keys) == 1
    monkeypatch.setenv("NVD_API_KEY", "line\nbreak")
    with pytest.raises(InputError, match="odd characters") as caught:
        download(query_of(config(nvd, tmp_path)), quick()[0])
    assert "break" not in str(caught.value)


DOWNLOAD = """
import sys
from pathlib import Path
from secft.dataset.sources.cve import CveSource
from secft.dataset.sources.cve.nvd_api import Pace, download, query_of
url, cache = sys.argv[1:]
config = CveSource(api=True, api_url=url, page_size=3, cache=cache, allow_hosts=["127.0.0.1"])
download(query_of(config), Pace(1000))
"""


def test_a_killed_download_resumes(nvd: Nvd, tmp_path: Path) -> None:
    nvd.held = 6
    source = config(nvd, tmp_path)
    root = Path(__file__).resolve().parents[4]
    process = subprocess.Popen([sys.executable, "-c", DOWNLOAD, nvd.url, source.cache], cwd=root)
    try:
        assert nvd.holding.wait(30)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    assert kept_pages(query_of(source)) == {}
    nvd.held = None
    assert download(query_of(source), quick()[0]) == 2
    assert [int(asked["startIndex"]) for asked in nvd.asked] == [0, 3, 6, 9]
    assert len(collect.read_documents(source, ReadLog())) == 10


def test_a_damaged_page_is_asked_for_again(nvd: Nvd, tmp_path: Path) -> None:
    query = query_of(config(nvd, tmp_path))
    download(query, quick()[0])
    folder = query.folder((None, None))
    (folder / "complete.json").unlink()
    sorted(folder.glob("0*.json"))[2].write_text("{}")
    assert download(query, quick()[0]) == 2
    assert [int(asked["startIndex"]) for asked in nvd.asked] == [0, 3, 6, 9, 6, 9]
    sorted(folder.glob("0*.json"))[0].unlink()
    with pytest.raises(InputError, match="pages of the NVD API are missing"):
        kept_pages(query)


def test_entries_that_come_in_between_start_the_window_again(nvd: Nvd, tmp_path: Path) -> None:
    nvd.grow_after = 2
    query = query_of(config(nvd, tmp_path))
    download(query, quick()[0])
    totals = {path.name.split("-")[2] for path, _ in kept_pages(query).values()}
    assert totals == {"11"}
    assert [int(asked["startIndex"]) for asked in nvd.asked] == [0, 3, 6, 9, 0, 3, 6, 9]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"totalResults": 5, "startIndex": 0, "vulnerabilities": []}',
        b'{"totalResults": 5, "startIndex": 3, "vulnerabilities": [1]}',
        b'{"totalResults": true, "startIndex": 0, "vulnerabilities": [1]}',
        b"\xff\xfe",
    ],
)
def test_other_answers_are_refused(nvd: Nvd, tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvd, "answer", lambda request: nvd.send(request, 200, {}, body))
    with pytest.raises(InputError, match=r"not a page|not the page|the page is empty"):
        download(query_of(config(nvd, tmp_path)), quick()[0])
    assert not list((tmp_path / "nvd").rglob("*.json"))


def test_an_empty_window_is_complete(nvd: Nvd, tmp_path: Path) -> None:
    query = query_of(config(nvd, tmp_path, published_from="2001-01-01", published_to="2001-01-02"))
    assert download(query, quick()[0]) == 1
    assert download(query, quick()[0]) == 0


def test_a_private_server_needs_to_be_allowed(nvd: Nvd, tmp_path: Path) -> None:
    query = replace(query_of(config(nvd, tmp_path)), allow_hosts=())
    with pytest.raises(FetchRefused):
        download(query, quick()[0])
    assert nvd.keys == []


def test_the_pace_keeps_to_the_limit() -> None:
    now = 0.0
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(5, 30.0, clock=lambda: now, sleep=sleep)
    for _ in range(23):
        pace.wait()
        sent.append(now)
        now += 0.1
    assert all(later - earlier >= 30.0 - 1e-9 for earlier, later in zip(sent, sent[5:], strict=False))
    assert sent[-1] == pytest.approx(120.2)


def test_the_limit_depends_on_the_key(nvd: Nvd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    monkeypatch.setattr(Pace, "wait", lambda self: limits.append(self.requests))
    query = query_of(config(nvd, tmp_path))
    download(query)
    assert set(limits) == {5}
    limits.clear()
    monkeypatch.setenv("NVD_API_KEY", KEY)
    download(replace(query, cache=tmp_path / "other"))
    assert set(limits) == {50}


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"published_from": "2030-01-01"}, "published_to"),
        ({"published_to": "2030-01-01"}, "published_from"),
        ({"published_from": "2030-13-01", "published_to": "2031-01-01"}, "published_from"),
        ({"published_from": "2030-02-01", "published_to": "2030-01-01"}, "published_to"),
        ({"api_key_env": "0f0f-secret-key"}, "api_key_env"),
        ({"api_url": "ftp://nvd"}, "api_url"),
        ({"api_url": "http://nvd.example"}, "api_url"),
        ({"paths": ["none.json"]}, "paths"),
    ],
)
def test_problems_of_the_settings(settings: dict[str, Any], key: str) -> None:
    found = collect.problems({"cve": CveSource(api=True, **settings)})
    assert [problem.key for problem in found] == [f"source.cve.{key}"]
    assert "secret" not in str(found[0])
    assert collect.problems({"cve": CveSource(api=True)}) == []
    assert [problem.key for problem in collect.problems({"cve": CveSource()})] == ["source.cve.paths"]
