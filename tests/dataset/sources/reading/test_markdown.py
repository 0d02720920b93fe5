"""Markdown as blocks of plain text."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import pytest

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.reading import markdown
from secft.dataset.sources.reading.markdown import blocks_of, plain_text, without_sections
from secft.dataset.sources.reading.markdown_inline import text_of_html
from secft.errors import InputError
from tests.samples import each_place

COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def blocks(text: str, bold_headings: bool = False) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks_of(text, bold_headings)]


def test_headings_paragraphs_and_links() -> None:
    found = blocks_of("# One `code`\n\nSee [the *guide*](http://x) or\n<https://y>.  \nNext\\_line.\n\nTwo\n---\n")
    assert found == [
        TextBlock("heading", "One code", 1),
        TextBlock("text", "See the guide or https://y.\nNext_line."),
        TextBlock("heading", "Two", 2),
    ]


def test_code_and_tables_stay_whole() -> None:
    text = "```yaml title\na:\n\n  - b\n```\n\n    indented\n      more\n\n````\n```\ninner\n```\n````\n"
    assert blocks(text) == [
        ("code", "```yaml\na:\n\n  - b\n```"),
        ("code", "```\nindented\n  more\n```"),
        ("code", "````\n```\ninner\n```\n````"),
    ]
    table = "| # | What |\n|---|:-:|\n| **1** | a `x` [b](y) <br> c |\n|  |  |\n| 2 | |\n"
    assert blocks(table) == [("table", "# | What\n1 | a `x` b c\n2 | ")]


def test_lists() -> None:
    text = "1. one\n   more\n\n   second paragraph\n2. two\n   - deep\n"
    text += "\n     ```sh\n     run\n     ```\n\n     after\n3. three\n"
    assert blocks(text) == [
        ("list", "1. one more second paragraph\n2. two\n  - deep"),
        ("code", "```sh\nrun\n```"),
        ("list", "  - after\n3. three"),
    ]


def test_noise_is_left_out() -> None:
    text = """---
title: x
---
<!-- a
comment -->
[![badge](a.svg)](b) ![image](c.png)

## Table of Contents

- [One](#one)
    - [Two](#two)

[TOC]

[Back](#top)

Words <!-- hidden --> here[^1] and ~~not~~ <b>bold</b> <T> `<b>`.

[ref]: http://example.org

***

> [!NOTE]
> Careful.

<details>
<summary>More &amp; more</summary>

inside

</details>
<script>alert(1)</script>
"""
    assert blocks(text) == [
        ("text", "Words here and bold <T> `<b>`."),
        ("text", "Careful."),
        ("text", "More & more"),
        ("text", "inside"),
    ]
    assert blocks("- [One](#one)\n- [Two](#two) is about\n") == [("list", "- One\n- Two is about")]
    assert blocks("## Contents\n\nWords.") == [("heading", "Contents"), ("text", "Words.")]


def test_names_with_underscores_stay() -> None:
    assert blocks("The __init__ of __main__.py and __bold words__.") == [
        ("text", "The __init__ of __main__.py and bold words.")
    ]


def test_bold_paragraphs_as_headings() -> None:
    text = "**PoC**:\n\nx\n\n**Fix:**\n\n**a** and **b**\n"
    assert blocks(text, bold_headings=True) == [
        ("heading", "PoC"),
        ("text", "x"),
        ("heading", "Fix"),
        ("text", "a and b"),
    ]
    assert [kind for kind, _ in blocks(text)] == ["text"] * 4


def test_sections_are_left_out_by_their_heading() -> None:
    found = blocks_of("# A\na\n## PoC\nb\n### deeper\nc\n## B\nd\n## poc two\ne\n# PoC\nf\n## g\n")
    kept, omitted = without_sections(found, re.compile("poc", re.IGNORECASE))
    assert plain_text(kept) == "A\n\na\n\nB\n\nd"
    assert omitted == ["PoC", "poc two", "PoC"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "![[](" * 5_000,
        "[a\n" * 10_000,
        "*a " * 20_000,
        "> " * 20_000,
        "- " * 5_000,
        "<a " * 20_000,
        "<!--" * 20_000,
        "|a" * 500 + "\n" + "|-" * 500,
    ],
    ids=range(9),
)
def test_harmful_markdown_ends_soon(text: str) -> None:
    start = time.process_time()
    blocks_of(text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "text", ["<" * 100_000, "<a '" * 30_000, "<!--" * 50_000, "<script>" * 30_000, "<p x" * 30_000]
)
def test_harmful_html_ends_soon(text: str) -> None:
    start = time.process_time()
    text_of_html(text)
    assert time.process_time() - start < 2


def test_too_long_a_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "MAX_CHARACTERS", 10)
    with pytest.raises(InputError, match="longer than 10"):
        blocks_of("a" * 11)
    monkeypatch.undo()
    with pytest.raises(InputError, match="brackets"):
        blocks_of("[" * 10_001)


@each_place("owasp/asvs")
def test_real_texts_lose_no_words(place: Path) -> None:
    for path in sorted(place.glob("0x1*.md")):
        source = path.read_text()
        words = set(
            re.findall(r"[A-Za-z]{4,}", re.sub(r"\]\(\S*|https?://\S+", "", html.unescape(COMMENT.sub("", source))))
        )
        assert words <= set(re.findall(r"[A-Za-z]{4,}", plain_text(blocks_of(source)))), path
        headings = [line.lstrip("#").strip() for line in source.splitlines() if line.startswith("#")]
        assert [block.text for block in blocks_of(source) if block.kind == "heading"] == headings
