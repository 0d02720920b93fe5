"""Advisories in the OSV format: JSON, YAML (PyPA) or RustSec's Markdown; files, folders, archives or JSONL.

Fields of a document (kind ``vulnerability``): ``summary``, ``details`` (text), ``aliases``, ``cves``, ``parent`` (the
first CVE, else another name, or empty: advisories of one vulnerability are one family), ``related``, ``affected``
[{ecosystem, package, ranges [{introduced, fixed, last_affected, and limit where known versions end without a fix}],
versions, patched, unaffected, commits}] (the last three are requirements as RustSec writes them, and fixing commits),
``packages`` [name], ``severity`` [{type, score}], ``cvss`` (vector of the newest version), ``severity_label``,
``cwes``, ``categories``, ``informational`` (RustSec: for example ``unmaintained``), ``references`` [{type, url}],
``published``, ``modified``, ``file`` and ``omitted_sections`` (how many sections with proofs of
concept were left out of the details).

Ids are those of the advisories; where that is a CVE, ``OSV:`` stands before it, since the CVE has its own document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.osv import OsvSource
from secft.dataset.sources.osv.record import document_text, fields_of, title_of
from secft.dataset.sources.osv.rustsec import BadAdvisory, osv_of_rustsec
from secft.dataset.sources.reading.archives import Packed, packed_suffixes, read_part
from secft.dataset.sources.reading.json_values import mapping, string
from secft.dataset.sources.reading.paths import named_files, parts_of, paths_problems
from secft.dataset.sources.reading.safe_yaml import BadYaml, load_yaml
from secft.dataset.sources.source import ReadLog, reader_of_parts
from secft.errors import InputError, Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "advisories in the OSV format (JSON, JSONL, YAML, RustSec's Markdown, or archives of them)"
HOME = "https://osv.dev/"
SUFFIXES = (".json", ".yaml", ".yml", ".md")
_FILES = packed_suffixes(SUFFIXES)
_ID = re.compile(r"[A-Z][A-Za-z0-9]*(?:[-:._][A-Za-z0-9]+)+")
_LICENSE = re.compile(r"[A-Za-z0-9.+-]{2,40}")


class _RefusedAdvisory(ValueError):
    """A text that holds no advisory: the reason and the detail."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.text())
        self.reason, self.detail = reason, detail


def _of_json(text: str) -> list[Any]:
    """Return the records of a JSON file: one record, a list of them, or the answer of an OSV server."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _RefusedAdvisory(Reason("record.not_json"), str(error)) from None
    if isinstance(content, dict):
        for key in ("vulns", "vulnerabilities"):
            if isinstance(content.get(key), list) and "id" not in content:
                return list(content[key])
    return content if isinstance(content, list) else [content]


def _records(packed: Packed) -> list[Any]:
    """Return the records of a text.

    Raises:
        _RefusedAdvisory: it is not what its name says.
    """
    if packed.record is not None:
        return [packed.record]
    name = packed.name.lower()
    try:
        if name.endswith((".yaml", ".yml")):
            return load_yaml(packed.text)
        if name.endswith(".md"):
            return [osv_of_rustsec(packed.text)]
    except BadYaml as error:
        raise _RefusedAdvisory(Reason("record.not_yaml"), str(error)) from None
    except BadAdvisory as error:
        raise _RefusedAdvisory(Reason("osv.not_rustsec"), str(error)) from None
    return _of_json(packed.text)


def _fault(record: Any) -> Reason | None:
    """Return why a record becomes no document, or None."""
    if not isinstance(record, dict):
        return Reason("record.not_object")
    if not _ID.fullmatch(string(record, "id")) or len(string(record, "id")) > 100:
        return Reason("record.no_id")
    if record.get("withdrawn"):
        return Reason("record.withdrawn")
    if not string(record, "summary") and not string(record, "details"):
        return Reason("osv.no_text")
    return None


def _license(record: dict[str, Any], config: OsvSource) -> str:
    own = string(mapping(record, "database_specific"), "license")
    return own if _LICENSE.fullmatch(own) else config.license


def _document(record: dict[str, Any], name: str, part: str, version: str, config: OsvSource) -> Document:
    fields, own = {**fields_of(record), "file": name}, string(record, "id")
    return Document(
        id=f"OSV:{own}" if own.startswith("CVE-") else own,
        kind="vulnerability",
        title=title_of(record, fields),
        text=document_text(fields),
        fields=fields,
        source="osv",
        source_version=version,
        license=_license(record, config),
        url=f"https://osv.dev/vulnerability/{own}",
        path=part,
    )


def _read_part(config: OsvSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the advisories in force of one file.

    Raises:
        InputError: the file was named itself, and cannot be read.
    """
    seen: set[str] = set()
    version = ""
    for packed in read_part(config.paths, part, SUFFIXES, EXPECTED, log):
        version = version or f"sha256:{sha256_file(Path(part))[:12]}"
        try:
            records = _records(packed)
        except _RefusedAdvisory as refused:
            log.refuse(packed.name, refused.reason, refused.detail)
            continue
        for record in records:
            reason = _fault(record)
            name = string(record, "id") if isinstance(record, dict) else ""
            if reason or name in seen:
                log.refuse(name or packed.name, reason or Reason("record.repeated_id"))
                continue
            seen.add(name)
            try:
                document = _document(record, packed.name, part, version, config)
            except InputError as error:
                log.refuse(name, Reason("osv.long_details"), str(error))
                continue
            yield document


def _parts(config: OsvSource) -> list[str]:
    return parts_of(config.paths, _FILES)


def _external_files(config: OsvSource) -> dict[str, Path]:
    return named_files(config.paths, _FILES)


def _problems(config: OsvSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = reader_of_parts(_parts, _read_part, _external_files, _problems)
