"""Models of transformers, with the tiny random one."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.chat.errors import RefusedError
from secft.chat.hf import HfClient
from secft.chat.protocol import Failure, Reply, Request
from secft.chat.session import open_llm
from secft.config.schemas.llm import HfLlm
from secft.errors import ModelNotFoundError
from secft.models.resolve import resolve_model

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def tiny() -> str:
    return str(resolve_model("tiny", "random").path)


def question(number: int, tokens: int = 8) -> Request:
    return Request(({"role": "user", "content": f"Question {number}: " + "why? " * number},), max_tokens=tokens)


def test_batches_keep_the_order_and_the_lengths(tiny: str, tmp_path: Path) -> None:
    with open_llm(HfLlm(path=tiny, batch_size=4, device="cpu"), tmp_path) as llm:
        replies = [
            reply for reply in llm.ask_all(question(n, 4 + n % 3) for n in range(10)) if isinstance(reply, Reply)
        ]
    assert len(replies) == 10
    assert all(reply.completion_tokens <= 4 + n % 3 for n, reply in enumerate(replies))
    assert [reply.prompt_tokens for reply in replies] == sorted(reply.prompt_tokens for reply in replies)
    client = HfClient(HfLlm(path=tiny, batch_size=1, device="cpu"))
    assert [client.ask(question(n, 4 + n % 3)).text for n in range(10)] == [reply.text for reply in replies]
    client.close()


def test_sampling_depends_on_the_seed_alone(tiny: str) -> None:
    texts = []
    for seed, order in ((1, (3, 5)), (1, (5, 3)), (2, (3, 5))):
        client = HfClient(HfLlm(path=tiny, temperature=1.5, seed=seed, device="cpu"))
        texts.append({n: client.ask(question(n)).text for n in order})
        client.close()
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_the_identity_is_the_weights(tiny: str) -> None:
    client = HfClient(HfLlm(path=tiny, model="tiny"))
    other = HfClient(HfLlm(path=str(resolve_model("tiny", "random", seed=4).path), model="tiny"))
    assert client.identity() != other.identity()
    assert tiny not in str(client.identity())


def test_what_is_too_long_is_a_failure_of_its_own(tiny: str, tmp_path: Path) -> None:
    with open_llm(HfLlm(path=tiny, batch_size=2, device="cpu", retries=0), tmp_path) as llm:
        outcomes = list(llm.ask_all([question(1), question(3000), question(2)]))
    assert [type(outcome) for outcome in outcomes] == [Reply, Failure, Reply]
    client = HfClient(HfLlm(path=tiny, device="cpu"))
    with pytest.raises(RefusedError, match="2048"):
        client.ask(question(3000))
    client.close()


def test_a_schema_is_asked_for_in_words(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = HfClient(HfLlm(path=tiny, device="cpu"))
    plain = client.ask(question(1)).prompt_tokens
    told = client.ask(Request(question(1).messages, {"type": "object", "required": ["a"]}, 8)).prompt_tokens
    assert told > plain + 10
    client.close()


def test_a_missing_model_is_told() -> None:
    with pytest.raises(ModelNotFoundError, match="is not on this machine"):
        HfClient(HfLlm(path="nobody/nothing"))
