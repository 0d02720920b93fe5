"""Every part of a document is scrubbed, one value with one placeholder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from secft.config.schemas.curation import SecretsConfig
from secft.dataset import collect
from secft.dataset.curation.document_scrub import SCRUBBED, scrub_document
from secft.dataset.sources.agent_runs import AgentRunsSource
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.tool_logs.reader import READER
from secft.files import read_jsonl
from secft.records import Document

SETTINGS = SecretsConfig(detect_secrets=False)
TOKEN = "gl" + "pat-" + "k3jQ9vLm2Xw7Rt5Zp8Nc"
MAIL = "lucia.prado@hospital-norte.es"
WORD = "Kx7!" + "vBq29zT"
PLAIN = Document(
    "d1", "finding", "A finding", "Nothing to hide.", {"severity": "high"}, "tool_logs", "1", "unknown", ""
)


def test_personal_data_of_a_report_is_scrubbed_in_every_field(tmp_path: Path) -> None:
    iban = "ES6621000418401234567891"
    record = {
        "title": f"Leak of {MAIL}", "severity": "high", "url": f"https://a.corp.net/{MAIL}/x",
        "description": f"CPF 529.982.247-25, {MAIL}",
        "evidence": f"IBAN {iban}", "remediation": "Ask +34 612 482 917", "references": [f"mailto:{MAIL}"],
    }  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps([record]))
    config = ToolLogsSource(paths=[str(tmp_path / "report.json")])
    (document,) = READER.read(config, ReadLog())
    assert MAIL in json.dumps(document.fields)
    clean, counts = scrub_document(document, SETTINGS)
    written = json.dumps([clean.title, clean.text, clean.url, clean.fields])
    assert not [value for value in (MAIL, "529.982", iban, "612 482") if value in written]
    assert {"EMAIL", "BR_CPF", "IBAN", "PHONE"} <= set(counts)


def test_a_document_without_secrets_is_the_same_object() -> None:
    clean, counts = scrub_document(PLAIN, SETTINGS)
    assert clean is PLAIN
    assert not counts


def test_title_text_address_and_every_field_are_scrubbed() -> None:
    document = replace(
        PLAIN,
        title=f"Token {TOKEN}",
        text=f"Found by {MAIL}.",
        url=f"https://bob:{WORD}@git.corp.net/x",
        fields={
            "steps": [{"tool": "shell", "arguments": {"command": f"curl -u bob:{WORD} https://x.y"}, "output": MAIL}],
            "messages": [{"role": "user", "content": f"my token is {TOKEN}"}],
            "password": WORD,
            "dni": 48291736,
            "line": 1_234_567,
        },
    )
    clean, counts = scrub_document(document, SETTINGS)
    assert not [secret for secret in (TOKEN, MAIL, WORD, "48291736") if secret in str(clean)]
    assert clean.title == "Token <GITLAB_TOKEN>"
    assert clean.fields["messages"][0]["content"] == "my token is <GITLAB_TOKEN>"
    assert clean.fields["password"] == "<PASSWORD>"
    assert clean.fields["line"] == 1_234_567
    assert (
        clean.fields[SCRUBBED]
        == dict(sorted(counts.items()))
        == {"DNI": 1, "EMAIL": 2, "GITLAB_TOKEN": 2, "PASSWORD": 3}
    )
    assert scrub_document(clean, SETTINGS)[0].fields["messages"] == clean.fields["messages"]


def test_what_was_given_away_once_is_cut_where_nothing_says_what_it_is() -> None:
    document = replace(PLAIN, text=f"The password is {WORD} there.\n\nLater {WORD} was tried again.")
    clean, counts = scrub_document(document, SETTINGS)
    assert clean.text == "The password is <PASSWORD> there.\n\nLater <PASSWORD> was tried again."
    assert counts["PASSWORD"] == 2


def test_scrubbing_can_be_turned_off() -> None:
    document = replace(PLAIN, text=MAIL)
    assert scrub_document(document, SecretsConfig(scrub=False)) == (document, {})


def test_no_step_of_an_agent_keeps_a_secret(tmp_path: Path) -> None:
    step = {
        "thought": f"The note says that the password is {WORD}.",
        "tool": "http",
        "input": {"url": "https://x.y", "token": TOKEN, "auth": {"user": "bob", "password": WORD}},
        "observation": f"Set-Cookie: sid=q8v3m1k7d5s9a2l4; Path=/\nowner: {MAIL}",
    }
    row = {"id": "a", "goal": f"Ask {MAIL} for access.", "steps": [step], "answer": f"Signed in with {WORD}."}
    (tmp_path / "runs.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    collect.collect({"agent_runs": AgentRunsSource(paths=[str(tmp_path / "runs.jsonl")])}, tmp_path / "out")
    (document,) = read_jsonl(tmp_path / "out" / collect.DOCUMENTS)
    told = json.dumps(document, ensure_ascii=False)
    assert not [secret for secret in (TOKEN, MAIL, WORD, "q8v3m1k7d5s9a2l4") if secret in told]
    assert set(document["fields"][SCRUBBED]) == {"COOKIE", "EMAIL", "GITLAB_TOKEN", "PASSWORD"}
