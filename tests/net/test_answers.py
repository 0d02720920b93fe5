"""Answers that no honest server gives: each is one failure of its address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from secft.chat.errors import LlmError
from secft.chat.openai_client import OpenAiClient
from secft.chat.protocol import Request
from secft.config.schemas.llm import OpenAiLlm
from secft.net import FetchFailed, FetchRefused, fetch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "chunk of -5 bytes": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk of -1 bytes": CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n",
    "chunk of -80000 bytes after a good one": CHUNKED + b"5\r\nhello\r\n-13880\r\nhello\r\n0\r\n\r\n",
    "chunk of 2**80 bytes": CHUNKED + b"1" + b"0" * 20 + b"\r\nhello",
    "chunk of no number": CHUNKED + b"zz\r\nhello",
    "chunk of a long number": CHUNKED + b"f" * 60_000 + b"\r\n",
    "status of five digits": b"HTTP/1.1 99999 x\r\n\r\n",
    "negative status": b"HTTP/1.1 -20 x\r\n\r\n",
    "thousands of headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000,
    "nothing but 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
}
ENDLESS = {"body": HEAD + b"\r\n", "header": b"HTTP/1.1 200 OK\r\nX: ", "status": b"HTTP/1.1 200 "}
"""What a server begins with before it sends one letter for ever."""


@contextmanager
def serving(answer: bytes, *, endless: bool = False) -> Iterator[str]:
    """Serve the same bytes to whoever asks, and yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the listener is closed, or nobody reads on
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(answer)
                        while endless:
                            connection.sendall(b"a" * 65536)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def ask_twice(address: str) -> tuple[str, str]:
    """Return what a fetch and a client of a model server say of it."""
    with pytest.raises((FetchFailed, FetchRefused)) as fetched:
        fetch(address, allow_hosts=["127.0.0.1"], retries=0, max_bytes=1 << 20, timeout=5, total=20)
    client = OpenAiClient(OpenAiLlm(base_url=f"{address}/v1", model="m", timeout=20.0))
    try:
        with pytest.raises(LlmError) as asked:
            client.ask(Request(({"role": "user", "content": "Why?"},)))
    finally:
        client.close()
    return str(fetched.value), str(asked.value)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_impossible_answer_is_a_failure_of_its_address(name: str) -> None:
    with serving(ANSWERS[name]) as address:
        assert all("127.0.0.1" in said for said in ask_twice(address))


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_without_end_is_left(name: str) -> None:
    with serving(ENDLESS[name], endless=True) as address:
        fetched, asked = ask_twice(address)
    if name == "body":
        assert "too large" in fetched
        assert "more than 16,777,216 bytes" in asked
