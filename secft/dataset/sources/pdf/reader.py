"""PDF documents, cut into sections at their headings.

Text is read in the order of columns; running headers and footers, page numbers and tables of contents are left out;
divided words are whole; tables have one row a line, cells apart by `` | ``, and marks are told with the head that they
stand under (``L2: ✓``), on every page that a table reaches. Sections of a few words are joined with a neighbour. Each
file is read in a process of its own with a time limit and a memory limit. Encrypted, broken, huge and image-only files
are counted refusals. Addresses in ``paths`` are fetched before a run is named after its inputs, once, and kept under
``cache``.

Fields of a document (kind ``guide``): ``section`` (headings above the text, ``Storage > Argon2``), ``headings`` (the
same as a list), ``pages`` [first, last], ``document`` (title of the PDF, or its file name), ``file``, ``chunk`` (its
number in the file, from 1), ``parent`` (the highest section in the file, so that its parts share a split), ``cves``,
``cwes``, ``capecs``, ``techniques`` (named in the text).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secft.dataset.chunk import SEPARATOR, Chunk, chunk_blocks
from secft.dataset.sources.pdf import PdfSource
from secft.dataset.sources.pdf.download import is_address, kept, refresh
from secft.dataset.sources.reading.paths import is_refused_link, named_files, parts_of, paths_problems, shown_name
from secft.dataset.sources.source import Reader, ReadLog, reader_of_parts
from secft.environment import install_command
from secft.errors import FetchRefused, InputError, MissingExtraError, Problem
from secft.files import sha256_file
from secft.process import shared_worker
from secft.reasons import Reason
from secft.records import Document
from secft.redaction import without_credentials
from secft.security.identifiers import named_by_kind

if TYPE_CHECKING:
    from secft.dataset.sources.pdf.extract import Extracted, ExtractionTask

SUFFIXES = (".pdf",)
EXPECTED = "PDF documents"
_LEAST = 12
"""Words of a section that reads alone."""
_UNTITLED = ("untitled", "microsoft word", "microsoft powerpoint", "powerpoint presentation", "document")
_FILE_ENDINGS = (".pdf", ".doc", ".docx", ".odt", ".indd", ".ppt", ".pptx", ".tex", ".dvi", ".md")


def _local(config: PdfSource) -> list[str]:
    return [path for path in config.paths if not is_address(path)]


def _parts(config: PdfSource) -> list[str]:
    """Return files in natural order, then addresses.

    Raises:
        InputError: the paths name no file at all.
    """
    found = [*parts_of(_local(config), SUFFIXES), *sorted({path for path in config.paths if is_address(path)})]
    if not found:
        raise InputError(f"{', '.join(config.paths)}: no file ends in {SUFFIXES[0]}; expected {EXPECTED}.")
    return found


def _read_part(config: PdfSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the sections of one file, or refuse it."""
    if is_address(part):
        file = kept(config, part)
        if file is None:
            log.refuse(part, Reason("pdf.not_fetched"), "a run does it first")
        else:
            name, url = without_credentials(part), without_credentials(file.url)
            yield from _documents(config, file.path, name, log, url=url, fetched=file.fetched)
    elif is_refused_link(_local(config), part):
        log.refuse(part, Reason("file.link_outside"))
    else:
        yield from _documents(config, Path(part), shown_name(_local(config), part), log, path=part)


def _documents(
    config: PdfSource, file: Path, name: str, log: ReadLog, path: str = "", url: str = "", fetched: str = ""
) -> Iterator[Document]:
    found = _extracted(config, file, name, log)
    if found is None:
        return
    version = f"sha256:{sha256_file(file)[:12]}"
    title = _title(found.titles, name)
    chunks = chunk_blocks(found.blocks, config.chunk_tokens, log.count_tokens, least=_LEAST)
    for number, chunk in enumerate(chunks, start=1):
        yield Document(
            id=f"pdf:{name}#{number}",
            kind="guide",
            title=f"{title}: {chunk.title}" if chunk.path and chunk.title != title else title,
            text=chunk.text,
            fields={**_fields(chunk, name), "document": title, "chunk": number},
            source="pdf",
            source_version=version,
            license=config.license,
            url=url,
            path=path,
            fetched=fetched,
        )


