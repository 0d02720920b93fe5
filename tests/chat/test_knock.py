"""A server that is down is told once, by its address, before anything is asked."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from secft.chat.errors import AccessError
from secft.chat.knock import silence
from secft.chat.protocol import Request
from secft.chat.session import open_llm
from secft.config.schemas.llm import GeminiLlm, LlamaCppLlm, OpenAiLlm


def closed_address() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def test_nobody_there_is_a_problem_without_the_password() -> None:
    address = closed_address()
    problem = silence(OpenAiLlm(base_url=address.replace("//", "//user:secret@")))
    assert problem is not None
    assert problem.key == "llm.base_url"
    assert "no server answers there" in str(problem)
    assert "secret" not in str(problem)
    assert silence(GeminiLlm(base_url=address)) is not None


def test_whoever_listens_is_enough_and_models_here_are_not_knocked_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert silence(OpenAiLlm(base_url=f"http://127.0.0.1:{server.getsockname()[1]}/v1")) is None
    assert silence(LlamaCppLlm()) is None


def test_a_proxy_is_between_and_only_encrypted_requests_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    address = closed_address()
    encrypted = address.replace("http:", "https:")
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    assert silence(OpenAiLlm(base_url=encrypted)) is None
    assert silence(OpenAiLlm(base_url=address)) is not None
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert silence(OpenAiLlm(base_url=encrypted)) is not None


def test_ninety_questions_are_one_error(tmp_path: Path) -> None:
    config = OpenAiLlm(base_url=closed_address(), model="m", backoff=60.0, concurrency=4)
    questions = [Request(messages=({"role": "user", "content": f"{number}?"},)) for number in range(90)]
    with open_llm(config, tmp_path) as llm, pytest.raises(AccessError, match=r"no server answers there") as told:
        list(llm.ask_all(questions))
    assert config.base_url in str(told.value)
    assert llm.spent.retries == 0
