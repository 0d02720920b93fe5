"""Find the input files of a source: files, folders and globs, without following links out of what was named."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from secft.errors import InputError, Problem
from secft.files import writable

MAX_FILES = 1_000_000
"""Most files of one source."""

_MAGIC = re.compile(r"[*?\[]")
_REMEDY = "Paths are relative to the current directory."


def _order(path: str) -> list[list[tuple[int, int, str]]]:
    """Return a sorting key by which part9/x comes before part10/x."""
    return [
        [(0, int(run), "") if run.isascii() and run.isdigit() else (1, 0, run) for run in re.findall(r"\d+|\D+", part)]
        for part in path.split("/")
    ]


def _fail(error: OSError) -> None:
    raise InputError(f"{error.filename}: the folder cannot be read ({error.strerror}).")


def _leads_out(path: Path, boundary: str) -> bool:
    """Say whether a path ends outside a real folder, or nowhere."""
    real = os.path.realpath(path)
    return os.path.commonpath([real, boundary]) != boundary or not Path(real).exists()


def _walk(top: Path, boundary: str, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    """Yield the files below a folder, and the links that lead out of the boundary: (path, leads out)."""
    for folder, folders, files in os.walk(top, onerror=_fail):
        here = Path(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if (here / name).is_symlink() and _leads_out(here / name, boundary):
                yield here / name, True
        for name in files:
            path = here / name
            if name.startswith(".") or (suffixes and not name.lower().endswith(suffixes)):
                continue
            if path.is_symlink() and _leads_out(path, boundary):
                yield path, True
            elif path.is_file():
                yield path, False


def _match(pattern: str, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    """Yield what a glob matches, in the form of _walk; its fixed first parts are the boundary."""
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    root = Path(*parts[:fixed])
    boundary = os.path.realpath(root)
    hidden_named = any(part.startswith(".") for part in parts[fixed:])
    for path in root.glob(str(Path(*parts[fixed:]))):
        if not hidden_named and any(part.startswith(".") for part in path.relative_to(root).parts):
            continue
        if _leads_out(path, boundary):
            yield path, True
        elif path.is_dir():
            yield from _walk(path, boundary, suffixes)
        elif path.is_file():
            yield path, False


def _find(path: str, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, bool]]:
    named = Path(path)
    if named.is_file():
        yield named, False
    elif named.is_dir():
        yield from _walk(named, os.path.realpath(named), suffixes)
    elif _MAGIC.search(path):
        yield from _match(path, suffixes)
    else:
        raise InputError(f"{path}: no such file or folder. {_REMEDY}")


def _find_all(paths: Sequence[str], suffixes: Collection[str]) -> Iterator[tuple[Path, bool]]:
    endings = tuple(suffix.lower() for suffix in suffixes)
    count = 0
    for path in paths:
        for found in _find(path, endings):
            count += 1
            if count > MAX_FILES:
                raise InputError(f"{path}: more than {MAX_FILES:,} files; refused.")
            yield found


def expand_paths(paths: Sequence[str], suffixes: Collection[str] = ()) -> list[str]:
    """Return the files that paths stand for, in natural order, each real file once.

    A folder stands for the files below it; hidden files and folders (``.git``) are left out, links to folders are
    not followed, and links to files outside it are left out (see refused_links). A glob matches with ``*``, ``?``,
    ``[...]`` and ``**``.

    Args:
        paths: files, folders or globs, relative to the current directory.
        suffixes: how names of files in folders end, for example ``.json.gz``; empty means any. Files that are named,
            or matched by a glob, are taken as they are.

    Raises:
        InputError: a path does not exist, a folder cannot be read, or there are too many files.
    """
    found = sorted({str(path) for path, out in _find_all(paths, suffixes) if not out}, key=_order)
    kept: dict[str, str] = {}
    for path in sorted(found, key=lambda name: Path(name).is_symlink()):
        kept.setdefault(os.path.realpath(path), path)
    return sorted(kept.values(), key=_order)


def refused_links(paths: Sequence[str], suffixes: Collection[str] = ()) -> list[str]:
    """Return the links that expand_paths leaves out: they lead out of the folder that was named, or nowhere."""
    return sorted({str(path) for path, out in _find_all(paths, suffixes) if out}, key=_order)


def _root(path: str) -> Path:
    """Return the folder that bounds what a path stands for: a glob's fixed first parts, else the path."""
    parts = Path(path).parts
    if Path(path).exists() or not _MAGIC.search(path):
        return Path(path)
    return Path(*parts[: next(index for index, part in enumerate(parts) if _MAGIC.search(part))])


