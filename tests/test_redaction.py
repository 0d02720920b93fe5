"""Users, passwords and tokens in addresses: in no message, no log, no kept configuration and no id."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from secft.__main__ import main
from secft.config.compose import read_config
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.web import WebSource
from secft.dataset.sources.web.pages import RawPage, page_documents
from secft.documents.run_record import read_run_record
from secft.errors import FetchFailed, Problem
from secft.log import RunLog, complain, warn
from secft.reasons import Reason
from secft.redaction import without_credentials
from secft.run_directory import RunDirectory

WORD = "hunter2-4711"
ADDRESS = f"https://docs.example/guide?access_token={WORD}&page=2"


@pytest.mark.parametrize(
    "address",
    [
        f"https://me:{WORD}@docs.example/a", f"http://{WORD}@docs.example", f"ftp://a@b:{WORD}@c.example/",
        ADDRESS, f"https://x.example/?token={WORD}", f"https://x.example/?a=1&api-key={WORD}#b",
        f"https://s3.example/f.pdf?X-Amz-Credential={WORD}&X-Amz-Signature={WORD}&X-Amz-Expires=9",
        f"https://x.example/?sv=2026&sig={WORD}", f"https://x.example/?client_secret={WORD};b=1",
        f"https://x.example/?refreshToken={WORD}", f"https://x.example/?key={WORD}{WORD}", f"x?PASSWORD={WORD}",
    ],
)  # fmt: skip
def test_what_gives_access_is_cut(address: str) -> None:
    shown = without_credentials(f"['{address}', 'https://other.example/?q=1']")
    assert WORD not in shown
    assert shown.endswith("', 'https://other.example/?q=1']")
    assert without_credentials(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://docs.example/a?page=2&key=introduction", "https://docs.example/?page_token=abc&pageToken=def",
        "mail me@docs.example", "trainer.learning_rate=1e-4", "token = 5 of 9", "https://docs.example/@team/x",
        "https://docs.example/?monkey=banana",
    ],
)  # fmt: skip
def test_what_does_not_stays(text: str) -> None:
    assert without_credentials(text) == text


def test_messages_and_logs_hold_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog(tmp_path / "run.log")
    log.say(f"fetched {ADDRESS}")
    log.close()
    warn(ADDRESS)
    complain(ADDRESS)
    said = capsys.readouterr().err + (tmp_path / "run.log").read_text()
    said += str(FetchFailed(Reason("fetch.status", "503"), ADDRESS)) + str(Problem("source.web.seeds", "x", ADDRESS))
    assert said.count("docs.example") == 6
    assert WORD not in said


def test_a_command_line_with_a_password_is_answered_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    for source, key in (("web", "seeds"), ("pdf", "paths")):
        words = [f"source=[{source}]", f"source.{source}.{key}=['https://me:{WORD}@docs.example/a']", "model=tiny"]
        assert main(words) == 2
        said = capsys.readouterr()
        assert f"source.{source}.{key}" in said.err
        assert "credentials in the address" in said.err
        assert WORD not in said.err + said.out


def test_what_a_run_keeps_of_its_command_and_settings_holds_none(tmp_path: Path) -> None:
    config = read_config(["source=[web]", f"source.web.seeds=['{ADDRESS}']"])
    directory = RunDirectory(tmp_path, "run")
    directory.open(config, without_credentials(f"python -m secft source.web.seeds=['{ADDRESS}']"))
    directory.close()
    assert not [path for path in (tmp_path / "run").iterdir() if WORD in path.read_text()]
    kept = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert kept["source"]["web"]["seeds"] == ["https://docs.example/guide?access_token=[redacted]&page=2"]
    record = read_run_record(tmp_path / "run")
    assert record is not None
    assert "[redacted]" in record.command


def test_ids_addresses_and_refusals_of_pages_hold_none() -> None:
    html = b"<html><body><article><p>" + b"Servers are hardened by turning off what nobody needs. " * 8
    log = ReadLog()
    documents = list(page_documents(WebSource(), RawPage(ADDRESS, html, "text/html", url=ADDRESS), log))
    list(page_documents(WebSource(max_bytes=1024), RawPage(ADDRESS, bytes(5000), "text/html", url=ADDRESS), log))
    assert documents[0].id == "web:https://docs.example/guide?access_token=[redacted]&page=2#1"
    assert len(log.refused) == 1
    assert WORD not in f"{documents}{log.refused}"
