"""What the documents of a run say, in the little that curation asks of it: identifiers, titles, labels.

Read in one pass over the file of documents; the documents themselves are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from secft.dataset.templates.mapping import primary_impact
from secft.files import canonical_json
from secft.records import Document

# Each form begins with its letter and looks back only then: a search that may begin anywhere is five times slower.
_FORMS = (
    r"C(?<!\wC)(?:VE-\d{4}-\d{4,7}|WE-\d{1,5}|APEC-\d{1,4})\b",
    r"G(?<!\wG)(?:HSA(?:-[0-9a-z]{4}){3}|O-\d{4}-\d{1,7})\b",
    r"R(?<!\wR)USTSEC-\d{4}-\d{1,7}\b",
    r"P(?<!\wP)YSEC-\d{4}-\d{1,7}\b",
    r"T(?<![\w.-]T)A?\d{4}(?:\.\d{3})?(?![\w-])",
    r"D(?<![\w.-]D)[SC]\d{4}(?![\w-])",
    r"M(?<![\w.-]M)\d{4}(?![\w-])",
    r"S(?<![\w.-]S)\d{4}(?![\w-])",
)
IDENTIFIER = re.compile("|".join(_FORMS))


def identifiers(text: str) -> frozenset[str]:
    """Return the identifiers of vulnerabilities, weaknesses and techniques that a text names."""
    return frozenset(IDENTIFIER.findall(text))


@dataclass(frozen=True)
class DocumentFacts:
    """What curation knows about one document.

    Attributes:
        title: its title.
        kind: its kind, as in records.Document.
        tactics: the ATT&CK tactics of a technique.
        consequence: class of the first technical impact of a weakness, or an empty string.
    """

    title: str
    kind: str
    tactics: tuple[str, ...] = ()
    consequence: str = ""


@dataclass
class Catalogue:
    """What all documents of a run say.

    Attributes:
        facts: id of a document -> facts.
        known: every identifier that any document is, or names.
    """

    facts: dict[str, DocumentFacts] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


def catalogue(documents: Iterable[Document]) -> Catalogue:
    """Make a catalogue of documents, one after the other."""
    result = Catalogue()
    for document in documents:
        tactics = document.fields.get("tactics")
        result.facts[document.id] = DocumentFacts(
            title=document.title,
            kind=document.kind,
            tactics=tuple(tactics) if isinstance(tactics, list) else (),
            consequence=primary_impact(document) if document.kind == "weakness" else "",
        )
        result.known.add(document.id)
        result.known.update(identifiers(f"{document.title}\n{document.text}\n{canonical_json(document.fields)}"))
    return result
