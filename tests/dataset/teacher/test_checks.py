"""Each rule catches what it is for, and lets good pairs pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secft.dataset.teacher.checks import CHECKS, Pair, Rules, can_be_quoted, reject
from secft.dataset.teacher.identifiers import catalogue, unfounded
from secft.dataset.teacher.passages import passages
from secft.dataset.teacher.words import content_words, coverage, names, numbers
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import loosely_named

GOOD = "How can developers prevent SQL injection with prepared statements?"
ANSWER = "Use prepared statements, because they keep the query apart from the values of a user."


def passage_of(documents: dict[str, Document], aspect: str, identifier: str = "CWE-89"):
    return next(one for one in passages(documents[identifier], 600) if one.aspect == aspect)


def verdict(documents: dict[str, Document], question: str, answer: str, aspect: str = "mitigation") -> str | None:
    known = catalogue(documents.values())
    shown = frozenset({"what should defenders monitor to detect brute force attempts"})
    rules = Rules(0.9, known, shown)
    return reject(Pair(question, answer, quoted=False), passage_of(documents, aspect), rules)


def test_a_good_pair_passes(documents: dict[str, Document]) -> None:
    assert verdict(documents, GOOD, ANSWER) is None


def test_a_quoted_answer_passes(documents: dict[str, Document]) -> None:
    passage = passage_of(documents, "mitigation")
    assert reject(Pair(GOOD, passage.text, quoted=True), passage, Rules(0.9, frozenset(), frozenset())) is None


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("Prevent SQL injection with statements", ANSWER, "form: the question does not ask"),
        ("How can SQL injection be prevented? And how not?", ANSWER, "form: the question does not ask"),
        ("How can I?", ANSWER, "form: the question is too short"),
        (GOOD, "Use prepared statements, because they keep the query apart from", "form: the answer breaks off"),
        ("How can SQL injection and how can SQL injection be prevented?", ANSWER, "form: the question is broken"),
        ("How does the passage say that SQL injection is prevented?", ANSWER, "answerability: speaks of the text"),
        ("How can this weakness be prevented with statements?", ANSWER, "answerability: speaks of the text"),
        (GOOD, "I'm sorry, but I cannot help with prepared statements and queries.", "refusal"),
        (GOOD, f"{ANSWER} See CWE-99999.", "names an identifier that no catalogue knows"),
        (GOOD, f"{ANSWER} See CVE-2031-12345.", "names an identifier that no catalogue knows"),
        (GOOD, f"{ANSWER} See CAPEC-66 and T1190.", "names an identifier that no catalogue knows"),
        (GOOD, f"{ANSWER} This relates to CWE 22.", "names an identifier not in its passage"),
        (GOOD, "Use prepared statements, which keep the query apart for 90 users.", "groundedness: a number"),
        (GOOD, "Use prepared statements of Hibernate, which keep the query apart.", "groundedness: a name"),
        ("How can gardeners prevent snails on tomatoes?", ANSWER, "groundedness: the question"),
        (
            GOOD,
            "Use prepared statements and train everybody in yearly courses.",
            "groundedness: a claim that",
        ),
        (GOOD, "Prepared statements do not keep the query apart from the values.", "groundedness: a claim is turned"),
        ("Which rights of the database does an application need?", ANSWER, "answerability: the passage is about"),
        ("What is the account of the database to prevent?", ANSWER, "answerability: asks for a definition"),
        (
            "How should prepared statements keep the query apart from values of a user?",
            ANSWER,
            "answerability: the question gives the answer away",
        ),
    ],
)
def test_each_rule_catches_what_it_is_for(
    documents: dict[str, Document], question: str, answer: str, reason: str
) -> None:
    found = verdict(documents, question, answer)
    assert found is not None
    assert found.text().startswith(reason)


def test_a_description_does_not_answer_how_to_prevent(documents: dict[str, Document]) -> None:
    question = "How can developers prevent that SQL commands read rows of the database?"
    answer = "The product builds an SQL command from input of a user, so attackers bypass authentication."
    found = verdict(documents, question, answer, "description")
    assert found == Reason("answerability.prevention")


def test_what_a_passage_recommends_is_not_to_be_prevented(documents: dict[str, Document]) -> None:
    passage = passage_of(documents, "mitigation")
    pair = Pair("How can I prevent the rights of the application account?", passage.text, quoted=True)
    reason = reject(pair, passage, Rules(0.9, frozenset(), frozenset()))
    assert reason == Reason("answerability.recommended")


def test_questions_of_the_prompt_are_not_accepted_again(documents: dict[str, Document]) -> None:
    runs = frozenset(
        {"how can developers prevent sql injection with", "can developers prevent sql injection with prepared"}
    )
    rules = Rules(0.9, frozenset(), runs)
    reason = reject(Pair(GOOD, ANSWER, quoted=False), passage_of(documents, "mitigation"), rules)
    assert reason == Reason("teacher.copied")


def test_every_rule_is_in_the_table() -> None:
    assert len(CHECKS) == 11


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see CVE-2021-44228, cwe-79 and CAPEC-66", {"CVE-2021-44228", "CWE-79", "CAPEC-66"}),
        ("CWE 79, CWE_89, CWE: 22", {"CWE-79", "CWE-89", "CWE-22"}),
        ("T1059.001 under TA0002, M1038", {"T1059.001", "TA0002", "M1038"}),
        ("T10591 and XCVE-2021-44228 and CWE-79x", set()),
    ],
)
def test_identifiers_are_read_in_every_spelling(text: str, found: set[str]) -> None:
    assert loosely_named(text) == found


def test_known_identifiers_come_from_ids_texts_and_fields(documents: dict[str, Document]) -> None:
    known = catalogue(documents.values())
    assert all(identifier in known for identifier in ("CWE-89", "CWE-22", "CWE-943"))
    assert unfounded("CWE-943", "CWE-89", catalogue(documents.values())) == Reason("teacher.other_identifier")


def test_words_are_compared_by_their_stems() -> None:
    assert content_words("The users' queries are neutralized") == content_words("a user query neutralizes")
    assert coverage("prepared statements prevent injection", "a prepared statement") == 0.5
    assert numbers("port 443 of TLS1.2, CWE-79, 3.5 and 1,000") == {"443", "3.5", "1,000"}
    assert names("Use Windows here. Then AppLocker. Really") == {"windows", "applocker"}


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Which is the best way to prevent SQL injection with prepared statements?", "answerability.ranked"),
        ("Which is the main statement that keeps a query apart to prevent SQL injection?", "answerability.ranked"),
        ("Which prepared statements are you using to prevent SQL injection?", "answerability.reader"),
        ("Which statements do you use to prevent SQL injection of values?", "answerability.reader"),
        ("How do you prevent SQL injection with prepared statements?", None),
        ("What should defenders use to prevent SQL injection?", None),
    ],
)
def test_what_a_passage_does_not_tell_is_not_asked(
    documents: dict[str, Document], question: str, reason: str | None
) -> None:
    passage = passage_of(documents, "mitigation")
    found = reject(Pair(question, passage.text, quoted=True), passage, Rules(0.9, frozenset(), frozenset()))
    assert (found.code if found else None) == reason


def test_a_passage_that_tells_what_does_not_help_is_no_answer(documents: dict[str, Document]) -> None:
    sentences = (
        "Input validation will not always prevent SQL injection.",
        "Names may hold a quotation mark of their own.",
    )
    passage = replace(passage_of(documents, "mitigation"), sentences=sentences)
    pair = Pair("How can developers prevent SQL injection?", passage.text, quoted=True)
    found = reject(pair, passage, Rules(0.9, frozenset(), frozenset()))
    assert found == Reason("answerability.denied")


def test_defenders_in_a_question_do_not_ask_for_defence(documents: dict[str, Document]) -> None:
    passage = passage_of(documents, "detection")
    pair = Pair("What should defenders look for in automated static analysis of SQL?", passage.text, quoted=True)
    assert reject(pair, passage, Rules(0.9, frozenset(), frozenset())) != Reason("answerability.recommended")


def test_a_passage_that_breaks_off_or_says_little_is_not_quoted(documents: dict[str, Document]) -> None:
    passage = passage_of(documents, "mitigation")
    assert can_be_quoted(passage)
    assert not can_be_quoted(replace(passage, sentences=(passage.text.rstrip("."),)))
    assert not can_be_quoted(replace(passage, sentences=("Use prepared statements.",)))
