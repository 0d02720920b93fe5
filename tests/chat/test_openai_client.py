"""The client of OpenAI's chat API, against servers on this machine."""

from __future__ import annotations

import gzip
import resource
import traceback
from pathlib import Path

import pytest

from secft.chat.chat_api import model_name
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
from secft.chat.openai_client import NO_KEY, OpenAiClient
from secft.chat.protocol import Reply, Request
from secft.chat.session import Failure, open_llm
from secft.config.schemas.llm import OpenAiLlm
from tests.chat.servers import Answer, Double, bomb, chat, fault, serving

KEY = "sk-test-7f3a9c51d2"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
QUESTION = Request(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}), SCHEMA, 99)


def config(server: Double, **more: object) -> OpenAiLlm:
    settings = {"base_url": f"{server.address}/v1", "model": "m", "api_key_env": "SECFT_TEST_KEY", "timeout": 5.0}
    return OpenAiLlm(**{**settings, **more})  # type: ignore[arg-type]


def ask(server: Double, **more: object) -> Reply:
    client = OpenAiClient(config(server, **more))
    try:
        return client.ask(QUESTION)
    finally:
        client.close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECFT_TEST_KEY", KEY)


def test_a_reply_carries_what_the_server_counted() -> None:
    with serving(lambda seen, number: chat('{"a": "b"}', prompt=12, completion=7)) as server:
        reply = ask(server)
    assert (reply.text, reply.model, reply.finish) == ('{"a": "b"}', "served", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached) == (12, 7, False)
    assert reply.parameters == '{"max_tokens":99,"model":"m","seed":7,"temperature":0.0}'
    assert len(reply.digest) == 64


def test_the_request_says_everything() -> None:
    with serving(lambda seen, number: chat()) as server:
        ask(server, seed=3, temperature=0.5)
        sent = server.seen[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.body["messages"] == list(QUESTION.messages)
    assert (sent.body["seed"], sent.body["temperature"], sent.body["max_tokens"]) == (3, 0.5, 99)
    assert sent.body["response_format"]["json_schema"] == {"name": "reply", "schema": SCHEMA, "strict": True}


@pytest.mark.parametrize("structured", ["json_object", "prompt"])
def test_servers_without_schemas_are_told_in_words(structured: str) -> None:
    with serving(lambda seen, number: chat()) as server:
        ask(server, structured=structured)
        body = server.seen[0].body
    assert '"required": ["a"]' in body["messages"][-1]["content"]
    assert body.get("response_format") == ({"type": "json_object"} if structured == "json_object" else None)


def test_a_local_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECFT_TEST_KEY")
    with serving(lambda seen, number: chat()) as server:
        ask(server)
        assert server.seen[0].headers["authorization"] == f"Bearer {NO_KEY}"


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (fault(429, "slow down", **{"Retry-After": "7"}), RateLimitedError, "rate limited 429"),
        (fault(500, "oops"), ServerFaultError, "server error 500"),
        (fault(503, "oops"), ServerFaultError, "server error 503"),
        (fault(504, "oops"), TimedOutError, "time-out 504"),
        (fault(400, "too long"), RefusedError, "request refused 400"),
        (fault(422, "what?"), RefusedError, "request refused 422"),
        (fault(401, f"wrong key {KEY}"), AccessError, "access refused 401"),
        (fault(403, f"not you, {KEY}"), AccessError, "access refused 403"),
        (fault(404, f"no such model, {KEY}"), AccessError, "unknown model 404"),
        (fault(429, "pay first", "insufficient_quota"), AccessError, "no credit left"),
        (fault(500, f"your key is {KEY}"), ServerFaultError, "server error 500"),
        (Answer(b"", 302, {"Location": "http://127.0.0.1:9/"}), AccessError, "redirected 302"),
        (Answer(b"<html>", 200), BrokenReplyError, "broken reply"),
        (Answer(b"[" * 100_000, 200), BrokenReplyError, "broken reply"),
        (Answer(b'{"choices": []}', 200), BrokenReplyError, "broken reply"),
        (Answer(b'{"choices": [{"message": {"content": 5}}]}', 200), BrokenReplyError, "broken reply"),
        (Answer(b" " * ((16 << 20) + 1), 200), BrokenReplyError, "broken reply"),
        (Answer(b"", hang_up=True), NoConnectionError, "no connection"),
        (chat(delay=1.0), TimedOutError, "time-out"),
        (chat(drip=0.05), TimedOutError, "time-out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_faults_have_names(answer: Answer, error: type[LlmError], reason: str) -> None:
    with serving(lambda seen, number: answer) as server, pytest.raises(error) as caught:
        ask(server, timeout=0.6)
    assert caught.value.reason == reason
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert KEY not in told
    if error is RateLimitedError:
        assert caught.value.retry_after == 7.0  # type: ignore[attr-defined]
    if reason.startswith("access refused"):
        assert "SECFT_TEST_KEY" in told


def test_nobody_there() -> None:
    with serving(lambda seen, number: chat()) as server:
        address = server.address
    client = OpenAiClient(OpenAiLlm(base_url=f"{address}/v1", model="m"))
    with pytest.raises(NoConnectionError, match="no connection"):
        client.ask(QUESTION)
    client.close()


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (chat("cut", "length"), "cut", "length"),
        (chat(None, "content_filter"), "", "safety"),
        (chat("x", "tool_calls"), "x", "tool_calls"),
    ],
)
def test_finish_reasons(answer: Answer, text: str, finish: str) -> None:
    with serving(lambda seen, number: answer) as server:
        reply = ask(server)
    assert (reply.text, reply.finish) == (text, finish)


