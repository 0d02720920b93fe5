"""A session: order, concurrency, cache, budget, what stops it and what survives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.chat.errors import AccessError, BudgetError, FatalError
from secft.chat.protocol import Failure, Reply, Request
from secft.chat.session import LOOK_AHEAD, AskingProgress, open_llm
from secft.config.schemas.llm import OpenAiLlm
from secft.errors import InputError
from tests.chat.servers import Double, Seen, chat, fault, serving

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sk-test-5d1e88aa02"


def question(number: int) -> Request:
    return Request(({"role": "user", "content": f"question {number}"},))


def config(server: Double, **more: object) -> OpenAiLlm:
    settings = {"base_url": server.address, "model": "m", "backoff": 0.01, "timeout": 10.0}
    return OpenAiLlm(**{**settings, **more})  # type: ignore[arg-type]


def echo(seen: Seen, number: int) -> object:
    return chat(f"answer to {seen.question}")


def texts(outcomes: Iterator[Reply | Failure]) -> list[str]:
    return [outcome.text if isinstance(outcome, Reply) else outcome.reason for outcome in outcomes]


def test_answers_come_in_the_order_of_the_requests(tmp_path: Path) -> None:
    def slow_first(seen: Seen, number: int) -> object:
        return chat(f"answer to {seen.question}", delay=0.3 if seen.question == "question 0" else 0.02)

    told: list[AskingProgress] = []
    with serving(slow_first) as server, open_llm(config(server, concurrency=4), tmp_path) as llm:  # type: ignore[arg-type]
        answers = texts(llm.ask_all([question(n) for n in range(30)], told.append))
        assert server.most_under_way == 4
    assert answers == [f"answer to question {n}" for n in range(30)]
    assert [progress.done for progress in told] == list(range(1, 31))
    assert (told[-1].spent.asked, told[-1].spent.prompt_tokens, told[-1].spent.completion_tokens) == (30, 300, 150)


def test_requests_are_taken_as_needed(tmp_path: Path) -> None:
    taken: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(10_000):
            taken.append(number)
            yield question(number)

    with serving(echo) as server, open_llm(config(server, concurrency=2), tmp_path) as llm:  # type: ignore[arg-type]
        answers = llm.ask_all(requests())
        assert texts(next(answers) for _ in range(3)) == [f"answer to question {n}" for n in range(3)]
        answers.close()  # type: ignore[attr-defined]
        assert len(taken) <= 3 + 2 * LOOK_AHEAD
        time.sleep(0.2)
        assert len(server.seen) <= len(taken)


def test_what_was_answered_is_never_asked_again(tmp_path: Path) -> None:
    requests = [question(n % 5) for n in range(20)]
    with serving(echo) as server:  # type: ignore[arg-type]
        for expected in ((5, 15), (0, 20)):
            with open_llm(config(server, concurrency=8), tmp_path) as llm:
                texts(llm.ask_all(requests))
                assert (llm.spent.asked, llm.spent.cached) == expected
        assert server.answered == Counter({f"question {n}": 1 for n in range(5)})
        with open_llm(config(server, temperature=0.5), tmp_path) as llm:
            llm.ask(question(0))
            assert llm.spent.asked == 1


def test_the_budget_stops_before_the_request_that_would_exceed_it(tmp_path: Path) -> None:
    requests = [question(n) for n in range(20)]
    with serving(echo) as server:  # type: ignore[arg-type]
        # A request may use 3 + 8 tokens of prompt by the estimate and 16 of reply; the server counts 10 and 5.
        settings = {"max_tokens": 16, "concurrency": 3}
        with open_llm(config(server, max_total_tokens=100, **settings), tmp_path) as llm:
            got = []
            with pytest.raises(
                BudgetError, match=r"75 tokens.*replies so far are kept.*larger budget continues"
            ) as caught:
                got.extend(iter(llm.ask_all(requests)))
            assert isinstance(caught.value, InputError)
            # Three ask at a time, so the five that fit need not be the first five.
            assert len(got) <= 5
            assert all(isinstance(outcome, Reply) for outcome in got)
            assert (llm.spent.asked, llm.spent.prompt_tokens + llm.spent.completion_tokens) == (5, 75)
        assert len(server.seen) == 5
        with open_llm(config(server, max_total_tokens=1000, **settings), tmp_path) as llm:
            assert len(texts(llm.ask_all(requests))) == 20
            assert (llm.spent.asked, llm.spent.cached) == (15, 5)
        assert set(server.answered.values()) == {1}


def test_money_is_counted_and_cached_answers_are_free(tmp_path: Path) -> None:
    prices = {"input_price": 1000.0, "output_price": 4000.0, "max_tokens": 16}  # 0.01 + 0.02 dollars an answer
    with serving(echo) as server:  # type: ignore[arg-type]
        with open_llm(config(server, max_cost=0.2, **prices), tmp_path) as llm:
            with pytest.raises(BudgetError, match=r"llm.max_cost=0.2.*0.1500 US dollars"):
                texts(llm.ask_all(question(n) for n in range(20)))
            assert llm.spent.cost == pytest.approx(0.15)
        with open_llm(config(server, max_cost=0.01, **prices), tmp_path) as llm:
            assert len(texts(llm.ask_all(question(n) for n in range(5)))) == 5
            assert llm.spent.cost == 0


def test_a_wrong_key_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECFT_TEST_KEY", SECRET)
    with (
        serving(lambda seen, number: fault(401, f"bad key {SECRET}")) as server,
        open_llm(config(server, api_key_env="SECFT_TEST_KEY", concurrency=2), tmp_path) as llm,
    ):
        with pytest.raises(AccessError, match="SECFT_TEST_KEY") as caught:
            texts(llm.ask_all(question(n) for n in range(1000)))
        assert isinstance(caught.value, InputError)
        assert caught.value.exit_code == 2
        assert SECRET not in str(caught.value)
        assert len(server.seen) <= 4
        with pytest.raises(AccessError):
            llm.ask(question(1))


def test_a_wrong_key_wakes_what_waits_for_another_attempt(tmp_path: Path) -> None:
    def first_later_second_never(seen: Seen, number: int) -> object:
        if seen.question == "question 0":
            return fault(429, "later", **{"Retry-After": "300"})
        time.sleep(0.2)
        return fault(401, "no")

    started = time.monotonic()
    with (
        serving(first_later_second_never) as server,  # type: ignore[arg-type]
        open_llm(config(server, concurrency=2), tmp_path) as llm,
        pytest.raises(AccessError, match="OPENAI_API_KEY"),
    ):
        texts(llm.ask_all(question(n) for n in range(9)))
    assert time.monotonic() - started < 30


def test_a_refused_request_is_a_failure_of_its_own(tmp_path: Path) -> None:
    def refuse_odd(seen: Seen, number: int) -> object:
        return chat("fine") if int(seen.question.split()[1]) % 2 == 0 else fault(400, "too long")

    with serving(refuse_odd) as server, open_llm(config(server), tmp_path) as llm:  # type: ignore[arg-type]
        assert texts(llm.ask_all(question(n) for n in range(30))) == ["fine", "request refused 400"] * 15
        assert llm.spent.failed == {"request refused 400": 15}
        assert len(server.seen) == 30


def test_a_server_that_refuses_everything_stops_the_run(tmp_path: Path) -> None:
    with (
        serving(lambda seen, number: fault(400, "response_format is not supported")) as server,
        open_llm(config(server), tmp_path) as llm,
    ):
        with pytest.raises(AccessError, match="response_format is not supported"):
            texts(llm.ask_all(question(n) for n in range(1000)))
        assert len(server.seen) < 20


def test_leaving_the_session_wakes_what_waits(tmp_path: Path) -> None:
    with (
        serving(lambda seen, number: fault(429, "later", **{"Retry-After": "300"})) as server,
        open_llm(config(server), tmp_path) as llm,
    ):
        raised: list[FatalError] = []

        def ask() -> None:
            with pytest.raises(FatalError) as caught:
                llm.ask(question(1))
            raised.append(caught.value)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        while not server.seen:
            time.sleep(0.01)
        llm.close()
        asking.join(timeout=5)
        assert raised


CHILD = """
import sys
from pathlib import Path
from secft.config.schemas.llm import OpenAiLlm
from secft.chat.protocol import Request
from secft.chat.session import open_llm
address, cache, concurrency = sys.argv[1:]
config = OpenAiLlm(base_url=address, model="m", concurrency=int(concurrency), timeout=60)
requests = [Request(({"role": "user", "content": f"question {n}"},)) for n in range(20)]
with open_llm(config, Path(cache)) as llm:
    for reply in llm.ask_all(requests):
        print(reply.text, flush=True)
