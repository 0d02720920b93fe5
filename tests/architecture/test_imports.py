"""Imports point one way, and documents name only what exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "secft"

FOUNDATIONS = {"errors", "files", "records", "lookup", "log", "environment", "artifact", "net", "process", "progress",
               "threads", "security"}  # fmt: skip
LAYERS = {
    "config": FOUNDATIONS,
    "models": FOUNDATIONS,
    "engine": FOUNDATIONS | {"config"},
    "llm": FOUNDATIONS | {"config", "engine", "models"},
    "dataset": FOUNDATIONS | {"config", "engine", "llm", "models"},
    "train": FOUNDATIONS | {"config", "models"},
    "pretrain": FOUNDATIONS | {"config", "models", "train"},
    "evaluate": FOUNDATIONS | {"config", "models"},
    "release": FOUNDATIONS | {"config"},
}
"""layer -> what it may import besides itself. Everything else in the package is the pipeline and its front."""

READS_DECLARATIONS = ("config/keys.py", "config/store.py")
DECLARED = {"dataset"}
"""Options are declared beside the code that they configure; these modules import the declarations."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("secft.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    layer = layer_of(path)
    known = {name.removesuffix(".py") for name in (p.name for p in PACKAGE.iterdir())}
    used = (imported(path) & known) - {layer, "__init__"}
    if layer in FOUNDATIONS:
        assert used <= FOUNDATIONS | {"config"} if layer == "artifact" else used <= FOUNDATIONS
    elif layer in LAYERS:
        used -= DECLARED if path.relative_to(PACKAGE).as_posix() in READS_DECLARATIONS else set()
        assert used <= LAYERS[layer], f"{layer} may not import {used - LAYERS[layer]}"


@pytest.mark.parametrize("name", READS_DECLARATIONS)
def test_configuration_imports_nothing_but_declarations(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module and module.startswith("secft.dataset")} == {
        "secft.dataset.sources.table"
    }


@pytest.mark.parametrize(
    "name", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_documents_name_only_what_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(r"`((?:secft|conf|docs|tests|benchmarks)/[\w./-]+)`", text)
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing
    links = list(re.findall(r"\]\((?!https?:|#)([^)#]+)", text))
    broken = [link for link in links if not ((ROOT / name).parent / link).exists()]
    assert not broken
