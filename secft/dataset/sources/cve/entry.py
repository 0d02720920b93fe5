"""What an entry about a CVE is, whichever format it comes in, and how it becomes a document.

Fields of a document (kind ``vulnerability``): ``description``; ``title`` (where the record has one); ``cvss``, the
score to tell, and ``scores``, all of them (see cvss.py); ``cwes``; ``affected`` [{vendor, product, versions}] with
readable version ranges; ``references`` [{url, tags}]; ``solutions`` and ``workarounds`` (texts); ``status``,
``published`` and ``modified`` (ISO 8601); ``known_exploited`` {added, due, action} where NVD repeats CISA's catalogue;
``format`` (``nvd`` or ``cve5``); ``cves`` (its own id) and ``parent`` (always empty).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from secft.dataset.sources.cve.scores import score_line
from secft.dataset.sources.reading.json_values import mappings, string, strings
from secft.reasons import Reason
from secft.records import Document

_REJECTED = re.compile(r"\W*(rejected reason|reject)\b", re.IGNORECASE)
_RESERVED = re.compile(r"\W*reserved\b\W*\*\*", re.IGNORECASE)
_MAX_TOLD = 20
"""Most affected products in the text; the fields have them all."""


@dataclass(frozen=True)
class Entry:
    """One file's word about a CVE: a document, or the reason why it is none.

    Attributes:
        id: of the CVE.
        rank: the largest of several entries about one CVE wins: NVD before CVE records, then the latest change.
        document: what it becomes, or None.
        reason: why it becomes nothing, None for a document.
        detail: about this one.
    """

    id: str
    rank: tuple[int, str, str]
    document: Document | None
    reason: Reason | None = None
    detail: str = ""


def content_digest(record: dict[str, Any]) -> str:
    """Return the SHA-256 of a record, whatever the order of its keys: it decides between entries of the same time."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def english(texts: Iterable[dict[str, Any]], key: str = "value") -> list[str]:
    """Return the English texts of a list of {lang, value}; paragraphs keep apart, other space becomes single."""
    found = [string(item, key) for item in texts if re.fullmatch(r"en([-_].*)?|eng", string(item, "lang").lower())]
    paragraphs = (
        "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()) for text in found
    )
    return [text for text in dict.fromkeys(paragraphs) if text]


def references(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return addresses with their tags, each address once."""
    found: dict[str, list[str]] = {}
    for item in items:
        url = string(item, "url")
        if url.startswith(("http://", "https://", "ftp://")):
            found[url] = list(dict.fromkeys([*found.get(url, []), *strings(item, "tags")]))
    return [{"url": url, "tags": tags} for url, tags in found.items()]


def withdrawn(description: str) -> Reason | None:
    """Return why a description is none: rejected or reserved; None for a description."""
    if _REJECTED.match(description):
        return Reason("cve.rejected")
    return Reason("cve.reserved") if _RESERVED.match(description) else None


def affected_line(item: dict[str, Any]) -> str:
    """Return vendor, product and versions in one line for people."""
    name = " ".join(part for part in (item["vendor"], item["product"]) if part)
    return f"{name}: {'; '.join(item['versions'])}" if item["versions"] else name


def text_of_fields(fields: dict[str, Any]) -> str:
    """Return the whole text for people."""
    parts = [fields["description"]]
    if fields["cvss"]:
        parts.append(score_line(fields["cvss"]))
    if fields["cwes"]:
        parts.append(f"Weaknesses: {', '.join(fields['cwes'])}")
    if fields["affected"]:
        lines = [affected_line(item) for item in fields["affected"][:_MAX_TOLD]]
        more = len(fields["affected"]) - _MAX_TOLD
        parts.append("\n".join(["Affected:", *lines, *([f"and {more} more"] if more > 0 else [])]))
    parts += [f"Solution: {text}" for text in fields["solutions"]]
    parts += [f"Workaround: {text}" for text in fields["workarounds"]]
    return "\n\n".join(parts)


def english_under(value: Any, key: str) -> list[str]:
    """Return the English texts under a key of a record."""
    return english(mappings(value, key))