def test_the_key_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with serving(lambda seen, number: chat(f"your key is {KEY}")) as server, open_llm(config(server), tmp_path) as llm:
        outcome = llm.ask(QUESTION)
        identity = llm.identity
    assert isinstance(outcome, Reply)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "[redacted]" in kept
    assert caplog.text
    assert KEY not in caplog.text
    assert KEY not in kept + str(outcome) + str(identity) + repr(llm.spent)


def test_an_unusable_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECFT_TEST_KEY", "sk-abc\nX-Other: 1")
    with serving(lambda seen, number: chat()) as server, pytest.raises(AccessError, match="SECFT_TEST_KEY") as caught:
        ask(server)
    assert "sk-abc" not in str(caught.value)


def test_what_passes_is_tried_again(tmp_path: Path) -> None:
    faults = [fault(429, "slow", **{"Retry-After": "0.01"}), fault(500, "oops"), Answer(b"{broken")]
    with (
        serving(lambda seen, number: faults[number] if number < 3 else chat("at last")) as server,
        open_llm(config(server, backoff=0.01, retries=3), tmp_path) as llm,
    ):
        outcome = llm.ask(QUESTION)
        assert isinstance(outcome, Reply)
        assert outcome.text == "at last"
        assert (llm.spent.retries, llm.spent.asked, llm.spent.failed) == (3, 1, {})


def test_what_does_not_pass_is_a_failure(tmp_path: Path) -> None:
    with (
        serving(lambda seen, number: fault(503, "down")) as server,
        open_llm(config(server, backoff=0.01, retries=2), tmp_path) as llm,
    ):
        assert llm.ask(QUESTION) == Failure("server error 503", "down")
        assert len(server.seen) == 3
        assert llm.spent.failed == {"server error 503": 1}
    assert not list(tmp_path.rglob("*.json"))


def test_half_characters_do_not_break_anything(tmp_path: Path) -> None:
    with (
        serving(lambda seen, number: Answer(chat("a\ud800b").body)) as server,
        open_llm(config(server), tmp_path) as llm,
    ):
        outcome = llm.ask(QUESTION)
        assert isinstance(outcome, Reply)
        assert outcome.text == "a?b"
        half = Request(({"role": "user", "content": "\udc00"},))
        assert llm.ask(half) == Failure("not Unicode", "a message holds half of a character")
        assert len(server.seen) == 1


def test_openai_itself_gets_the_newer_name() -> None:
    client = OpenAiClient(OpenAiLlm(base_url="https://api.openai.com/v1", model="m"))
    assert client.identity()["max_completion_tokens"] == 320
    client.close()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("/srv/models/teacher.gguf", "teacher.gguf"),
        (r"C:\models\teacher.gguf", "teacher.gguf"),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("gpt-5", "gpt-5"),
    ],
)
def test_a_model_named_by_its_path_gives_no_path_away(said: str, name: str) -> None:
    assert model_name(said) == name


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 200), ("gzip", 400), ("deflate", 200)])
def test_a_small_answer_that_unpacks_to_gigabytes_is_stopped(encoding: str, status: int) -> None:
    answer = bomb(encoding, status)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(lambda seen, number: answer) as server, pytest.raises(BrokenReplyError, match="more than 16,777,216"):
        ask(server)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_packed_answers_are_read_and_unknown_packing_is_refused() -> None:
    body = gzip.compress(chat("Escape output.").body)
    with serving(lambda seen, number: Answer(body, 200, {"Content-Encoding": "gzip"})) as server:
        assert ask(server).text == "Escape output."
        assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"
    for odd, sent in (("zstd", body), ("br", body), ("gzip, gzip", body), ("gzip", body[:-9]), ("gzip", b"no")):
        answer = Answer(sent, 200, {"Content-Encoding": odd})
        with serving(lambda seen, number, answer=answer: answer) as server, pytest.raises(LlmError):
            ask(server)
