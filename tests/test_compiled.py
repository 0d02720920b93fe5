"""Compiled loops that are kept: used while they are what the compiler wrote, else told and compiled again."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.compiled import find_compiler, load_compiled

compiler = find_compiler()
pytestmark = pytest.mark.skipif(compiler is None, reason="no C compiler")


@pytest.mark.parametrize("damage", ["a flipped bit", "zeros", "no note"])
def test_a_changed_library_is_told_and_compiled_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    (tmp_path / "one.c").write_text("int answer(void) { return 42; }\n")

    def answer(place: Path) -> int:
        return int(load_compiled(str(compiler), tmp_path / "one.c", ["-shared", "-fPIC"], place / "one").answer())

    first = tmp_path / "first"
    assert answer(first) == 42
    (library,) = first.glob("*.so")
    # At another place: a library that this process has loaded may not change under it.
    second = tmp_path / "second"
    second.mkdir()
    data = bytearray(library.read_bytes())
    if damage == "a flipped bit":
        data[len(data) // 2] ^= 4
    elif damage == "zeros":
        data = bytearray(len(data))
    (second / library.name).write_bytes(bytes(data))
    if damage != "no note":
        note = library.with_suffix(".sha256")
        (second / note.name).write_text(note.read_text())
    assert answer(second) == 42
    assert ("is damaged" in capsys.readouterr().err) == (damage != "no note")
    assert (second / library.name).read_bytes() == library.read_bytes()
