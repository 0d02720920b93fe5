"""Imports point one way: as the table of docs/architecture.md says."""

from __future__ import annotations

import re

import pytest

from tests.architecture.layers import PACKAGE, ROOT, imported, layer_of, layers, modules, within

STORY = ("__init__", "__main__")


def test_the_table_names_only_rooms_that_exist_and_every_room() -> None:
    rooms = [room for layer in layers() for room in layer.rooms]
    assert len(rooms) > 15
    assert len(set(rooms)) == len(rooms), "a room stands in one row"
    missing = [room for room in rooms if not (PACKAGE / room).is_dir() and not (PACKAGE / f"{room}.py").is_file()]
    assert not missing
    assert not [room for layer in layers() for room in layer.may or () if not (PACKAGE / room).exists()
                and not (PACKAGE / f"{room}.py").exists()]  # fmt: skip


@pytest.mark.parametrize("module", [name for name in modules() if name not in STORY])
def test_imports_point_one_way(module: str) -> None:
    layer = layer_of(module)
    if layer is None or layer.may is None:
        return
    allowed = {*layers()[0].rooms, *layer.rooms, *layer.may}
    wrong = [name for name in imported(module) if not any(within(name, room) for room in allowed)]
    # A package's own docstring module is no import of what lies below it.
    wrong = [name for name in wrong if not any(room.startswith(f"{name}/") for room in allowed)]
    assert not wrong, f"{module} may not import {sorted(wrong)}"


def test_every_module_outside_of_the_story_has_a_layer() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    story = {name.removesuffix(".py") for name in re.findall(r"`(\w+\.py)`", text.split("## Layers")[1])}
    unknown = [name for name in modules() if layer_of(name) is None and name not in {*story, "__init__"}]
    assert not unknown


def test_only_the_front_imports_commands() -> None:
    users = {name for name in modules() for target in imported(name) if within(target, "commands")}
    assert {name for name in users if not within(name, "commands")} == {"__main__"}