"""


def start_child(server: Double, cache: Path, concurrency: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, server.address, str(cache), str(concurrency)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_every_question_is_answered_once_whatever_is_killed(tmp_path: Path, concurrency: int) -> None:
    gate = threading.Event()

    def stuck_at_nine(seen: Seen, number: int) -> object:
        if int(seen.question.split()[1]) >= 9:
            gate.wait(30)
        return chat(f"answer to {seen.question}")

    with serving(stuck_at_nine) as server:  # type: ignore[arg-type]
        child = start_child(server, tmp_path, concurrency)
        assert child.stdout is not None
        got = [child.stdout.readline().strip() for _ in range(9)]
        child.kill()
        child.communicate()
        server.answered.clear()  # the held ones are answered into a closed connection: nobody got them
        gate.set()
        while server.under_way:
            time.sleep(0.01)
        before = len(server.seen)
        again = start_child(server, tmp_path, concurrency)
        lines, complaints = again.communicate(timeout=60)
        asked = [seen.question for seen in server.seen[before:]]
    assert again.returncode == 0, complaints
    assert lines.split("\n")[:-1] == [f"answer to question {n}" for n in range(20)]
    assert got == [f"answer to question {n}" for n in range(9)]
    assert sorted(asked) == sorted(f"question {n}" for n in range(9, 20))
    kept = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    assert len(kept) == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_server_that_hangs(tmp_path: Path, number: signal.Signals) -> None:
    gate = threading.Event()

    def hang(seen: Seen, number: int) -> object:
        gate.wait(30)
        return chat("late")

    with serving(hang) as server:  # type: ignore[arg-type]
        child = start_child(server, tmp_path, 4)
        while len(server.seen) < 4:
            time.sleep(0.02)
        started = time.monotonic()
        os.kill(child.pid, number)
        child.communicate(timeout=20)
        gate.set()
    assert child.returncode != 0
    assert time.monotonic() - started < 5
