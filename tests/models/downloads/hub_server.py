"""A server on loopback that speaks the part of the Hub's API that huggingface_hub asks, and a CDN on another port.

As on the Hub: small files are served by the resolve route itself, files of Git LFS by a redirection to the CDN, which
knows ranges; errors carry X-Error-Code; a gated repository shows its listing and refuses its files.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

TOKEN = "hf_secretsecretsecret"


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """One model repository; its commit follows from its files.

    Attributes:
        files: name -> content.
        license: as the model card says; None says nothing.
        card: more of the model card's head.
        gated: False, "auto" or "manual".
        opened: a token opens it.
        tags: revisions besides main.
        listed: changes the entries of the listing before they are sent.
    """

    files: dict[str, bytes]
    license: str | None = "apache-2.0"
    card: dict[str, Any] = field(default_factory=dict)
    gated: str | bool = False
    opened: bool = True
    tags: tuple[str, ...] = ()
    sha: str = ""
    extra: list[dict[str, Any]] = field(default_factory=list)

    @property
    def commit(self) -> str:
        joined = "".join(f"{name}{git_blob(content)}" for name, content in sorted(self.files.items()))
        return self.sha or hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()

    def listing(self) -> list[dict[str, Any]]:
        return [*(self._entry(name, content) for name, content in self.files.items()), *self.extra]

    def _entry(self, name: str, content: bytes) -> dict[str, Any]:
        entry = {"rfilename": name, "size": len(content), "blobId": git_blob(content)}
        if is_lfs(name):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["blobId"] = git_blob(sha256.encode())  # of the pointer
            entry["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
        return entry


def is_lfs(name: str) -> bool:
    return name.endswith((".safetensors", ".gguf", ".bin", "tokenizer.json"))


@dataclass
class Request:
    """What was asked for, and how many bytes of content were sent."""

    host: str
    method: str
    path: str
    range: str | None
    authorized: bool
    sent: int = 0


@dataclass
class HubServer:
    """The server's state; tests change it while it runs.

    Attributes:
        repositories: by id.
        served: name of a file -> other content that is sent in its place.
        cut_after: bytes of one answer of the CDN after which the connection is closed; None never.
        cuts: how often that happens; -1 always.
        bytes_per_second: of the CDN; 0 is as fast as it goes.
        knows_ranges: the CDN sends what was asked for; otherwise the whole file.
        status: answer of every request of files instead of them; 0 serves them.
        silent: tells whether connections are closed without an answer.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    cuts: int = -1
    bytes_per_second: int = 0
    knows_ranges: bool = True
    status: int = 0
    silent: Callable[[], bool] = lambda: False
    requests: list[Request] = field(default_factory=list)
    address: str = ""
    cdn: str = ""

    def of_cdn(self, name: str = "") -> list[Request]:
        return [one for one in self.requests if one.host == "cdn" and one.path.endswith(name)]

    def sent(self) -> int:
        return sum(one.sent for one in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer
    name: str

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        request = Request(self.name, self.command, path, self.headers.get("Range"), "Authorization" in self.headers)
        if self.hub.silent():
            self.close_connection = True
            return None
        self.hub.requests.append(request)
        if self.name == "cdn":
            return self._content(self.hub.served.get(_last(path)) or self._file(path.split("/", 2)[2]), request)
        if path.startswith("/api/models/"):
            return self._api(path.removeprefix("/api/models/"))
        hub_id, _, rest = path.lstrip("/").partition("/resolve/")
        return self._resolve(hub_id, rest, request)

    def _file(self, path: str) -> bytes:
        owner, name, file = path.split("/", 2)
        return self.hub.repositories[f"{owner}/{name}"].files[file]

    def _api(self, rest: str) -> None:
        hub_id, _, tree = rest.partition("/tree/")
        if tree:
            return self._tree(self.hub.repositories[hub_id])
        hub_id, _, revision = rest.partition("/revision/")
        repository = self.hub.repositories.get(hub_id)
        if repository is None:
            return self._refuse(404 if self._token() else 401, "RepoNotFound", "Repository not found")
        if revision not in ("", "main", repository.commit, *repository.tags):
            return self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        card = {**({"license": repository.license} if repository.license else {}), **repository.card}
        answer = {"id": hub_id, "modelId": hub_id, "sha": repository.commit, "gated": repository.gated, "tags": [],
                  "private": False, "cardData": card, "siblings": repository.listing()}  # fmt: skip
        self._send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())
        return None

    def _tree(self, repository: Repository) -> None:
        answer = []
        for entry in repository.listing():
            one = {"type": "file", "path": entry["rfilename"], "size": entry["size"], "oid": entry["blobId"]}
            if lfs := entry.get("lfs"):
                one["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": lfs["pointerSize"]}
            answer.append(one)
        self._send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _resolve(self, hub_id: str, rest: str, request: Request) -> None:
        commit, _, name = rest.partition("/")
        repository = self.hub.repositories[hub_id]
        if self.hub.status:
            return self._refuse(self.hub.status, "", "as the test wants")
        if repository.gated and not self._token():
            return self._refuse(401, "GatedRepo", "Access to model is restricted.")
        if repository.gated and not repository.opened:
            return self._refuse(403, "GatedRepo", "You are not in the authorized list.")
        if commit not in ("main", repository.commit) or name not in repository.files:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        content = repository.files[name]
        headers = {"X-Repo-Commit": repository.commit}
        if is_lfs(name):
            headers |= {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Linked-Size": str(len(content)),
                        "Location": f"{self.hub.cdn}/signed/{quote(f'{hub_id}/{name}')}?signature=abc"}  # fmt: skip
            return self._send(302, headers, b"")
        return self._content(self.hub.served.get(name, content), request, {**headers, "ETag": f'"{git_blob(content)}"'})

    def _content(self, content: bytes, request: Request, headers: dict[str, str] | None = None) -> None:
        start = 0
        if request.range and self.hub.knows_ranges:
            start = int(request.range.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        end = len(content)
        longest = self.hub.cut_after
        if self.name == "cdn" and longest is not None and self.hub.cuts and start + longest < end:
            self.hub.cuts -= 1
            end = start + longest
        step = 64 << 10
        for place in range(start, end, step):
            piece = content[place : min(place + step, end)]
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return
            request.sent += len(piece)
            if self.hub.bytes_per_second and self.name == "cdn":
                time.sleep(len(piece) / self.hub.bytes_per_second)
        if end < len(content):
            self.close_connection = True
            self.connection.close()

    def _token(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._send(status, headers, b"{}")

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _last(path: str) -> str:
    return path.rpartition("/")[2]


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Serve on two ports of this machine while the context is open."""
    hub = HubServer()
    servers = [_Quiet(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub, "name": name}))
               for name in ("hub", "cdn")]  # fmt: skip
    hub.address, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


def files_of(directory: Path) -> dict[str, bytes]:
    """Return the files of a model directory as a repository's."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "manifest.json"}