def _fields(chunk: Chunk, name: str) -> dict[str, object]:
    return {
        "section": SEPARATOR.join(chunk.path),
        "headings": list(chunk.path),
        "pages": list(chunk.pages),
        "file": name,
        "parent": SEPARATOR.join([f"pdf:{name}", *chunk.path[:1]]),
        **named_by_kind(chunk.text),
    }


def _title(found: tuple[str, str], name: str) -> str:
    """Return the title in the file's metadata where somebody chose it, else that of the first page, else its name."""
    for candidate in found:
        title = " ".join(candidate.split())
        if len(title) > 3 and not title.lower().startswith(_UNTITLED) and not title.lower().endswith(_FILE_ENDINGS):
            return title
    return Path(name).stem.replace("_", " ")


def _extracted(config: PdfSource, file: Path, name: str, log: ReadLog) -> Extracted | None:
    """Return what a file holds, None if it is refused."""
    from secft.dataset.sources.pdf.extract import ExtractionTask

    size = file.stat().st_size
    if size > config.max_bytes:
        log.refuse(name, Reason("file.too_large"), f"{size:,} bytes, {config.max_bytes:,} allowed")
        return None
    worker = shared_worker(_engine(config.engine), config.timeout, config.max_memory)
    outcome = worker.run(ExtractionTask(str(file), config.max_pages))
    if outcome.failure or outcome.value is None:
        log.refuse(name, Reason(f"process.{outcome.failure or 'failed'}"), outcome.detail)
        return None
    if outcome.value.reason:
        log.refuse(name, outcome.value.reason, outcome.value.detail)
        return None
    for text, pages in outcome.value.margins.items():
        if text != "#":
            log.refuse(name, Reason("pdf.margin"), f"{text[:200]} ({pages} of {outcome.value.pages} pages)")
    return outcome.value


def _engine(name: str) -> Callable[[ExtractionTask], Extracted]:
    if name == "docling":
        from secft.dataset.sources.pdf import by_docling

        missing = by_docling.problems("source.pdf.engine")
        if missing:
            raise MissingExtraError(str(missing[0]))
        return by_docling.extract
    from secft.dataset.sources.pdf.extract import extract

    return extract


def _external_files(config: PdfSource) -> dict[str, Path]:
    fetched = {path: kept(config, path) for path in config.paths if is_address(path)}
    return {
        **named_files(_local(config), SUFFIXES),
        **{url: file.path for url, file in fetched.items() if file is not None},
    }


def _problems(config: PdfSource, key: str) -> list[Problem]:
    problems = _address_problems(config, f"{key}.paths")
    if config.engine == "docling":
        from secft.dataset.sources.pdf import by_docling

        problems += by_docling.problems(f"{key}.engine")
    if importlib.util.find_spec("pypdfium2") is None:
        problems.append(Problem(key, "needs the package pypdfium2", remedy=f"Run: {install_command('documents')}"))
    return problems + (paths_problems(_local(config), f"{key}.paths") if _local(config) or not config.paths else [])


def _address_problems(config: PdfSource, key: str) -> list[Problem]:
    from secft.net.addresses import CREDENTIALS, parse_address

    problems = []
    for url in filter(is_address, config.paths):
        try:
            parse_address(url)
        except FetchRefused as error:
            # The detail shows the address without its credentials.
            shown = None if error.reason == CREDENTIALS else url
            problems.append(Problem(key, str(error), shown))
    return problems


READER: Reader = replace(reader_of_parts(_parts, _read_part, _external_files, _problems, refresh), isolated=True)
