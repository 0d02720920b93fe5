"""What leaves for a teacher: a real chat server of OpenAI's protocol writes down every request that it gets."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from secft.chat.host import host_of
from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.llm import GeminiLlm, LlamaCppLlm, OpenAiLlm
from secft.config.schemas.synthesis import LlmSynthesis, WritingConfig
from secft.dataset import collect
from secft.dataset.sources.own_records import JsonlSource
from secft.dataset.synthesise import SynthesisContext, synthesise
from secft.files import read_jsonl
from tests.chat.servers import Answer, Double, Seen, chat, serving
from tests.conftest import SHARED

CASE = SHARED.parent / "cases" / "data" / "21-secrets-to-teacher" / "runbooks.jsonl"
DIGITS = "0123456789"


def runbooks(path: Path, count: int = 30) -> Path:
    """Write runbooks that hold a key, an address and a card number; all drawn, none is anybody's."""
    rng, rows = random.Random(5), []
    for number in range(count):
        key = "sk-" + "proj-" + "".join(rng.choice("abcDEFghi2345") for _ in range(40))
        digits = "4716" + "".join(rng.choice(DIGITS) for _ in range(12))
        body = (
            f"To restart payment node {number} the operator signs in as jane.roe{number}@contoso-labs.com and exports "
            f"the key {key} before the service script runs. The node then reads card {digits} from the queue and "
            "reports its state to the monitoring system within five minutes."
        )
        rows.append({"id": f"n{number}", "title": f"Runbook {number} of the payment gateway", "body": body})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def secrets_of(path: Path) -> set[str]:
    text = path.read_text("utf-8")
    return set(re.findall(r"sk-proj-\w+|[\w.]+@contoso-labs\.com|(?<!\d)\d{16}(?!\d)", text))


def answer(seen: Seen, number: int) -> Answer:
    node = re.search(r"payment node (\d+)", seen.question)
    assert node is not None
    return chat(json.dumps({"question": f"Which operator restarts payment node {node[1]} with the service script?"}))


def asked(path: Path, out: Path, secrets: SecretsConfig) -> tuple[Double, dict[str, Any], dict[str, Any]]:
    source = JsonlSource(path=str(path))
    source.fields = {"body": "text", "title": "title", "id": "id"}
    documents = collect.collect({"jsonl": source}, out / "documents", secrets=secrets)
    with serving(answer) as server:
        llm = OpenAiLlm(base_url=f"{server.address}/v1", model="served", concurrency=2)
        config = LlmSynthesis(writing=WritingConfig(tasks=["question_answer"], passages=30))
        context = SynthesisContext(llm, out / "replies")
        written = synthesise(config, out / "documents" / collect.DOCUMENTS, out / "examples", 7, context)
    return server, documents, written


def bodies(server: Double) -> str:
    return "\n".join(json.dumps(seen.body, ensure_ascii=False) for seen in server.seen)


@pytest.fixture(params=["drawn", "case 21"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "drawn":
        return runbooks(tmp_path / "runbooks.jsonl")
    if not CASE.is_file():
        pytest.skip("no directory ../shared/cases beside the checkout")
    return CASE


def test_no_request_holds_a_key_an_address_or_a_card(path: Path, tmp_path: Path) -> None:
    server, documents, written = asked(path, tmp_path, SecretsConfig())
    assert len(server.seen) == 30
    assert len(secrets_of(path)) == 90
    told = bodies(server)
    assert [secret for secret in secrets_of(path) if secret in told] == []
    assert all(name in told for name in ("<EMAIL>", "<API_KEY>", "<CREDIT_CARD>"))
    assert documents["sources"]["jsonl"]["scrubbed"] == {"API_KEY": 30, "CREDIT_CARD": 30, "EMAIL": 30}
    counts = written["sent"][server.address.removeprefix("http://")]
    assert counts["requests"] == counts["passages"] == 30
    told_characters = sum(len(turn["content"]) for seen in server.seen for turn in seen.body["messages"])
    assert counts["characters"] == told_characters
    # An answer may say what its passage says, placeholders included.
    assert sum(written["teacher"]["accepted"].values()) == 30
    rows = list(read_jsonl(tmp_path / "examples" / "examples.jsonl"))
    assert all("<EMAIL>" in row["assistant"] for row in rows)


def test_scrubbing_can_be_turned_off(tmp_path: Path) -> None:
    path = runbooks(tmp_path / "runbooks.jsonl")
    server, documents, _ = asked(path, tmp_path, SecretsConfig(scrub=False))
    assert all(secret in bodies(server) for secret in secrets_of(path))
    assert "scrubbed" not in documents["sources"]["jsonl"]


def test_the_host_is_told_without_a_name_or_a_password() -> None:
    assert host_of(OpenAiLlm(base_url="https://me:word@llm.corp.net:8443/v1")) == "llm.corp.net:8443"
    assert host_of(GeminiLlm()) == "generativelanguage.googleapis.com"
    assert host_of(LlamaCppLlm()) == ""
