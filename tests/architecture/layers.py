"""The table of layers of docs/architecture.md, and the imports of the package."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "secft"
EVERYTHING = "everything"


@dataclass(frozen=True)
class Layer:
    """One row of the table.

    Attributes:
        rooms: paths below the package: a folder or a module without its suffix.
        may: rooms that it may import besides its own and those of the first row; None means everything.
    """

    rooms: tuple[str, ...]
    may: frozenset[str] | None


@cache
def layers() -> tuple[Layer, ...]:
    """Read the table; its first row are the foundations."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = text.split("## Layers")[1].split("\n## ")[0]
    found: list[Layer] = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or not cells[0].startswith("`"):
            continue
        may = None if cells[2] == EVERYTHING else frozenset(map(room_name, re.findall(r"`([^`]+)`", cells[2])))
        if may is not None and "schemas" in cells[2].split():
            may |= {room for layer in found for room in layer.rooms if room.startswith("config/")}
        found.append(Layer(tuple(map(room_name, re.findall(r"`([^`]+)`", cells[0]))), may))
    return tuple(found)


def room_name(text: str) -> str:
    """Return a room as the table writes it, without suffix and slash."""
    return text.removesuffix(".py").strip("/")


def layer_of(module: str) -> Layer | None:
    """Return the layer of a module: the one that names the longest beginning of its path."""
    found = [(len(room), layer) for layer in layers() for room in layer.rooms if within(module, room)]
    return max(found, key=lambda item: item[0])[1] if found else None


def within(module: str, room: str) -> bool:
    """Tell whether a module belongs to a room."""
    return module == room or module.startswith(f"{room}/")


@cache
def modules() -> dict[str, Path]:
    """Return path below the package, without suffix -> file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix()
        found[name.removesuffix("/__init__") if name != "__init__" else name] = path
    return found


@cache
def imported(module: str) -> frozenset[str]:
    """Return the modules of the package that a module imports, inside of functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.args[0] if node.args else None, ast.JoinedStr):
            names |= _by_name(node)
    paths = {name.removeprefix("secft.").replace(".", "/") for name in names if name.startswith("secft.")}
    return frozenset(path for path in paths if path in modules())


def _by_name(call: ast.Call) -> set[str]:
    """Return what ``import_module(f"secft.commands.{name}")`` may import: every module below the text's beginning."""
    text = call.args[0]
    assert isinstance(text, ast.JoinedStr)
    start = text.values[0].value if text.values and isinstance(text.values[0], ast.Constant) else ""
    if getattr(call.func, "attr", "") != "import_module" or not str(start).startswith("secft."):
        return set()
    below = str(start).removeprefix("secft.").rstrip(".").replace(".", "/")
    return {f"secft.{name.replace('/', '.')}" for name in modules() if name.startswith(f"{below}/")}
