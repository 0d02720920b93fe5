"""The client of Gemini, against a server on this machine that speaks its REST protocol."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import pytest

from secft.chat.errors import (
    AccessError,
    BrokenReplyError,
    LlmError,
    NoConnectionError,
    RateLimitedError,
    RefusedError,
    ServerFaultError,
    TimedOutError,
)
from secft.chat.gemini import GeminiClient
from secft.chat.protocol import Reply, Request
from secft.chat.session import open_llm
from secft.config.schemas.llm import GeminiLlm
from tests.chat.servers import Answer, Double, fault, gemini, serving

KEY = "AIzaTest-91b2c3d4e5"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CONVERSATION = Request(
    (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Because."},
        {"role": "user", "content": "Really?"},
    ),
    SCHEMA,
    99,
)
WAIT = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]


def config(server: Double, **more: object) -> GeminiLlm:
    settings = {"base_url": server.address, "model": "gemini-x", "api_key_env": "SECFT_TEST_KEY", "timeout": 5.0}
    return GeminiLlm(**{**settings, **more})  # type: ignore[arg-type]


def ask(server: Double, **more: object) -> Reply:
    client = GeminiClient(config(server, **more))
    try:
        return client.ask(CONVERSATION)
    finally:
        client.close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECFT_TEST_KEY", KEY)


def test_the_request_says_everything() -> None:
    with serving(lambda seen, number: gemini([{"text": "{}"}])) as server:
        ask(server, seed=3, temperature=0.5)
        sent = server.seen[0]
    assert sent.path == "/v1beta/models/gemini-x:generateContent"
    assert sent.headers["x-goog-api-key"] == KEY
    assert [turn["role"] for turn in sent.body["contents"]] == ["user", "model", "user"]
    assert sent.body["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    settings = sent.body["generationConfig"]
    assert (settings["seed"], settings["temperature"], settings["maxOutputTokens"]) == (3, 0.5, 99)
    assert settings["responseMimeType"] == "application/json"
    assert settings["responseJsonSchema"] == SCHEMA


def test_thoughts_are_paid_for_but_not_said() -> None:
    parts = [{"text": "Hmm, let me think.", "thought": True}, {"text": '{"a": '}, {"text": '"b"}'}]
    usage = {"promptTokenCount": 11, "candidatesTokenCount": 4, "thoughtsTokenCount": 30}
    with serving(lambda seen, number: gemini(parts, usage=usage)) as server:
        reply = ask(server)
    assert (reply.text, reply.model, reply.finish) == ('{"a": "b"}', "gemini-served", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (11, 34)


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (gemini([{"text": "cut"}], "MAX_TOKENS"), "cut", "length"),
        (gemini([], "MAX_TOKENS"), "", "length"),
        (gemini([], "SAFETY"), "", "safety"),
        (gemini([], "PROHIBITED_CONTENT"), "", "safety"),
        (gemini([{"text": "x"}], "SOMETHING_NEW"), "x", "something_new"),
        (Answer(b'{"promptFeedback": {"blockReason": "SAFETY"}}'), "", "safety"),
    ],
)
def test_finish_reasons(answer: Answer, text: str, finish: str) -> None:
    with serving(lambda seen, number: answer) as server:
        reply = ask(server)
    assert (reply.text, reply.finish) == (text, finish)


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (fault(429, "slow down", **{"Retry-After": "34"}), RateLimitedError, "rate limited 429"),
        (
            Answer(json.dumps({"error": {"code": 429, "details": WAIT}}).encode(), 429),
            RateLimitedError,
            "rate limited 429",
        ),
        (fault(500, f"oops {KEY}"), ServerFaultError, "server error 500"),
        (Answer(b"<html>bad gateway", 502), ServerFaultError, "server error 502"),
        (fault(400, "too long"), RefusedError, "request refused 400"),
        (fault(400, "API key not valid. Please pass a valid API key."), AccessError, "access refused 401"),
        (fault(401, f"wrong key {KEY}"), AccessError, "access refused 401"),
        (fault(403, f"not you {KEY}"), AccessError, "access refused 403"),
        (fault(404, "no such model"), AccessError, "unknown model 404"),
        (Answer(b"<html>"), BrokenReplyError, "broken reply"),
        (Answer(b"{}"), BrokenReplyError, "broken reply"),
        (Answer(b'{"candidates": []}'), BrokenReplyError, "broken reply"),
        (Answer(b" " * ((16 << 20) + 1)), BrokenReplyError, "broken reply"),
        (Answer(b"", hang_up=True), NoConnectionError, "no connection"),
        (gemini([{"text": "x"}], delay=1.0), TimedOutError, "time-out"),
        (gemini([{"text": "x"}], drip=0.05), TimedOutError, "time-out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_have_names(answer: Answer, error: type[LlmError], reason: str) -> None:
    with serving(lambda seen, number: answer) as server, pytest.raises(error) as caught:
        ask(server, timeout=0.6)
    assert caught.value.reason == reason
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in told
    if isinstance(caught.value, RateLimitedError):
        assert caught.value.retry_after == 34.0
    if reason.startswith("access refused"):
        assert "SECFT_TEST_KEY" in told


def test_no_key_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECFT_TEST_KEY")
    monkeypatch.setenv("GOOGLE_API_KEY", "another")
    with pytest.raises(AccessError, match="SECFT_TEST_KEY, which is not set"):
        GeminiClient(GeminiLlm(api_key_env="SECFT_TEST_KEY"))


def test_the_key_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with (
        serving(lambda seen, number: gemini([{"text": f"your key is {KEY}"}])) as server,
        open_llm(config(server), tmp_path) as llm,
    ):
        outcome = llm.ask(CONVERSATION)
        identity = llm.identity
    assert isinstance(outcome, Reply)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "[redacted]" in kept
    assert caplog.text
    assert KEY not in caplog.text
    assert KEY not in kept + str(outcome) + str(identity)
