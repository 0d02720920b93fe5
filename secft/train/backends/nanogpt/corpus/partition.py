"""Which text is for training and which for validation; nothing is in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from secft.errors import InputError
from secft.files import digest

SPLITS = ("time", "file", "nanogpt")


@dataclass(frozen=True)
class Staged:
    """The text of one source file, as it is kept.

    Attributes:
        place: UTF-8 file.
        name: name of the source.
        sha256: digest of the kept text.
        characters: its length.
    """

    place: Path
    name: str
    sha256: str
    characters: int


@dataclass(frozen=True)
class TextPiece:
    """A stretch of a staged file.

    Attributes:
        source: the file.
        start: first character.
        end: the one after the last.
    """

    source: Staged
    start: int
    end: int

    def text(self) -> Iterator[str]:
        """Yield its lines."""
        position = 0
        with self.source.place.open(encoding="utf-8", newline="") as stream:
            for line in stream:
                begin, position = position, position + len(line)
                if begin >= self.end:
                    return
                if position > self.start:
                    yield line[max(self.start - begin, 0) : self.end - begin]


def partition(staged: Sequence[Staged], rule: str, share: float, seed: int) -> dict[str, list[TextPiece]]:
    """Divide text into ``train`` and ``val``.

    Args:
        staged: files, in order of time.
        rule: ``time``, ``file`` or ``nanogpt``.
        share: part of the characters for validation; with rule ``file`` about that.
        seed: of rule ``file``.

    Raises:
        InputError: rule ``file`` has fewer than two files.
    """
    if rule == "file":
        return _by_file(staged, share, seed)
    total = sum(source.characters for source in staged)
    # int(total * 0.9), as nanoGPT writes it, and not total - int(total * 0.1).
    cut = int(total * (1 - share))
    if rule == "time":
        cut = _line_start(staged, cut)
    return _cut(staged, cut)


def _by_file(staged: Sequence[Staged], share: float, seed: int) -> dict[str, list[TextPiece]]:
    if len(staged) < 2:
        raise InputError("split=file needs at least two files; use split=time.")
    total = sum(source.characters for source in staged)
    drawn = sorted(staged, key=lambda source: (digest([seed, source.sha256]), source.name))
    held: set[Path] = set()
    digests: set[str] = set()
    taken = 0
    for source in drawn[:-1]:
        if taken >= share * total:
            break
        held.add(source.place)
        digests.add(source.sha256)
        taken += source.characters
    # Equal files stay together, or validation would be a copy of training.
    held |= {source.place for source in staged if source.sha256 in digests}
    whole = [TextPiece(source, 0, source.characters) for source in staged]
    return {
        "train": [piece for piece in whole if piece.source.place not in held],
        "val": [piece for piece in whole if piece.source.place in held],
    }


def _line_start(staged: Sequence[Staged], cut: int) -> int:
    """Return the first line start at or after a character of the stream."""
    before = 0
    for source in staged:
        if cut >= before + source.characters:
            before += source.characters
            continue
        position = before
        for line in TextPiece(source, 0, source.characters).text():
            if position >= cut:
                return position
            position += len(line)
        return position
    return before


def _cut(staged: Sequence[Staged], cut: int) -> dict[str, list[TextPiece]]:
    parts: dict[str, list[TextPiece]] = {"train": [], "val": []}
    before = 0
    for source in staged:
        middle = min(max(cut - before, 0), source.characters)
        if middle:
            parts["train"].append(TextPiece(source, 0, middle))
        if middle < source.characters:
            parts["val"].append(TextPiece(source, middle, source.characters))
        before += source.characters
    return parts