def parts_of(paths: Sequence[str], suffixes: Collection[str] = ()) -> list[str]:
    """Return the files that paths stand for and, so that they can be counted, the links that are left out.

    Raises:
        InputError: see expand_paths.
    """
    return sorted({*expand_paths(paths, suffixes), *refused_links(paths, suffixes)}, key=_order)


@functools.lru_cache(maxsize=16)
def _named(paths: tuple[str, ...]) -> tuple[frozenset[Path], frozenset[Path]]:
    """Return the paths themselves, and the folders that bound what they stand for."""
    return frozenset(map(Path, paths)), frozenset(map(_root, paths))


@functools.lru_cache(maxsize=16)
def _shown_parts(paths: tuple[str, ...]) -> dict[Path, int]:
    """Return for each outermost folder how many of its last parts are shown, so that no two show the same.

    One part is enough for most. A name that another one begins with is made longer, part by part; folders shown by
    their whole path, as the configuration names them, hold different files.
    """
    roots = _named(paths)[1]
    shown = {root: min(len(root.name), 1) for root in roots if not any(parent in roots for parent in root.parents)}
    while True:
        labels = {root: root.parts[len(root.parts) - count :] for root, count in shown.items()}
        starts = {root: [label[:end] for end in range(1, len(label) + 1)] for root, label in labels.items()}
        begun = Counter(start for found in starts.values() for start in found)
        whole = Counter(labels.values())
        alike = [
            root
            for root, label in labels.items()
            if 0 < len(label) < len(root.parts)
            and (begun[label] > 1 or sum(whole[start] for start in starts[root]) > 1)
        ]
        if not alike:
            return shown
        shown.update({root: shown[root] + 1 for root in alike})


def _roots_of(paths: Sequence[str], here: Path) -> list[Path]:
    """Return the folders that were named and hold a file, the innermost first."""
    roots = _named(tuple(paths))[1]
    return [folder for folder in (here, *here.parents) if folder in roots]


def is_named(paths: Sequence[str], part: str) -> bool:
    """Say whether one of parts_of was named itself, rather than found in a folder or by a glob."""
    return Path(part) in _named(tuple(paths))[0]


def is_refused_link(paths: Sequence[str], part: str) -> bool:
    """Say whether one of parts_of is a link that leads out of the folder that was named, or nowhere."""
    if is_named(paths, part):
        return False
    return all(_leads_out(Path(part), os.path.realpath(root)) for root in _roots_of(paths, Path(part)))


def _printable(name: str) -> str:
    """Return a name in which line breaks and odd bytes are written as escapes."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def shown_name(paths: Sequence[str], part: str) -> str:
    """Return a file's name for ids, the same on every machine: below the folder that was named, with its name.

    Where the configuration names two folders (or files) alike, as many of their last parts are shown as tell them
    apart.
    """
    here = Path(part)
    roots = _roots_of(paths, here)
    if not roots:
        return _printable(here.name)
    hidden = len(roots[-1].parts) - _shown_parts(tuple(paths))[roots[-1]]
    return _printable(Path(*here.parts[hidden:]).as_posix())


def named_files(paths: Sequence[str], suffixes: Collection[str] = ()) -> dict[str, Path]:
    """Return the files that paths stand for by their names, for fingerprints.

    Raises:
        InputError: see expand_paths.
    """
    found: dict[str, Path] = {}
    for part in expand_paths(paths, suffixes):
        name = shown_name(paths, part)
        found[writable(part) if name in found else name] = Path(part)
    return found


def paths_problems(paths: Sequence[str], key: str) -> list[Problem]:
    """Return a problem for each path that stands for nothing; reads no file."""
    if not paths:
        return [Problem(key, "names no file or folder")]
    problems = []
    for path in paths:
        if Path(path).is_file() or Path(path).is_dir():
            continue
        if not _MAGIC.search(path):
            problems.append(Problem(key, "no such file or folder", path, remedy=_REMEDY))
        elif next(_match(path, ()), None) is None:
            problems.append(Problem(key, "the pattern matches no file", path, remedy=_REMEDY))
    return problems
