"""The smallest pieces that chunks are made of, and how they are packed: balanced, never above the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from secft.dataset.text import sentences

OVERLAP = 0.1
"""Part of the limit that may be repeated after a cut inside a run of sentences."""

_FENCE = "```"


@dataclass(frozen=True)
class Unit:
    """Text that is not cut.

    Attributes:
        text: the text.
        size: its tokens, with the glue before it.
        page: its page, 0 where there are none.
        glue: what stands between the unit before and this one: an empty line, a line break, or a space inside a run
            of sentences.
        head: repeated above this unit where a cut falls before it: the head of a table, the opening fence of code.
        tail: closes a piece that ends with this unit, inside a fenced block that goes on.
    """

    text: str
    size: int
    page: int
    glue: Literal["\n\n", "\n", " "]
    head: str = ""
    tail: str = ""


def units_of_block(kind: str, text: str, page: int, limit: int, count: Callable[[str], int]) -> list[Unit]:
    """Return a block as units of at most ``limit`` tokens: one where it fits, else its sentences, items or lines."""
    size = count(text) + 1
    if size <= limit:
        return [Unit(text.strip("\n"), size, page, "\n\n")]
    if kind == "code":
        return _lines(text, page, limit, count, *_fences(text))
    if kind == "table":
        return _lines(text, page, limit, count, head=text.strip("\n").split("\n", 1)[0])
    if kind == "list":
        return _lines(text, page, limit, count)
    return _glued(sentences(text), " ", page, limit, count)


def _fences(text: str) -> tuple[str, str]:
    lines = text.strip().split("\n")
    fenced = len(lines) > 2 and lines[0].startswith(_FENCE) and lines[-1].strip() == _FENCE
    return (lines[0], _FENCE) if fenced else ("", "")


def _lines(text: str, page: int, limit: int, count: Callable[[str], int], head: str = "", tail: str = "") -> list[Unit]:
    """Return the lines of a block; a head of more than a quarter of the limit is not worth repeating."""
    spent = count(head) + count(tail) + 2 if head else 0
    if spent > limit // 4:
        head, tail, spent = "", "", 0
    lines = text.strip("\n").split("\n")
    if tail:
        lines[-2:] = ["\n".join(lines[-2:])]
    units = [replace(unit, head=head, tail=tail) for unit in _glued(lines, "\n", page, limit - spent, count)]
    return [replace(units[0], head=""), *units[1:]]


def _glued(
    parts: Iterable[str], glue: Literal["\n", " "], page: int, limit: int, count: Callable[[str], int]
) -> list[Unit]:
    units: list[Unit] = []
    for part in parts:
        for index, piece in enumerate(_short(part, limit, count)):
            units.append(Unit(piece, count(piece) + 1, page, " " if index else glue))
    return [replace(units[0], glue="\n\n"), *units[1:]] if units else []


def _short(part: str, limit: int, count: Callable[[str], int]) -> list[str]:
    """Cut one sentence or line that is too long between words, and a word that is too long anywhere."""
    if count(part) < limit:
        return [part]
    middle = len(part) // 2
    space = part.rfind(" ", 1, middle + 1)
    at = space if space > len(part) // 4 else middle
    halves = (part[:at], part[at:].removeprefix(" "))
    return [piece for half in halves if half for piece in _short(half, limit, count)]


def join(units: Sequence[Unit]) -> str:
    """Return the text of units, each after its glue."""
    parts: list[str] = []
    for index, unit in enumerate(units):
        parts += [unit.glue, unit.text] if index else [unit.text]
    return "".join(parts).strip("\n")


def pack(units: Sequence[Unit], limit: int, count: Callable[[str], int]) -> list[list[Unit]]:
    """Distribute units over pieces of at most ``limit`` tokens, of about the same size.

    A cut between sentences of one run repeats the last ones before it, at most a tenth of the limit. What announces
    something (``The steps are:``) goes with what it announces.
    """
    total = sum(unit.size for unit in units)
    goal = total / max(1, -(-total // limit))
    pieces: list[list[Unit]] = []
    piece: list[Unit] = []
    size = 0
    for unit in units:
        if piece and (size + unit.size + (count(unit.tail) + 1 if unit.tail else 0) > limit or size >= goal):
            kept, carried = _split_off_announcement(piece, limit - unit.size)
            pieces.append(kept if carried else _closed(kept, unit))
            piece = carried or _opening(kept, unit, limit, count)
            size = sum(item.size for item in piece)
        piece.append(unit)
        size += unit.size
    return [*pieces, piece] if piece else pieces


def _split_off_announcement(piece: list[Unit], room: int) -> tuple[list[Unit], list[Unit]]:
    last = piece[-1]
    if len(piece) > 1 and last.glue == "\n\n" and last.size <= room and last.text.rstrip().endswith(":"):
        return piece[:-1], piece[-1:]
    return piece, []


def _closed(piece: list[Unit], following: Unit) -> list[Unit]:
    """End a piece of a fenced block that goes on with its fence."""
    if not following.tail or following.glue == "\n\n":
        return piece
    return [*piece, Unit(following.tail, 0, piece[-1].page, "\n")]


def _opening(piece: Sequence[Unit], following: Unit, limit: int, count: Callable[[str], int]) -> list[Unit]:
    """Return what is repeated at the start of the next piece: a head, or the last sentences of a run that goes on."""
    if following.glue == "\n\n":
        return []
    if following.head:
        return [Unit(following.head, count(following.head) + 1, following.page, "\n\n")]
    if following.glue != " ":
        return []
    repeated: list[Unit] = []
    for unit in reversed(piece):
        room = min(limit * OVERLAP, limit - following.size) - sum(item.size for item in repeated)
        if unit.size > room:
            break
        repeated.insert(0, unit)
        if unit.glue != " ":
            break
    return repeated
