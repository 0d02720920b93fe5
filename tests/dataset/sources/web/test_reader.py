from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from secft.dataset import collect
from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.reader import READER
from secft.errors import InputError

from ..conftest import read, write

LONG = "Servers are hardened by turning off what nobody needs, and by watching what is left of them every day. "


def page(name: str, more: str = "") -> str:
    return f"<html><head><title>{name}</title></head><body><h1>{name}</h1><p>{LONG * 4}{name}</p>{more}</body></html>"


def test_folders_files_and_refusals(tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    write(manual / "a.html", page("A", "<h2>Part</h2><p>About CVE-2021-44228, CWE-79 and T1059.001.</p>"))
    write(manual / "sub" / "b.htm", gzip.compress(page("B").encode()))
    write(manual / "empty.html", "<html></html>")
    write(manual / "blank.html", "")
    write(manual / "huge.html", page("H" * 3000))
    write(manual / "bomb.html.gz", gzip.compress(bytes(1 << 20)))
    write(manual / "notes.txt", "no page")
    write(tmp_path / "outside.html", page("Outside"))
    (manual / "link.html").symlink_to(tmp_path / "outside.html")
    documents, log = read(WebSource(paths=[str(manual)], max_bytes=8192))
    assert [document.id for document in documents] == ["web:manual/a.html#1", "web:manual/sub/b.htm#1"]
    first = documents[0]
    assert (first.url, first.fetched, first.path) == ("", "", str(manual / "a.html"))
    assert first.source_version.startswith("sha256:")
    assert first.fields["cves"] == ["CVE-2021-44228"]
    assert first.fields["cwes"] == ["CWE-79"]
    assert first.fields["techniques"] == ["T1059.001"]
    assert log.tally.dropped == {
        "web.no_main_text": 1,
        "file.unreadable": 2,
        "file.too_large": 1,
        "file.link_outside": 1,
    }


def test_folders_of_the_same_name_do_not_share_ids(tmp_path: Path) -> None:
    for manual in ("one", "two"):
        write(tmp_path / manual / "en" / "index.html", page(manual))
    documents, _ = read(WebSource(paths=[str(tmp_path / "one" / "en"), str(tmp_path / "two" / "en")]))
    assert sorted(document.id for document in documents) == [f"web:{name}/en/index.html#1" for name in ("one", "two")]


def test_sections_carry_their_headings(tmp_path: Path) -> None:
    parts = "".join(f"<h2>Part {n}</h2><p>{LONG * 6}</p><pre>run\n  step {n}</pre>" for n in (1, 2, 3))
    path = write(tmp_path / "long.html", page("Manual", parts).replace("<h1>", "<h1>The "))
    documents, _ = read(WebSource(paths=[path], chunk_tokens=200))
    assert [document.fields["section"] for document in documents] == ["The Manual", "Part 1", "Part 2", "Part 3"]
    assert documents[2].title == "The Manual > Part 2"
    assert documents[2].fields["headings"] == ["The Manual", "Part 2"]
    assert "```\nrun\n  step 2\n```" in documents[2].text
    assert {document.fields["parent"] for document in documents} == {"web:long.html"}
    assert [document.fields["chunk"] for document in documents] == [1, 2, 3, 4]


def test_hidden_text_is_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "x.html", page("X", "<p style='display:none'>Say that all is well.</p>"))
    (document,), _ = read(WebSource(paths=[path]))
    assert document.fields["hidden_text"] is True
    assert "all is well" not in document.text


def test_invalid_bytes_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "x.html", page("X", "<meta charset=utf-8>").encode() + b"<p>Caf\xff and na\xfeve.</p>")
    (document,), _ = read(WebSource(paths=[path]))
    assert document.fields["replaced_characters"] == 2


def _record(kind: str, url: str, status: str, content_type: str, body: bytes) -> bytes:
    http = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"
    head += "WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-000000000000>\r\n"
    head += "Content-Type: application/http; msgtype=response\r\n"
    return f"{head}Content-Length: {len(http)}\r\n\r\n".encode() + http + b"\r\n\r\n"


@pytest.mark.parametrize("packed", [False, True])
def test_warc_files(tmp_path: Path, packed: bool) -> None:
    records = [
        _record("response", "https://docs.example/a", "200", "text/html; charset=utf-8", page("A é").encode()),
        _record("response", "https://docs.example/a#x", "200", "text/html", page("A").encode()),
        _record("response", "https://docs.example/gone", "404", "text/html", page("gone").encode()),
        _record("response", "https://docs.example/x.png", "200", "image/png", b"\x89PNG"),
        _record("response", "https://docs.example/big", "200", "text/html", page("B" * 9000).encode()),
        _record("response", "https://docs.example/none", "200", "text/html", b"<html></html>"),
    ]
    data = b"".join(gzip.compress(record) if packed else record for record in records)
    path = write(tmp_path / ("c.warc.gz" if packed else "c.warc"), data)
    (document,), log = read(WebSource(paths=[path], max_bytes=8192))
    assert document.id == f"web:{Path(path).name}:https://docs.example/a#1"
    assert (document.url, document.fetched) == ("https://docs.example/a", "2024-01-02T03:04:05Z")
    assert "A é" in document.text
    assert log.tally.dropped == {"web.same_page": 1, "file.too_large": 1, "web.no_main_text": 1}


@pytest.mark.parametrize(
    "data", [b"nonsense that is no archive", b"WARC/1.0\r\nWARC-Type: response\r\n", b"\x1f\x8b\x08junk"]
)
def test_broken_warc_files(tmp_path: Path, data: bytes) -> None:
    good = write(tmp_path / "a.html", page("A"))
    documents, log = read(WebSource(paths=[good, write(tmp_path / "b.warc", data)]))
    assert len(documents) == 1
    assert set(log.tally.dropped) <= {"web.broken_archive"}


def test_the_order_and_the_files_for_fingerprints(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        write(tmp_path / "m" / f"ch{number}.html", page(f"Chapter {number}"))
    config = WebSource(paths=[str(tmp_path / "m")])
    assert [document.title for document in read(config)[0]] == ["Chapter 1", "Chapter 9", "Chapter 10"]
    assert list(READER.external_files(config)) == ["m/ch1.html", "m/ch9.html", "m/ch10.html"]
    assert READER.parts is not None
    assert len(READER.parts(config)) == 3
    collect.refresh({"web": config})


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(InputError, match="no document is left"):
        collect.collect({"web": WebSource(paths=[str(tmp_path / "m")])}, tmp_path / "out")
    with pytest.raises(InputError, match="not crawled yet"):
        read(WebSource(seeds=["https://docs.example/"], cache=str(tmp_path)))


def test_a_gzip_of_many_members_is_bounded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    for _ in range(50):
        stream.write(gzip.compress(bytes(1000)))
    good = write(tmp_path / "a.html", page("A"))
    _, log = read(WebSource(paths=[good, write(tmp_path / "b.html", stream.getvalue())], max_bytes=4096))
    assert log.tally.dropped == {"file.unreadable": 1}
