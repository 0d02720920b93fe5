from __future__ import annotations

import pytest

from secft.dataset.templates.cvss import base_score, severity
from secft.dataset.templates.passage import first_lines, passage


def test_short_texts_stay_as_they_are() -> None:
    text = "Do this:\n\n- one\n- two\n\n```\ncode\n```"
    assert passage(text, 100) == text


def test_lists_are_cut_between_items_and_announcements_go_with_what_they_announce() -> None:
    assert passage("Do this:\n\n- first thing;\n- second thing", 25) == "Do this:\n\n- first thing."
    assert passage("It matters.\n\nDo this:\n\n- a very long item that does not fit", 30) == "It matters."


def test_long_lines_are_cut_at_sentences() -> None:
    assert passage("One is here. Two is here. Three is here.", 27) == "One is here. Two is here."
    assert passage("A sentence without an end that is far too long", 20) == ""
    assert passage("Be careful. As Laurence J. Peter said, nothing is safe at all.", 30) == "Be careful."


def test_code_is_whole_or_absent() -> None:
    text = "Run the command.\n\n```\nfirst\nsecond\n```"
    assert passage(text, 30) == "Run the command."
    assert passage(text, 60) == text


def test_no_heading_is_left_behind() -> None:
    assert passage("All is well.\n\nNext Heading\n\n" + "Long text without end " * 9, 40) == "All is well."


def test_first_lines() -> None:
    assert first_lines("one\n\ntwo\nthree", 8) == "one\ntwo"


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # FIRST, CVSS v3.1 examples.
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 4.6),
    ],
)
def test_base_scores(vector: str, score: float) -> None:
    assert base_score(vector) == score


def test_severity_classes() -> None:
    assert severity("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H") == "Critical"
    assert severity("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N") == "None"
    assert severity("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N") == "Low"
    assert severity("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N") == ""
    assert severity("AV:N/AC:L/Au:N/C:P/I:P/A:P") == ""
