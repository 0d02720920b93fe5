from __future__ import annotations

import pytest

from secft.config.schemas.curation import SplitConfig
from secft.dataset.split import RULES
from secft.dataset.templates import WRITERS
from secft.reasons import (
    SPANISH_KINDS,
    SPLIT_RULES,
    WORDS,
    Reason,
    counted_text,
    kind_text,
    read_reason,
    reason_text,
)


@pytest.mark.parametrize("code", sorted(WORDS))
def test_a_reason_is_read_by_its_spelling_and_by_its_english_words(code: str) -> None:
    reason = Reason(code, "draft" if "{0}" in WORDS[code][0] else "")
    assert read_reason(str(reason)) == reason
    assert "{" not in reason.text("es")
    if code != "teacher.situation":
        assert read_reason(reason.text()) == reason


def test_a_sentence_is_no_reason() -> None:
    with pytest.raises(ValueError, match="'too many pages' is no reason"):
        Reason("too many pages")


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ("a link that leads out of the folder", Reason("file.link_outside")),
        ("link out of the folder", Reason("file.link_outside")),
        ("link leads out of its folder", Reason("file.link_outside")),
        ("not an object", Reason("record.not_object")),
        ("status Deprecated", Reason("record.status", "Deprecated")),
        ("status 404", Reason("fetch.status", "404")),
        ("more than 2,000 steps", Reason("agent_run.too_many_steps", "2,000")),
        ("messages is not a list of objects", Reason("chat_record.not_objects", "messages")),
        ("the name of a tool is not a string", Reason("agent_run.tool_name")),
        ("no statement that fits", Reason("template.no_statement")),
        ("more than 6 techniques named", Reason("template.many_techniques", "6")),
    ],
)
def test_refusals_of_earlier_versions_are_read(before: str, reason: Reason) -> None:
    assert read_reason(before) == reason


def test_counted_reasons_are_one_line() -> None:
    dropped = {"record.status Deprecated": 2, "encrypted": 1, "an unheard-of reason": 3}
    assert counted_text(dropped) == "status Deprecated: 2; encrypted: 1; an unheard-of reason: 3"
    assert counted_text(dropped, "es") == "estado Deprecated: 2; cifrado: 1; an unheard-of reason: 3"
    assert counted_text({}) == ""


def test_manifests_of_earlier_versions_are_read() -> None:
    assert read_reason("longer than 512 tokens") == Reason("length.long", "512")
    assert read_reason("balance of tasks") == Reason("balance")
    assert read_reason("length") == Reason("length")
    assert reason_text("shares 13 words in a row with a test answer", "es").startswith("comparte 13 palabras")
    assert reason_text("Jaccard similarity to another example is 0.85 or more", "es").endswith("0.85 o más")
    assert read_reason("an unheard-of reason") == Reason("", "an unheard-of reason")
    assert reason_text("an unheard-of reason", "es") == "an unheard-of reason"


def test_a_reason_inside_a_reason_is_translated_too() -> None:
    reason = Reason("teacher.situation", str(Reason("answerability.aspect", "detection")))
    assert reason.text() == "situation: answerability: the passage is about detection, the question is not"
    assert reason.text("es").startswith("situación: respondibilidad: el pasaje trata de")


def test_kinds_of_examples_have_spanish_titles() -> None:
    assert {task for writers in WRITERS.values() for task in writers} <= set(SPANISH_KINDS)
    assert Reason("balance.cap", "refuse").text("es") == "por encima del tope de rechazo"
    assert Reason("balance.cap", "refuse").text() == "over the cap of refuse"
    assert reason_text("over the cap of explain", "es") == "por encima del tope de explicación"
    assert [kind_text("my_own", language) for language in ("en", "es")] == ["my_own", "my_own"]


def test_each_way_to_split_is_a_step() -> None:
    choices = SplitConfig.__dataclass_fields__["by"].metadata["choices"]
    assert set(choices) == set(SPLIT_RULES) == set(RULES)
