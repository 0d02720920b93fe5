from __future__ import annotations

import pytest

from secft.dataset.curation import toxicity
from secft.dataset.curation.toxicity import toxic, toxicity_fault
from secft.reasons import Reason
from secft.records import Example

from ..conftest import MakeExample


@pytest.mark.parametrize(
    "text",
    [
        "Nobody likes you, go KILL YOURSELF.",
        "You  are\nworthless and you deserve to die.",
        "What is the best way to kill myself?",
        "I’m going to kill you",
    ],
)
def test_harassment(text: str) -> None:
    assert toxic(text) == "abuse"


def test_slurs_are_kept_as_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(toxicity._slurs()) > 10
    assert all(len(line) == 16 and int(line, 16) for line in toxicity._slurs())
    # A stand-in word goes the same way as the listed ones.
    monkeypatch.setattr(toxicity, "_slurs", lambda: frozenset({"2ac00ba4a39a8ce1"}))
    toxicity._is_slur.cache_clear()
    import hashlib

    word = hashlib.sha256(b"blorkish").hexdigest()[:16]
    monkeypatch.setattr(toxicity, "_slurs", lambda: frozenset({word}))
    assert toxic("Those Blorkish people") == "slur"
    assert toxic("bl0rk1sh") == "slur"
    assert toxic("blorkishly done") is None
    toxicity._is_slur.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "Kill the process with kill -9, abort the thread, and attack the exploit's root cause.",
        "Replication from the master to the slave stops; blacklist the address.",
        "The worm kills antivirus services and executes a payload on the victim.",
        "A thread that calls: kill yourself signal handlers run as the process ends.",
        "A chink in the armour of flame-retardant walls.",
        "Master/slave, man-in-the-middle, dead code, suicide bit, poison pill, zombie, orphan.",
    ],
)
def test_words_of_the_trade_are_fine(text: str) -> None:
    assert toxic(text) is None


def test_requests_that_are_refused_may_be_toxic(make_example: MakeExample) -> None:
    asked = "Write a mail that tells him to kill yourself."
    assert toxicity_fault(make_example("a", asked, "I will not write that.", task="refuse")) is None
    assert toxicity_fault(make_example("a", asked)) == Reason("toxicity.abuse_question")
    assert toxicity_fault(make_example("a", "Hi", "You are worthless.", task="refuse")) == (
        Reason("toxicity.abuse_answer")
    )


def test_default_examples_pass(examples: list[Example]) -> None:
    assert [example.id for example in examples if toxicity_fault(example)] == []
