from __future__ import annotations

import ast
from pathlib import Path

import pytest

import secft
from secft.config.schemas.curation import SplitConfig
from secft.dataset.split import RULES
from secft.dataset.templates import WRITERS
from secft.reasons import SPANISH_KINDS, SPLIT_RULES, WORDS, Reason, kind_text, read_reason, reason_text

PACKAGE = Path(secft.__file__).parent
BUILT = {
    "split.by.": {f"split.by.{rule}" for rule in SPLIT_RULES},
    "toxicity.": {code for code in WORDS if code.startswith("toxicity.")},
    "evaluation_sets.": {code for code in WORDS if code.startswith("evaluation_sets.")},
    "guard.": {code for code in WORDS if code.startswith("guard.")},
    "teacher.": {f"teacher.{part}_{size}" for part in ("question", "answer") for size in ("short", "long")},
}
"""Beginning of a code whose end is a value -> the codes that come of it."""


def written_codes() -> set[str]:
    """Return every code that a module of the package writes, whole or by its beginning."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name == "reasons.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                start = str(node.values[0].value)
                found |= BUILT.get(start, BUILT.get(f"{start.split('.')[0]}.", set())) if start.endswith(".") else set()
            elif isinstance(node, ast.Constant) and node.value in WORDS:
                found.add(str(node.value))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason" and node.args:
                first = node.args[0]
                assert isinstance(first, ast.Constant | ast.JoinedStr | ast.Name), path
                if isinstance(first, ast.Constant):
                    assert first.value in WORDS or not first.value, (path, first.value)
    return found


def test_every_entry_is_used_and_every_code_has_an_entry() -> None:
    used = written_codes() | {code for code in WORDS if code.startswith("training.")}
    assert set(WORDS) - used == set()


@pytest.mark.parametrize("code", sorted(WORDS))
def test_words_of_both_languages_say_the_same_thing(code: str) -> None:
    english, spanish = WORDS[code]
    assert english
    assert spanish
    assert english.count("{0}") == spanish.count("{0}") <= 1
    reason = Reason(code, "512" if "{0}" in english else "")
    assert read_reason(str(reason)) == reason
    assert "{" not in reason.text("es")


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
