"""OWASP's texts in Markdown, cut into sections: cheat sheets, the testing guide (WSTG), ASVS; files, folders, archives.

Fields of a section (kind ``guide``): ``document`` (title of the whole text), ``section`` (heading), ``headings``
(all above it), ``chunk`` (number in the document), ``file``, ``parent`` (all sections of a file are a family), and
``cves``, ``cwes``, ``capecs`` and ``techniques`` that it names.

Fields of a requirement of ASVS (kind ``control``): ``description``, ``level`` (1 to 3), ``chapter``, ``section``,
``number``, ``standard``, ``cwes``, ``file`` and ``parent`` (its section).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from secft.dataset.chunk import SEPARATOR, TextBlock, chunk_blocks
from secft.dataset.sources.owasp import OwaspSource
from secft.dataset.sources.owasp.asvs import BadCatalogue, Requirement, is_usable, read_catalogue, split_markdown
from secft.dataset.sources.reading.archives import Packed, packed_suffixes, read_part
from secft.dataset.sources.reading.markdown import blocks_of, without_sections
from secft.dataset.sources.reading.paths import named_files, parts_of, paths_problems
from secft.dataset.sources.source import ReadLog, reader_of_parts
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import named_by_kind

EXPECTED = "texts of OWASP (Markdown, archives of it, or ASVS as JSON or CSV)"
HOME = "https://owasp.org/"
ASVS_HOME = "https://owasp.org/www-project-application-security-verification-standard/"
SUFFIXES = (".md", ".markdown", ".json", ".csv")
_FILES = packed_suffixes(SUFFIXES)
_SHORTEST = 200
"""Characters of a whole text below which it only says where it has moved to."""
_SHORTEST_SECTION = 30
"""Characters of a section below which it says nothing: TODO, or one link."""
_NO_GUIDE = re.compile(
    r"readme|contributing|code[_-]of[_-]conduct|license|changelog|security|summary|index.*|.*frontispiece|.*contributors?"
    r"|table[_-]of[_-]contents|.*_toc",
    re.IGNORECASE,
)
_LINKS = re.compile(
    r"(?:\d+(?:\.\d+)*\.?\s+)?(?:(?:references?|related articles?|related cheat sheets?|further reading|see also"
    r"|(?:other|additional) resources|authors?(?: and .*)?|acknowledge?ments?|license|contributors)"
    r"(?:\s*(?:,|&|and)\s*)?)(?:references?|further reading|future reading|resources|links)?:?$",
    re.IGNORECASE,
)
"""Headings of sections that only list links or people."""


def _fault(packed: Packed, config: OwaspSource) -> Reason | None:
    """Return why a file is not read, or None."""
    if any(fnmatchcase(packed.name.lower(), pattern.lower()) for pattern in config.exclude):
        return Reason("owasp.excluded")
    if packed.record is not None:
        return Reason("owasp.no_path")
    return Reason("owasp.not_guide") if _NO_GUIDE.fullmatch(PurePosixPath(packed.name).stem) else None


def _moved(title: str, blocks: list[TextBlock]) -> Reason | None:
    """Return why a text is of no use although it can be read, or None."""
    if title.upper().startswith("DEPRECATED"):
        return Reason("record.deprecated")
    length = sum(len(block.text) for block in blocks if block.kind != "heading")
    return None if length >= _SHORTEST else Reason("owasp.short_text")


def _url(name: str) -> str:
    stem = PurePosixPath(name).stem
    return f"https://cheatsheetseries.owasp.org/cheatsheets/{stem}.html" if stem.endswith("_Cheat_Sheet") else HOME


def _control(item: Requirement, name: str, part: str, config: OwaspSource) -> Document:
    standard, prefix = ("ASVS 4.0", "ASVS-4.0") if item.old else ("ASVS 5.0", "ASVS")
    place = f"{standard}, chapter {item.chapter}, section {item.section}"
    return Document(
        id=f"{prefix}-V{item.number}",
        kind="control",
        title=f"{standard} V{item.number}: {item.section.partition(' ')[2] or item.chapter.partition(' ')[2]}",
        text=f"{item.description}\n\n{place}{f', level {item.level}' if item.level else ''}.",
        fields={
            "description": item.description,
            "level": item.level,
            "chapter": item.chapter,
            "section": item.section,
            "number": item.number,
            "standard": standard,
            "cwes": list(item.cwes),
            "file": name,
            "parent": f"{prefix}-V{item.number.rpartition('.')[0]}",
        },
        source="owasp",
        source_version=standard,
        license=config.license,
        url=ASVS_HOME,
        path=part,
    )


def _controls(
    found: list[Requirement], name: str, part: str, config: OwaspSource, log: ReadLog, seen: set[str]
) -> Iterator[Document]:
    for item in found:
        document = _control(item, name, part, config)
        if not is_usable(item):
            log.refuse(document.id, Reason("owasp.moved_requirement"))
        elif document.id in seen:
            log.refuse(document.id, Reason("record.repeated_id"))
        else:
            seen.add(document.id)
            yield document


def _guide(packed: Packed, part: str, config: OwaspSource, log: ReadLog, seen: set[str]) -> Iterator[Document]:
    """Yield the requirements and the sections of a Markdown text."""
    try:
        blocks = without_sections(blocks_of(packed.text), _LINKS)[0]
    except InputError as error:
        log.refuse(packed.name, Reason("owasp.long_text"), str(error))
        return
    title = next((block.text for block in blocks if block.kind == "heading"), "")
    requirements, rest = split_markdown(blocks)
    yield from _controls(requirements, packed.name, part, config, log, seen)
    reason = None if requirements else _moved(title, rest)
    if reason:
        log.refuse(packed.name, reason)
        return
    version = f"sha256:{hashlib.sha256(packed.data).hexdigest()[:12]}"
    title = title or PurePosixPath(packed.name).stem.replace("_", " ")
    for number, chunk in enumerate(chunk_blocks(rest, config.chunk_tokens, log.count_tokens), start=1):
        if len(chunk.text) < _SHORTEST_SECTION:
            log.refuse(f"owasp:{packed.name}#{number}", Reason("owasp.short_section"), chunk.text)
            continue
        yield Document(
            id=f"owasp:{packed.name}#{number}",
            kind="guide",
            title=chunk.title if chunk.path[:1] == (title,) else SEPARATOR.join([title, *chunk.path]),
            text=chunk.text,
            fields={
                "document": title,
                "section": chunk.path[-1] if chunk.path else "",
                "headings": list(chunk.path),
                "chunk": number,
                "file": packed.name,
                "parent": f"owasp:{packed.name}",
                **named_by_kind(f"{chunk.title}\n{chunk.text}"),
            },
            source="owasp",
            source_version=version,
            license=config.license,
            url=_url(packed.name),
            path=part,
        )


def _read_part(config: OwaspSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the sections and requirements of one file or archive.

    Raises:
        InputError: the file was named itself, and cannot be read.
    """
    seen: set[str] = set()
    for packed in read_part(config.paths, part, SUFFIXES, EXPECTED, log):
        reason = _fault(packed, config)
        suffix = PurePosixPath(packed.name).suffix.lower()
        if reason:
            log.refuse(packed.name, reason)
        elif suffix in (".json", ".csv"):
            try:
                found = read_catalogue(packed.text, suffix)
            except BadCatalogue as error:
                log.refuse(packed.name, Reason("owasp.not_asvs"), str(error))
                continue
            yield from _controls(found, packed.name, part, config, log, seen)
        else:
            yield from _guide(packed, part, config, log, seen)


def _parts(config: OwaspSource) -> list[str]:
    return parts_of(config.paths, _FILES)


def _external_files(config: OwaspSource) -> dict[str, Path]:
    return named_files(config.paths, _FILES)


def _problems(config: OwaspSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = reader_of_parts(_parts, _read_part, _external_files, _problems)
