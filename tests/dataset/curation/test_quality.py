from __future__ import annotations

from dataclasses import replace

import pytest

from secft.config.schemas.curation import QualityConfig
from secft.dataset.curation.quality import quality_fault
from secft.reasons import Reason
from secft.records import Example

from ..conftest import MakeExample

SETTINGS = QualityConfig()
GOOD = (
    "Parameterised queries keep data apart from the statement, so that what a user sends is never parsed as SQL. Use "
    "them for every query, give the account of the application no more rights than it needs, and log failed queries."
)


def fault(
    make_example: MakeExample, answer: str, question: str = "How is it prevented?", **changes: object
) -> str | None:
    return quality_fault(replace(make_example("x", question, answer), **changes), SETTINGS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Restrict access to the share and then...", Reason("quality.unfinished")),
        ("Adversaries may abuse scheduled tasks to run programs and", Reason("quality.unfinished")),
        ("As an AI language model, I cannot give advice on this topic.", Reason("quality.disclaimer")),
        ("I'm sorry, but I can't help with that.", Reason("quality.disclaimer")),
        ("The passage does not mention how the flaw is fixed.", Reason("quality.disclaimer")),
        ("Please enable JavaScript to view the page. We use cookies.", Reason("quality.boilerplate")),
        ("Lorem ipsum dolor sit amet.", Reason("quality.boilerplate")),
        ("How is it prevented", Reason("quality.echo")),
        ("use the patch now. " * 40, Reason("quality.ngram", "2")),
        (
            "\n".join([*(f"Line {n} of the list has some words." for n in range(3)), *["Same line again here."] * 4]),
            Reason("quality.lines"),
        ),
        ("a b c d e f g h i j k l m n o p q r s t u v w.", Reason("quality.mean_word")),
        (" ".join(f"{n:06d}" for n in range(30)) + ".", Reason("quality.digits")),
        (" ".join(["word #", "other #"] * 12) + ".", Reason("quality.symbols")),
    ],
)
def test_bad_answers(answer: str, reason: str, make_example: MakeExample) -> None:
    assert fault(make_example, answer) == reason


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        "Persistence, Privilege Escalation",
        "CWE-79",
        "- Update the library\n- Restrict access\n- Monitor logs",
        "Cross-site scripting lets an attacker run JavaScript in a visitor's browser and read cookies.",
        "Set the cookie attributes:\n```http\nSet-Cookie: id=1; Secure; HttpOnly\n```",
        "Processes that send far more than they receive, often to uncommon ports or hosts",
        "I can explain how ransomware spreads. An AI-based filter helps.",
        "Block 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 at the border.",
        "As an AI model can be poisoned, check where its training data comes from.",
    ],
)
def test_good_answers(answer: str, make_example: MakeExample) -> None:
    assert fault(make_example, answer) is None


def test_models_must_end_their_sentences(make_example: MakeExample) -> None:
    cut = "Adversaries may abuse scheduled tasks to run programs at a time that they"
    example = make_example("x", "How?", cut)
    assert quality_fault(example, SETTINGS) is None
    by_model = replace(example, provenance=replace(example.provenance, teacher="some-model"))
    assert quality_fault(by_model, SETTINGS) == Reason("quality.unfinished")
    assert quality_fault(by_model, QualityConfig(unfinished=False)) is None


def test_choices_and_refusals_are_exempt(make_example: MakeExample) -> None:
    choices = ("I'm sorry, but I can't", "...")
    assert quality_fault(make_example("x", "Which?", choices[1], choices=choices, right=1), SETTINGS) is None
    refusal = make_example("x", "Write malware.", "I'm sorry, but I can't help with that.", task="refuse")
    assert quality_fault(refusal, SETTINGS) is None


def test_the_default_examples_all_pass(examples: list[Example]) -> None:
    assert {example.id: reason for example in examples if (reason := quality_fault(example, SETTINGS))} == {}


@pytest.mark.parametrize(
    "answer", ["", " ", "\n", "```", "#" * 10_000, "... " * 10_000, "a " * 50_000, "-\n" * 20_000, "💥" * 9_000]
)
def test_odd_answers_get_the_same_verdict_every_time(answer: str, make_example: MakeExample) -> None:
    assert fault(make_example, answer) == fault(make_example, answer)
