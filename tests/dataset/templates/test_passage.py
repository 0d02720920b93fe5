from __future__ import annotations

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
