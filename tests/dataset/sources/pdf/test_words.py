"""Words as they were meant: whole, without ligatures and soft hyphens."""

from __future__ import annotations

from pathlib import Path

from fpdf import FPDF

from secft.dataset.sources.pdf.words import DocumentWords, plain
from tests.dataset.sources.pdf.papers import paper, read


def test_divided_words_are_made_whole() -> None:
    words = DocumentWords(
        ["implementation of cross-site requests", "a network side channel", "long-term plans", "time"]
    )
    assert words.joined("the imple-", "mentation") == "the implementation"
    assert words.joined("a cross-", "site request") == "a cross-site request"
    assert words.joined("the side-", "channel attack") == "the side-channel attack"
    assert words.joined("unknown atta-", "ckers") == "unknown attackers"
    assert words.joined("see CWE-", "79") == "see CWE-79"
    assert words.joined("the Open-", "SSL library") == "the Open-SSL library"
    assert words.joined("a dash -", "after") == "a dash - after"
    assert words.joined("no", "hyphen") == "no hyphen"
    assert DocumentWords(["see example.com, com-", "plementing this"]).joined("com-", "plementing") == "complementing"


def test_divided_words_in_a_document(tmp_path: Path) -> None:
    lines = ["Encryption protects data, and encryp-", "tion needs keys. The cross-site attack and the cross-",
             "site request differ. This is the last line of it."]  # fmt: skip

    def draw(document: FPDF) -> None:
        for line in lines:
            document.cell(0, 5.5, line, new_x="LMARGIN", new_y="NEXT")

    (document,), _ = read(paper(tmp_path, draw, FPDF))
    assert document.text.startswith("Encryption protects data, and encryption needs keys.")
    assert "the cross-site request differ" in document.text


def test_ligatures_and_soft_hyphens() -> None:
    assert plain("e\ufb03cient \ufb01le") == "efficient file"
    assert plain("co\u00adop divi\u00ad") == "coop divi-"
    assert plain("high\u2011value a\u00a0b") == "high-value a b"
