"""Files from addresses are fetched once and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.pdf import PdfSource, reader
from secft.dataset.sources.source import ReadLog
from secft.errors import FetchRefused, InputError
from tests.dataset.sources.pdf.papers import PROSE, paper, prose


@contextmanager
def server(answers: dict[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers.get(self.path, (404, b"no"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


def test_addresses_are_fetched_once_and_kept(tmp_path: Path) -> None:
    content = paper(tmp_path, lambda document: prose(document, PROSE)).read_bytes()
    with server({"/a.pdf": (200, content), "/page": (200, b"<html>")}) as (home, asked):
        url = f"{home}/a.pdf"
        cache = str(tmp_path / "cache")
        config = PdfSource(paths=[url], allow_hosts=["127.0.0.1"], cache=cache)
        assert reader.READER.refresh
        assert reader.READER.external_files(config) == {}
        for _ in range(2):
            reader.READER.refresh(config)
        assert asked == ["/a.pdf"]
        (file,) = reader.READER.external_files(config).values()
        assert file.read_bytes() == content
        (document,) = collect.read_documents(config, ReadLog())
        assert (document.id, document.url, document.path) == (f"pdf:{url}#1", url, "")
        assert document.fetched
        with pytest.raises(FetchRefused):
            reader.READER.refresh(PdfSource(paths=[url], cache=str(tmp_path / "other")))
        for path, said in (("/page", "expected a PDF"), ("/none", "status 404")):
            with pytest.raises(InputError, match=said):
                reader.READER.refresh(PdfSource(paths=[home + path], allow_hosts=["127.0.0.1"], cache=cache))
