"""Texts of records in cards and reports, in the log and on the terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from secft.log import RunLog
from secft.papers import block, code, link, markdown

HOSTILE = (
    "<script>alert(1)</script>",
    "![x](http://evil.example/a.png)",
    "[x](javascript:alert(1))",
    "a | b\n\n# heading",
    "`code` ``` fence",
    "&lt;b&gt; &#27;[31m",
    "~~gone~~ **bold** _it_",
    "http://evil.example www.evil.example",
    "\x1b]0;title\x07 \x1b[2J \x9b31m \u202e",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_record_becomes_markup(text: str) -> None:
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for shown in (markdown(text), code(text), link(text, f"x{text}"), block(text)):
        page = reader.render(f"x {shown}\n\n| a |\n|---|\n| {shown} |" if "\n" not in shown else shown)
        for made in ("<script", "<img", "<a ", "<h1", "<del>", "<strong>", "<em>", "href"):
            assert made not in page, (shown, page)
        assert not any(sign in shown for sign in "\x1b\x07\x9b\u202e")


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://a.example/x_(y)?q=1&r=[2]", "https://a.example/x_%28y%29?q=1&r=%5B2%5D"),
        ("https://a.example/) [x](http://evil.example", "https://a.example/%29%20%5Bx%5D%28http://evil.example"),
    ],
)
def test_links_lead_where_they_say(address: str, target: str) -> None:
    assert link("CWE | a", address) == f"[CWE \\| a]({target})"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "", "http://[x"])
def test_addresses_of_other_kinds_are_no_links(address: str) -> None:
    assert "](" not in link("name", address)


def test_log_and_terminal_see_no_control_characters(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run.log")
    log.console = Console(file=io.StringIO(), force_terminal=False, soft_wrap=True)
    log.say("title \x1b]0;owned\x07 \x9b2J \u202egpj\r2026-01-01T00:00:00+00:00 gates passed\n2026 forged")
    log.close()
    written = (tmp_path / "run.log").read_bytes().decode()
    assert log.console.file.getvalue().count("\ufffd") == 5  # type: ignore[attr-defined]
    for text in (written, log.console.file.getvalue()):  # type: ignore[attr-defined]
        assert not set(text) & set("\x1b\x07\x9b\u202e\r")
    assert [line[:4] for line in written.splitlines()[1:]] == ["    "]
