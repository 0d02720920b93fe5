"""Real HTTP servers on this machine that speak the protocols of model servers, with any fault that is wanted."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = {"Content-Type": "application/json"}


@dataclass
class Answer:
    """One response; ``drip`` sends a byte at a time with so many seconds between."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    delay: float = 0.0
    drip: float = 0.0
    hang_up: bool = False


@dataclass
class Seen:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def question(self) -> str:
        """Text of the last message."""
        if "contents" in self.body:
            return str(self.body["contents"][-1]["parts"][0]["text"])
        return str(self.body["messages"][-1]["content"])


class Double(ThreadingHTTPServer):
    """Answers as a function says; counts what it answered completely."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[Seen, int], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[Seen] = []
        self.answered: Counter[str] = Counter()
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Double

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        server = self.server
        with server.lock:
            number = len(server.seen)
            server.seen.append(seen)
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
        try:
            self.respond(server.answer(seen, number))
            with server.lock:
                server.answered[seen.question] += 1
        finally:
            with server.lock:
                server.under_way -= 1

    def respond(self, answer: Answer) -> None:
        time.sleep(answer.delay)
        if answer.hang_up:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        for piece in [answer.body[i : i + 1] for i in range(len(answer.body))] if answer.drip else [answer.body]:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(answer.drip)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(answer: Callable[[Seen, int], Answer]) -> Iterator[Double]:
    server = Double(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chat(text: str | None = "fine", finish: str = "stop", prompt: int = 10, completion: int = 5, **more: Any) -> Answer:
    """A chat completion in OpenAI's protocol."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return Answer(json.dumps({"id": "1", "model": "served", "choices": [choice], "usage": usage}).encode(), **more)


def gemini(
    parts: list[dict[str, Any]], finish: str = "STOP", usage: dict[str, int] | None = None, **more: Any
) -> Answer:
    """A generateContent response in Gemini's REST protocol."""
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish, "index": 0}
    counts = usage or {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    body = {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-served"}
    return Answer(json.dumps(body).encode(), **more)


def fault(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """An error as OpenAI's and Google's servers send it."""
    error = {"message": message, "code": code or status, "status": "FAILED"}
    return Answer(json.dumps({"error": error}).encode(), status, {**JSON, **headers})


def bomb(encoding: str, status: int = 200) -> Answer:
    """Return 4 GiB of zeros as a server would send them: four megabytes, ``gzip`` or ``deflate``."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | (16 if encoding == "gzip" else 0))
    block = bytes(16 << 20)
    # Blocks behind a full flush stand alone: one can be sent again and again.
    first, again = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return Answer(first + again * 255, status, {**JSON, "Content-Encoding": encoding})
