"""No code of a model runs: wherever something of a model is loaded, code is refused by name."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.layers import PACKAGE

LOADERS = ("from_pretrained", "load_dataset", "pipeline", "HFLM", "SentenceTransformer")
WITHOUT_CODE = ("PeftModel", "PeftConfig")
"""Loads weights beside a model that is there, by settings that hold no code."""
REFUSED = "trust_remote_code"


def loading_calls() -> list[tuple[str, ast.Call, ast.AST]]:
    """Return place, call and surrounding module of everything that loads a model, a tokenizer or their settings."""
    found: list[tuple[str, ast.Call, ast.AST]] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name, owner = name_of(call.func)
            if name in LOADERS and owner not in WITHOUT_CODE and not is_plain(call, name, owner):
                found.append((f"{path.relative_to(PACKAGE)}:{call.lineno}", call, tree))
    return found


def name_of(function: ast.expr) -> tuple[str, str]:
    """Return the name of what is called, and of what it belongs to."""
    if isinstance(function, ast.Attribute):
        return function.attr, function.value.id if isinstance(function.value, ast.Name) else ""
    return (function.id, "") if isinstance(function, ast.Name) else ("", "")


def is_plain(call: ast.Call, name: str, owner: str) -> bool:
    """Tell whether a call has the name of a loader by chance: the pipelines of this package."""
    return name == "pipeline" and owner != "transformers"


def refuses(value: ast.AST, tree: ast.AST) -> bool:
    """Tell whether an expression, or the mapping that its name stands for, holds trust_remote_code=False."""
    for node in ast.walk(value):
        if isinstance(node, ast.keyword) and node.arg == REFUSED:
            return isinstance(node.value, ast.Constant) and node.value.value is False
        if isinstance(node, ast.Dict):
            held = {key.value: item for key, item in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant)}  # fmt: skip
            if REFUSED in held:
                told = held[REFUSED]
                return isinstance(told, ast.Constant) and told.value is False
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    assigned = [
        node.value for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id in names for to in node.targets)
    ]  # fmt: skip
    return any(refuses(one, ast.Module([], [])) for one in assigned)


def test_everything_that_is_loaded_refuses_code_by_name() -> None:
    calls = loading_calls()
    assert len(calls) > 6
    assert [place for place, call, tree in calls if not any(refuses(key, tree) for key in call.keywords)] == []


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("A.from_pretrained(x, trust_remote_code=False)", True),
        ("A.from_pretrained(x, **{**SAFE, 'trust_remote_code': False})", True),
        ("SAFE = {'trust_remote_code': False}\nA.from_pretrained(x, **SAFE)", True),
        ("A.from_pretrained(x)", False),
        ("A.from_pretrained(x, trust_remote_code=True)", False),
        ("A.from_pretrained(x, trust_remote_code=wanted)", False),
        ("SAFE = {'local_files_only': True}\nA.from_pretrained(x, **SAFE)", False),
    ],
)
def test_what_counts_as_a_refusal(text: str, is_refused: bool) -> None:
    tree = ast.parse(text)
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    assert any(refuses(key, tree) for key in call.keywords) == is_refused


def test_files_that_hold_code_are_loaded_nowhere() -> None:
    """torch.load and pickle run what they read."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and name_of(node.func) in (("load", "torch"), ("load", "pickle")):
                safe = [key for key in node.keywords if key.arg == "weights_only"]
                if not (safe and isinstance(safe[0].value, ast.Constant) and safe[0].value.value is True):
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []
