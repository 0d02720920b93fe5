"""Cut a document into chunks where its own structure ends: at headings, then paragraphs, then sentences.

A chunk carries the path of headings above it (``Password Storage > Argon2``) and the pages that it comes from. Code
and tables stay whole unless they alone exceed the limit. Text is repeated at a cut only where there is no structure
to cut at: inside one long run of sentences. Small sections are merged with their neighbours under the same parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from secft.dataset.chunk_units import Unit, join, pack, units_of_block
from secft.environment import require
from secft.errors import InputError

Kind = Literal["heading", "text", "list", "table", "code"]

SEPARATOR = " > "
CHARACTERS_PER_TOKEN = 4
"""Of English text with a vocabulary of 32,000 tokens or more, about; used where no tokenizer is at hand."""

_TINY = 0.25
"""Sections below this part of the limit look for a neighbour."""
_NAMED = 3
"""How many headings a merged chunk without a parent shows in its title."""


@dataclass(frozen=True)
class TextBlock:
    """One piece of a document in reading order.

    Attributes:
        kind: what it is. Lists have one item a line, tables one row a line with the head first, code its own lines.
        text: its text; code may stand between lines of three backticks.
        level: depth of a heading, 1 is the highest; 0 for everything else.
        page: number of the page on which it starts, from 1; 0 where there are no pages.
    """

    kind: Kind
    text: str
    level: int = 0
    page: int = 0


@dataclass(frozen=True)
class Chunk:
    """Text of at most the limit's number of tokens.

    Attributes:
        path: headings above the text, the highest first; of the common parent where sections were merged.
        text: paragraphs separated by empty lines; the headings of merged sections stand in it.
        pages: first and last page, (0, 0) where there are no pages.
    """

    path: tuple[str, ...]
    text: str
    pages: tuple[int, int]

    @property
    def title(self) -> str:
        """The path as one line."""
        return SEPARATOR.join(self.path)


@dataclass(frozen=True)
class _Section:
    """What stands under one heading, or under several merged ones.

    Attributes:
        path: headings above.
        units: the content, empty where a heading has none.
        page: page of the heading.
        named: headings that were merged into it.
    """

    path: tuple[str, ...]
    units: tuple[Unit, ...]
    page: int
    named: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return sum(unit.size for unit in self.units)


def token_counter(directory: Path | None = None) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text.

    Args:
        directory: where the model's ``tokenizer.json`` lies; None counts about 4 characters a token.

    Raises:
        InputError: the directory has no readable tokenizer.json.
    """
    if directory is None:
        return lambda text: -(-len(text) // CHARACTERS_PER_TOKEN)
    require(("tokenizers",), "train", "Counting tokens")
    from tokenizers import Tokenizer

    path = directory / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the tokenizer of a model.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise InputError(f"{path}: not a tokenizer ({error}).") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def chunk_blocks(blocks: Iterable[TextBlock], limit: int, count: Callable[[str], int], least: int = 0) -> list[Chunk]:
    """Cut a document into chunks of at most ``limit`` tokens.

    Args:
        blocks: the document in reading order.
        limit: most tokens of a chunk's text (its title is not counted), at least 8.
        count: number of tokens of a text, see token_counter.
        least: a section of fewer words, such as a heading alone, goes to the one behind it, the last one to the one
            before it, whatever their headings.

    Returns:
        Chunks in reading order; none is empty. A heading with nothing below it becomes text under its parent.

    Raises:
        ValueError: the limit is below 8.
    """
    if limit < 8:
        raise ValueError(f"limit is {limit}; a chunk has at least 8 tokens")
    sections: list[_Section] = []
    for path, page, content in _outline(blocks):
        units = [unit for block in content for unit in units_of_block(block.kind, block.text, block.page, limit, count)]
        pieces = pack(units, limit, count) or [[]]
        sections += [_Section(path, tuple(piece), page) for piece in pieces]
    merged = _merge(sections, limit, count)
    return [_chunk(section) for section in (_without_scraps(merged, least, limit, count) if least else merged)]


def _outline(blocks: Iterable[TextBlock]) -> list[tuple[tuple[str, ...], int, list[TextBlock]]]:
    """Return (path of headings, page of the last one, content) in reading order.

    A heading followed by a deeper one may be without content; it lives on in the path of what is below it.
    """
    found: list[tuple[tuple[str, ...], int, list[TextBlock]]] = [((), 0, [])]
    stack: list[TextBlock] = []
    for block in blocks:
        if not block.text.strip():
            continue
        if block.kind != "heading":
            found[-1][2].append(block)
            continue
        stack = [*(above for above in stack if above.level < block.level), block]
        path = tuple(" ".join(above.text.split()) for above in stack)
        if not found[-1][2] and found[-1][0] == path[:-1]:
            found.pop()
        if found and found[-1][0] == path:
            continue
        found.append((path, block.page, []))
    return found if found[0][2] or found[0][0] else found[1:]


def _merge(sections: Sequence[_Section], limit: int, count: Callable[[str], int]) -> list[_Section]:
    merged: list[_Section] = []
    for section in sections:
        together = _together(merged[-1], section, limit, count) if merged else None
        if together is None:
            merged.append(section)
        else:
            merged[-1] = together
    return merged


def _together(left: _Section, right: _Section, limit: int, count: Callable[[str], int]) -> _Section | None:
    """Return two neighbours as one section, or None if both are large, too large together, or no relatives."""
    if min(left.size, right.size) >= limit * _TINY or left.size + right.size > limit or left.path == right.path:
        return None
    parent = right.path[:-1]
    if left.path == parent:
        opening = left.units
    elif left.path[:-1] == parent:
        opening = (_heading(left, count), *left.units)
    else:
        return None
    named = (*(left.named or left.path[-1:]), right.path[-1])
    together = _Section(parent, (*opening, _heading(right, count), *right.units), left.page, named)
    return together if together.size <= limit else None


def _without_scraps(
    sections: Sequence[_Section], least: int, limit: int, count: Callable[[str], int]
) -> list[_Section]:
    """Join sections of fewer than ``least`` words with the one behind them, or else with the one before."""
    kept: list[_Section] = []
    for section in sections:
        if kept and _words(kept[-1]) < least:
            kept[-1:] = _repacked(kept[-1], section, least, limit, count)
        else:
            kept.append(section)
    if len(kept) > 1 and _words(kept[-1]) < least:
        kept[-2:] = _repacked(kept[-2], kept[-1], least, limit, count)
    return kept


def _words(section: _Section) -> int:
    return len(join(section.units).split())


def _repacked(left: _Section, right: _Section, least: int, limit: int, count: Callable[[str], int]) -> list[_Section]:
    """Return two neighbours as one section under the headings they share.

    What is too long together is divided anew, so that no part is a scrap; if that cannot be, they stay as they are.
    """
    shared = 0
    while shared < min(len(left.path), len(right.path)) and left.path[shared] == right.path[shared]:
        shared += 1
    path, named = left.path[:shared], (*(left.named or left.path[shared:]), *(right.named or right.path[shared:]))
    before, after = _named_units(left, shared, count), _named_units(right, shared, count)
    pieces = pack([*before, *after], limit, count)
    if len(pieces) == 1:
        return [_Section(path, tuple(pieces[0]), left.page, named)]
    if _words(left) < least:
        parts = [_Section(path, tuple(pieces[0]), left.page, named)]
        parts += [_Section(right.path, tuple(piece), right.page) for piece in pieces[1:]]
    else:
        *whole, last = pack([*left.units, *after], limit, count)
        parts = [_Section(left.path, tuple(piece), left.page) for piece in whole]
        parts.append(_Section(path, tuple(last), left.page, named))
    return parts if min(map(_words, parts)) >= least else [left, right]


def _named_units(section: _Section, shared: int, count: Callable[[str], int]) -> list[Unit]:
    """Return the content of a section below its headings but the first few."""
    headings = [Unit(name, count(name) + 1, section.page, "\n\n") for name in section.path[shared:]]
    return [*headings, *section.units]


def _heading(section: _Section, count: Callable[[str], int]) -> Unit:
    return Unit(section.path[-1], count(section.path[-1]) + 1, section.page, "\n\n")


def _chunk(section: _Section) -> Chunk:
    path, text = section.path, join(section.units)
    if not text:
        path, text = path[:-1] or path, path[-1]
    elif not path and section.named:
        path = (", ".join(section.named[:_NAMED]) + (", …" if len(section.named) > _NAMED else ""),)
    pages = [unit.page for unit in section.units if unit.page] or [section.page]
    return Chunk(path, text, (min(pages), max(pages)))
