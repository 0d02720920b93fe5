"""Data in nanoGPT's own formats, as an immutable version ``data/nanogpt/<name>-vN/``.

``train.bin`` and ``val.bin`` are flat uint16, little endian; ``meta.pkl`` holds the characters at character level;
``config.py`` is a recipe in nanoGPT's style; ``manifest.json`` has ``format``, ``name``, ``digest``, ``vocabulary``,
``split``, ``splits`` (tokens and characters), ``sources`` (file, digest, characters, part), ``refused``, ``counts``,
``obfuscated`` (kind -> replaced), ``files`` (name -> digest). The text is never in memory as a whole: it is staged on
disk, obfuscated, while its characters are collected, and encoded from there.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from secft.errors import InputError
from secft.files import digest, plain, sha256_file, storage_errors, tree_digests, writable, write_json
from secft.naming import check_name
from secft.train.backends.nanogpt.corpus.partition import SPLITS, Staged, partition
from secft.train.backends.nanogpt.corpus.published import FORMAT, publish
from secft.train.backends.nanogpt.corpus.text import Reading, lines, text_files
from secft.train.backends.nanogpt.recipe import nanogpt_config
from secft.train.backends.nanogpt.vocabulary import Characters, Tokenizer, TokenVocabulary
from secft.versions import MANIFEST

BLOCK = 2**20
PARTS = ("train", "val")


class LineRule(Protocol):
    """What an obfuscator is to this module."""

    report: Counter[str]

    def learn(self, text: str) -> None:
        """See a line before any is kept."""

    def line(self, text: str) -> str:
        """Return the line that may be kept."""


@dataclass(frozen=True)
class DataSettings:
    """How text becomes data.

    Attributes:
        name: name of the data set, without version.
        split: ``time`` (the end of the stream, from a line's start on, is validation), ``file`` (whole files are,
            chosen by seed and content) or ``nanogpt`` (cut at the very character, as nanoGPT's prepare.py does).
        validation_share: part of the characters that is validation.
        seed: of split ``file``.
        tokenizer: tokenizer.json or a directory with one; "" is character level.
        most_bytes: a longer source file is refused.
        recipe: settings that ``config.py`` states, under nanoGPT's names.
    """

    name: str
    split: str = "time"
    validation_share: float = 0.1
    seed: int = 0
    tokenizer: str = ""
    most_bytes: int = 4 * 2**30
    recipe: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            InputError: with the reason.
        """
        check_name(self.name, "a corpus")
        if self.split not in SPLITS:
            raise InputError(f"split={self.split!r} is not one of {', '.join(SPLITS)}.")
        if not 0 < self.validation_share < 1:
            raise InputError(f"validation_share={self.validation_share!r} must lie between 0 and 1.")


def prepare(
    sources: Sequence[Path], data_root: Path, settings: DataSettings, obfuscator: LineRule | None = None
) -> Path:
    """Turn text files into a published data set.

    Args:
        sources: files and folders, in order of time.
        data_root: root of all datasets; the version is made in ``<data_root>/nanogpt``.
        settings: how.
        obfuscator: is shown every line, then given each before anything else sees it; None keeps the text.

    Returns:
        The directory of the version; an equal one is found again.

    Raises:
        InputError: nothing can be read, too little for two parts, or the settings mean nothing.
        StorageError: the disk is full or cannot be written.
    """
    settings.check()
    tokenizer = Tokenizer(Path(settings.tokenizer)) if settings.tokenizer else None
    parent = data_root / "nanogpt"
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{settings.name}-", suffix=".building", dir=parent) as scratch:
            stage, out = Path(scratch) / "text", Path(scratch) / "data"
            stage.mkdir()
            out.mkdir()
            reading = Reading()
            staged, characters = _stage(sources, stage, reading, settings.most_bytes, obfuscator)
            vocabulary: TokenVocabulary = tokenizer or Characters(characters)
            manifest = _write(out, staged, vocabulary, settings)
            shutil.rmtree(stage)
            manifest["refused"] = [[writable(Path(name).name), reason] for name, reason in reading.refused]
            manifest["counts"] = dict(sorted(reading.counts.items()))
            manifest["obfuscated"] = dict(sorted(obfuscator.report.items())) if obfuscator else None
            manifest["digest"] = digest({key: manifest[key] for key in manifest if key != "name"})
            manifest["files"] = tree_digests(out, leave_out=(MANIFEST,))
            write_json(out / MANIFEST, manifest)
            return publish(out, data_root, settings.name)


def _stage(
    sources: Sequence[Path], stage: Path, reading: Reading, most_bytes: int, obfuscator: LineRule | None
) -> tuple[list[Staged], set[str]]:
    """Write the text of every file, obfuscated, and collect its characters."""
    staged: list[Staged] = []
    characters: set[str] = set()
    if obfuscator:
        # A name that one line gives away may stand in any other, of any file.
        for path in text_files(sources, Reading()):
            obfuscator.learn(path.name)
            for line in lines(path, Reading(), most_bytes):
                obfuscator.learn(line)
    for number, path in enumerate(text_files(sources, reading)):
        place, own = stage / f"{number:06d}", Reading()
        count, seen = 0, set[str]()
        replaced = Counter(obfuscator.report) if obfuscator else Counter[str]()
        with place.open("w", encoding="utf-8", newline="") as out:
            for line in lines(path, own, most_bytes):
                text = obfuscator.line(line) if obfuscator else line
                out.write(text)
                count += len(text)
                seen.update(text)
        reading.refused += own.refused
        if own.refused:
            place.unlink()
            if obfuscator:
                obfuscator.report.clear()
                obfuscator.report.update(replaced)
            continue
        characters |= seen
        reading.counts += own.counts
        # The name may tell a host or a user, and a digest of the original would tell who has it.
        name = obfuscator.line(path.name) if obfuscator else path.name
        staged.append(Staged(place, writable(name), sha256_file(place), count))
    if not staged:
        reasons = ", ".join(f"{Path(name).name}: {reason}" for name, reason in reading.refused[:5]) or "no file"
        raise InputError(f"no text could be read ({reasons}). Expected text files, or folders of them.")
    return staged, characters


def _write(out: Path, staged: list[Staged], vocabulary: TokenVocabulary, settings: DataSettings) -> dict[str, Any]:
    parts = partition(staged, settings.split, settings.validation_share, settings.seed)
    splits = {}
    for part in PARTS:
        characters = sum(piece.end - piece.start for piece in parts[part])
        tokens = _encode(out / f"{part}.bin", parts[part], vocabulary)
        if tokens < 2:
            raise InputError(f"the {part} part would hold {tokens} tokens: too little text, or too few files to split.")
        splits[part] = {"tokens": tokens, "characters": characters}
    vocabulary.write(out)
    (out / "config.py").write_text(nanogpt_config(settings.recipe), encoding="utf-8")
    where = {piece.source.place: part for part in PARTS for piece in parts[part]}
    shared = {a.source.place for a in parts["train"]} & {b.source.place for b in parts["val"]}
    return {
        "format": FORMAT,
        "name": settings.name,
        "vocabulary": vocabulary.describe(),
        "split": {"rule": settings.split, "share": settings.validation_share, "seed": settings.seed},
        "splits": splits,
        "sources": [
            {
                "file": source.name,
                "sha256": source.sha256,
                "characters": source.characters,
                "part": "both" if source.place in shared else where.get(source.place, "none"),
            }
            for source in staged
        ],
        "recipe": plain(settings.recipe),
    }


def _encode(path: Path, pieces: Iterable[Any], vocabulary: TokenVocabulary) -> int:
    """Write the tokens of pieces of text, block by block; return how many."""
    count = 0
    with path.open("wb") as out:
        for piece in pieces:
            for text in _blocks(piece.text()):
                tokens = vocabulary.encode(text)
                out.write(tokens.tobytes())
                count += len(tokens)
            end = vocabulary.end_of_file()
            out.write(end.tobytes())
            count += len(end)
    return count


def _blocks(pieces: Iterator[str]) -> Iterator[str]:
    """Join lines into blocks of about BLOCK characters that end where a line ends."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)
