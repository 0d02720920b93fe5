from __future__ import annotations

from dataclasses import replace

import pytest

from secft.config.schemas.curation import CoherenceConfig
from secft.dataset.curation.coherence import coherence_fault, content_words
from secft.reasons import Reason
from secft.records import Document, Example
from secft.security.identifiers import named

from ..conftest import MakeExample, catalogue_of

SETTINGS = CoherenceConfig()
UNKNOWN = Reason("coherence.identifier")
APART = Reason("coherence.unrelated")


def document(identifier: str, title: str, text: str) -> Document:
    return Document(identifier, "weakness", title, text, {"see": ["CWE-20"]}, "cwe", "1", "cc0-1.0", "")


KNOWN = catalogue_of([document("CWE-79", "Cross-site scripting", "Improper neutralization of input. See CAPEC-63.")])


def test_named() -> None:
    text = "CVE-2021-44228, (CWE-79) T1059.001; S0002 TA0001 GHSA-jfh8-c2jp-5v3q RUSTSEC-2021-0001 GO-2022-0507"
    assert named("xT1059 T10590 1.T1059 CVE-21-1 ACWE-79 example.S0002") == frozenset()
    assert named(text) == {
        "CVE-2021-44228", "CWE-79", "T1059.001", "S0002", "TA0001", "GHSA-jfh8-c2jp-5v3q", "RUSTSEC-2021-0001",
        "GO-2022-0507",
    }  # fmt: skip
    assert KNOWN.known == {"CWE-79", "CAPEC-63", "CWE-20"}


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        (
            "What is CWE-79?",
            "Input is put into a page without neutralization; CWE-20 and CAPEC-63 are related to it.",
            None,
        ),
        (
            "What is CWE-79?",
            "It is a child of CWE-4711 and neutralization of its input is missing in the page.",
            UNKNOWN,
        ),
        ("How does CWE-4711 relate to it?", "There is no entry CWE-4711 in what we know about input and pages.", None),
        ("How do I protect a web form?", "Salt pasta water generously, then simmer tomatoes with basil slowly.", APART),
        ("How do I protect a web form?", "Encode what goes into the page; every form field counts as hostile.", None),
        ("How do I protect a web form?", "Use an allowlist.", None),
        ("What is it?", "Scripting across sites: a page runs what somebody else has put there before.", None),
        (
            "Show a rule.",
            "```yaml\ndetection:\n  selection:\n    CommandLine|contains: abc\n  condition: selection\n```",
            None,
        ),
    ],
)
def test_answers_belong_to_questions(question: str, answer: str, reason: str | None, make_example: MakeExample) -> None:
    example = make_example("CWE-79", question, answer, entity="CWE-79")
    by_model = replace(example, provenance=replace(example.provenance, teacher="some-model"))
    assert coherence_fault(by_model, KNOWN, SETTINGS) == reason


def test_pools_choices_and_unknown_documents_are_exempt(make_example: MakeExample) -> None:
    far = "Salt pasta water generously, then simmer tomatoes with basil slowly."
    for task in ("general", "refuse", "assist"):
        assert coherence_fault(make_example("x", "Protect a form?", far, task=task), KNOWN, SETTINGS) is None
    choice = make_example("x", "Protect a form?", far, choices=(far, "b"), right=0)
    assert coherence_fault(choice, KNOWN, SETTINGS) is None
    stranger = make_example(
        "elsewhere", "What is this form of weakness?", "This form is weakness CWE-4711, as it is known to be."
    )
    assert coherence_fault(stranger, KNOWN, SETTINGS) is None
    assert coherence_fault(stranger, None, SETTINGS) is None


def test_words_agree_in_their_forms() -> None:
    assert content_words("Protecting the forms") & content_words("How to protect forms?") == {"protec", "forms"}
    assert not content_words("what is the and for")


def test_default_examples_pass(examples: list[Example], documents: dict[str, Document]) -> None:
    known = catalogue_of(documents.values())
    assert [row.id for row in examples if coherence_fault(row, known, SETTINGS)] == []
    by_model = [replace(row, provenance=replace(row.provenance, teacher="m")) for row in examples]
    judged = [coherence_fault(row, known, SETTINGS) for row in by_model]
    assert sum(map(bool, judged)) < 0.04 * len(judged), "the lexical rule rarely fires on right answers"


def test_answers_at_the_wrong_question_are_found(examples: list[Example], documents: dict[str, Document]) -> None:
    known = catalogue_of(documents.values())
    explained = [row for row in examples if row.task == "explain"]
    swapped = [
        replace(
            left, messages=(*left.messages[:-1], right.messages[-1]), provenance=replace(left.provenance, teacher="m")
        )
        for left, right in zip(explained, explained[700:] + explained[:700], strict=True)
    ]
    found = sum(bool(coherence_fault(row, known, SETTINGS)) for row in swapped)
    assert found > 0.25 * len(swapped)
