"""Checked rewards: the right choice, the right facts, and nothing for guessing or for making things up."""

from __future__ import annotations

import pytest

from secft.train.runners.rewards import UNNAMED_CEILING, WORDS_WEIGHT, facts, named_choices, reward

TACTICS = ["Execution", "Persistence", "Collection", "Command and Control"]
LETTERED = ["A. Software Configuration", "B. Network Intrusion Prevention", "C. Audit", "D. Antivirus"]


@pytest.mark.parametrize("said", ["Command and Control", "command and control.", "It is Command and Control!"])
def test_right_choice_is_rewarded_whatever_is_said_around_it(said: str) -> None:
    assert reward(said, "Command and Control", TACTICS) == 1.0


@pytest.mark.parametrize(
    "said", ["Persistence", "Execution, Persistence, Collection", "Command and Control, Execution", ""]
)
def test_wrong_choice_and_naming_all_are_not_rewarded(said: str) -> None:
    assert reward(said, "Command and Control", TACTICS) == 0.0


@pytest.mark.parametrize(
    "said", ["B. Network Intrusion Prevention", "B", "B.", "Network Intrusion Prevention", "(B) it is"]
)
def test_lettered_choice_counts_by_letter_or_text(said: str) -> None:
    assert reward(said, LETTERED[1], LETTERED) == 1.0


def test_letter_and_text_that_contradict_are_wrong() -> None:
    assert reward("C. Network Intrusion Prevention", LETTERED[1], LETTERED) == 0.0
    assert reward("Audit", LETTERED[1], LETTERED) == 0.0
    assert reward("A network is audited", LETTERED[1], LETTERED) < UNNAMED_CEILING


def test_choice_inside_a_longer_choice_is_not_named() -> None:
    choices = ["Collection", "Data Collection", "Audit"]
    assert named_choices("data collection", choices) == {1}
    assert named_choices("data collection and audit", choices) == {1, 2}
    assert reward("Data Collection", "Data Collection", choices) == 1.0


def test_words_in_the_right_direction_get_a_little() -> None:
    some = reward("command or control", "Command and Control", TACTICS)
    assert 0 < some <= UNNAMED_CEILING
    assert reward("banana", "Command and Control", TACTICS) == 0.0


def test_open_answers_are_measured_by_their_facts() -> None:
    answer = "T1055: Process Injection"
    exact = reward(answer, answer)
    right = reward("This is T1055.", answer)
    both = reward("This is T1055 or T1059 or T1003.", answer)
    wrong = reward("This is T1059.", answer)
    assert exact == 1.0
    assert exact > right > both > wrong == 0.0


def test_made_up_sub_technique_is_another_fact() -> None:
    assert facts("T1055.001 and cwe-79, port 443, version 2.0") == ["2.0", "443", "CWE-79", "T1055.001"]
    assert reward("T1055.001", "T1055") < WORDS_WEIGHT


def test_answer_without_facts_is_measured_by_its_words() -> None:
    assert reward("Isolate the host.", "Isolate the host") == 1.0
    assert 0 < reward("Isolate it", "Isolate the host") < 1.0


def test_a_very_long_answer_is_cut() -> None:
    assert reward("x " * 20_000 + "T1055", "T1055") == 0.0
