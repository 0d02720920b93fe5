from __future__ import annotations

import pytest

from secft.dataset.clean import clean_text, comparable, fault
from secft.dataset.sources.attack.text import excerpt, plain_text
from secft.dataset.text import cut, sentences, whole_sentences
from secft.reasons import Reason

from .conftest import MakeExample


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("caf\u0065\u0301", "café"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("safe\u202etxt.exe", "safetxt.exe"),
        ("hid\U000e0041\U000e0042den", "hidden"),
        ("a\x00b\x1bc", "abc"),
        ("a \r\nb\rc", "a\nb\nc"),
        ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        ("a\u00a0b", "a b"),
        ("  def f():\n    return 1  ", "def f():\n    return 1"),
        ("\ud800 lone", "lone"),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean
    assert clean_text(clean) == clean


def test_comparable_folds_what_looks_the_same() -> None:
    assert comparable("The  \uff26ull, STOP!") == comparable("the full stop")


def test_sentences_and_cuts() -> None:
    text = "Use a list, e.g. Names of users. It helps. Steps:\n- First one.\n- Second"
    assert sentences(text) == ["Use a list, e.g. Names of users.", "It helps.", "Steps:", "- First one.", "- Second"]
    assert cut(text, 45) == "Use a list, e.g. Names of users. It helps."
    assert cut(text, 10) == ""
    assert cut("Whole. Cut in the mid...", 100) == "Whole."


def test_clipped_texts_go_back_to_a_full_sentence() -> None:
    assert whole_sentences("One. Two is cu...") == "One."
    assert whole_sentences("One. Two.") == "One. Two."
    assert whole_sentences("Nothing is whole here...") == "Nothing is whole here..."
    assert plain_text("See [Mail](https://x.y/z) now. Use [Latera...", clipped=True) == "See Mail now."
    assert (
        plain_text("All (RDP) is fine.(Citation: A (2020)) More (Citation: Some...", clipped=True)
        == "All (RDP) is fine."
    )


def test_excerpt_ends_at_a_word() -> None:
    assert excerpt("Adversaries may use things to do", 22) == "Adversaries may use ..."
    assert excerpt("Short.", 22) == "Short."


def test_faults(make_example: MakeExample) -> None:
    assert fault(make_example("a")) is None
    assert fault(make_example("a", question="")) == Reason("normalise.empty")
    assert fault(make_example("a", answer="x", choices=("x", "y"), right=0)) is None
    assert fault(make_example("a", answer="x", choices=("x", "y"), right=1)) == Reason("normalise.other_choice")
    assert fault(make_example("a", answer="x", choices=("x", "x"), right=0)) == Reason("normalise.equal_choices")
    assert fault(make_example("a", answer="x", choices=("x",), right=-1)) == Reason("normalise.no_choice")
