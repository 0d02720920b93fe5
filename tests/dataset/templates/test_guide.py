from __future__ import annotations

from typing import Any

import pytest

from secft.records import Document

PROSE = "Passwords are stored with a slow hash such as Argon2id, with a salt for each. A pepper may be added as well."


@pytest.fixture
def section(make_document: Any) -> Any:
    def make(
        text: str = PROSE, heading: str = "Storage", source: str = "owasp", number: int = 3, **fields: Any
    ) -> Document:
        given = {"document": "Password Cheat Sheet", "chunk": number, "headings": ["Password Cheat Sheet", heading]}
        found: Document = make_document("guide", f"owasp:p.md#{number}", "T", source, text, **{**given, **fields})
        return found

    return make


def test_a_heading_becomes_a_question(section: Any, write: Any, questions: Any) -> None:
    draft = write("guidance", section())[0]
    assert draft.answer == PROSE
    assert draft.fields == ("text",)
    asked = questions("guidance", section())
    assert len(asked) >= 3
    assert all("Storage" in question for question in asked)
    assert all('OWASP\'s "Password Cheat Sheet"' in question for question in asked)


def test_numbers_go_and_the_heading_above_is_named(section: Any, write: Any) -> None:
    headings = ["Password Cheat Sheet", "4.2. Hashes", "Section 7: Argon2"]
    question = write("guidance", section(headings=headings))[0].question
    assert "Argon2 (Hashes)" in question
    assert "4.2" not in question
    assert "Section 7" not in question


def test_a_question_stays_one(section: Any, write: Any) -> None:
    question = write("guidance", section(heading="When do I hash?"))[0].question
    assert question == 'When do I hash? (I ask about OWASP\'s "Password Cheat Sheet".)'


def test_an_introduction_is_about_the_whole(section: Any, questions: Any) -> None:
    text = "This cheat sheet tells how to keep passwords, so that a stolen database is of little use to a thief."
    asked = questions("guidance", section(text, "Introduction", number=1))
    assert all("Introduction" not in question and "Password Cheat Sheet" in question for question in asked)


def test_a_page_is_its_own_topic(make_document: Any, questions: Any) -> None:
    page = make_document(
        "guide", "web:a.html#1", "T", "web", PROSE, page_title="5.1. Securing ssh", headings=["5.1. Securing ssh"]
    )
    assert all("Securing ssh" in question and "5.1" not in question for question in questions("guidance", page))


def test_asides_are_left_out(section: Any, write: Any) -> None:
    text = PROSE.replace("Argon2id", "Argon2id (see Section 5.1)").replace("each.", "each.[12]")
    assert write("guidance", section(text))[0].answer == PROSE
    code = f"{PROSE}\n\n```\nprint(rows[12])\n```"
    assert write("guidance", section(code))[0].answer == code


@pytest.mark.parametrize(
    ("heading", "text", "expected"),
    [
        ("References", PROSE, "template.asks_nothing"),
        ("Appendix E - Contributors", PROSE, "template.asks_nothing"),
        ("Don't", PROSE, "template.not_to_do"),
        ("Example Attack Scenarios", PROSE, "template.about_attacks"),
        ("login_fail[userid]", PROSE, "template.code_heading"),
        ("Storage", f"However, this is not all. {PROSE}", "template.points_back"),
        ("Storage", f"{PROSE} The table above shows the costs.", "template.points_elsewhere"),
        ("Storage", f"stored values go on. {PROSE}", "template.mid_sentence"),
        ("Storage", f"{PROSE}\n\nA | B", "template.table"),
        ("Storage", "Use Argon2id.", "template.little_prose"),
        ("Storage", f"FIXME say more. {PROSE}", "template.unfinished"),
        ("Storage", f"{PROSE} An attacker sends:\n\n```\nx\n```\n\nDone.", "template.attack_code"),
    ],
)
def test_sections_that_do_not_read_well_alone(
    section: Any, reason: Any, heading: str, text: str, expected: str
) -> None:
    assert reason("guidance", section(text, heading)) == expected


def test_only_the_first_part_of_a_section(section: Any, write: Any, reason: Any) -> None:
    first, second = section(number=3), section(number=4)
    others = {first.id: first, second.id: second}
    assert write("guidance", first, others=others)
    assert reason("guidance", second, others=others) == "template.later_part"


def test_code_for_defence_stays(section: Any, write: Any) -> None:
    text = f"{PROSE}\n\n```\nhash(password)\n```"
    assert write("guidance", section(text))[0].answer == text
