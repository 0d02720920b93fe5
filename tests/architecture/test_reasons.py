"""Every reason is a code of the table, used, in both languages; nothing is refused with a free sentence."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from string import Formatter
from typing import get_args

import pytest

from secft.process import Failure
from secft.reasons import SPLIT_RULES, TABLES, WORDS, WORDS_BEFORE
from tests.architecture.layers import modules, within

BUILT = {
    "split.by.": {f"split.by.{rule}" for rule in SPLIT_RULES},
    "toxicity.": {code for code in WORDS if code.startswith("toxicity.")},
    "evaluation_sets.": {code for code in WORDS if code.startswith("evaluation_sets.")},
    "guard.": {code for code in WORDS if code.startswith("guard.")},
    "teacher.": {f"teacher.{part}_{size}" for part in ("question", "answer") for size in ("short", "long")},
    "process.": {f"process.{failure}" for failure in get_args(Failure) if failure},
    "training.": {code for code in WORDS if code.startswith("training.")},
}
"""Beginning of a code whose end is a value -> the codes that come of it; ``training.`` is built in a template."""
REFUSING = ("dataset/sources", "dataset/templates", "dataset/collect", "dataset/writing", "net", "errors")
"""Rooms whose reasons are records."""
SPELLED = {("dataset/sources/web/record", "FetchOutcome")}
"""Rows of files, which hold a reason as it is spelled."""


@cache
def trees() -> dict[str, ast.Module]:
    """Return module -> syntax tree of everything but the tables."""
    return {
        module: ast.parse(path.read_text(encoding="utf-8"))
        for module, path in modules().items()
        if not within(module, "reasons")
    }


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the module that it stands in."""
    for module, tree in trees().items():
        yield from ((module, node) for node in ast.walk(tree))


def beginning(node: ast.JoinedStr) -> str:
    """Return the constant part that a built string begins with."""
    first = node.values[0]
    return str(first.value) if isinstance(first, ast.Constant) else ""


def takes_reason(node: ast.AST) -> bool:
    """Tell whether an annotation is ``Reason`` or ``Reason | None``."""
    return ast.unparse(node) in ("Reason", "Reason | None")


@cache
def places() -> dict[str, set[tuple[int, str]]]:
    """Return what a function or class is known as -> position and name of its parameters that are reasons."""
    found: dict[str, set[tuple[int, str]]] = {}
    for module, node in nodes():
        if isinstance(node, ast.ClassDef):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            named = [(number, ast.unparse(item.target), item.annotation) for number, item in enumerate(fields)]
            made = next((item for item in node.body if getattr(item, "name", "") == "__init__"), None)
            if isinstance(made, ast.FunctionDef):
                named = parameters(made)
        elif isinstance(node, ast.FunctionDef) and node.name != "__init__":
            named = parameters(node)
        else:
            continue
        found.setdefault(known_as(module, node.name), set()).update(
            (place, name) for place, name, kind in named if takes_reason(kind)
        )
    inherited = {"FetchRefused", "FetchFailed"}
    return {**found, **dict.fromkeys(inherited, found["FetchError"])}


def known_as(module: str, name: str) -> str:
    """Return a name, with its module where only that may use it."""
    return f"{module}:{name}" if name.startswith("_") else name


def parameters(node: ast.FunctionDef) -> list[tuple[int, str, ast.expr]]:
    """Return position, name and annotation of what a caller gives."""
    given = [item for item in node.args.args if item.arg not in ("self", "cls")]
    return [(place, item.arg, item.annotation) for place, item in enumerate(given) if item.annotation]


def given(module: str, call: ast.Call) -> Iterator[ast.expr]:
    """Yield what a call gives for parameters that are reasons."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    for place, parameter in places().get(known_as(module, name), ()):
        yield from call.args[place : place + 1]
        yield from (keyword.value for keyword in call.keywords if keyword.arg == parameter)


def is_sentence(node: ast.expr) -> bool:
    """Tell whether something is a string that is no code; names of steps are codes, too."""
    if isinstance(node, ast.JoinedStr):
        return beginning(node) not in BUILT
    return isinstance(node, ast.Constant) and node.value is not None and node.value not in WORDS


def test_every_code_that_is_used_has_words() -> None:
    for module, node in nodes():
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason"):
            continue
        code = node.args[0]
        if isinstance(code, ast.JoinedStr):
            assert BUILT[beginning(code)] <= set(WORDS), module
        elif isinstance(code, ast.Constant):
            assert code.value in WORDS, (module, code.value)
        else:
            assert isinstance(code, ast.Name), (module, ast.unparse(node))


def test_every_code_that_has_words_is_used() -> None:
    used = set(BUILT["training."])
    for _, node in nodes():
        if isinstance(node, ast.Constant) and node.value in WORDS:
            used.add(str(node.value))
        elif isinstance(node, ast.JoinedStr):
            used |= BUILT.get(beginning(node), set())
    assert set(WORDS) - used == set()


def test_nothing_is_refused_with_a_sentence() -> None:
    assert {"refuse", "drop", "Skip", "Skipped", "BrokenReport", "BadPage", "BadRecordError"} <= {
        name for name, reasons in places().items() if reasons
    }
    for module, node in nodes():
        for reason in given(module, node) if isinstance(node, ast.Call) else ():
            assert not is_sentence(reason), (module, ast.unparse(node))


def test_no_refusal_has_a_sentence_for_a_reason() -> None:
    plain: set[tuple[str, str]] = set()
    for module, node in nodes():
        if not any(within(module, room) for room in REFUSING):
            continue
        if isinstance(node, ast.ClassDef):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            typed = [(ast.unparse(item.target), item.annotation) for item in fields]
        elif isinstance(node, ast.FunctionDef):
            typed = [(name, kind) for _, name, kind in parameters(node)]
        else:
            continue
        plain |= {(module, node.name) for name, kind in typed if name == "reason" and not takes_reason(kind)}
    assert plain - SPELLED - {("errors", "Problem")} == set()


@pytest.mark.parametrize("code", sorted(WORDS))
def test_words_of_both_languages_say_the_same_thing(code: str) -> None:
    english, spanish = WORDS[code]
    assert english
    assert spanish
    assert english != spanish
    values = [[field for _, field, _, _ in Formatter().parse(words) if field is not None] for words in WORDS[code]]
    assert values[0] == values[1]
    assert values[0] in ([], ["0"])


def test_a_code_and_its_words_stand_once() -> None:
    assert sum(map(len, TABLES)) == len(WORDS)
    english = [words for words, _ in WORDS.values()]
    assert len(english) == len(set(english))
    assert set(WORDS_BEFORE.values()) <= set(WORDS)
    assert not set(WORDS_BEFORE) & set(english)
