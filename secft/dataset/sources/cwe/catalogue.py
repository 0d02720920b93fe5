"""Open the catalogue, and read the text inside CWE's mixture of XML and XHTML."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.input_files import read_input
from secft.dataset.sources.reading.xml import XmlError, local_name, xml_events, xml_head
from secft.dataset.text import paragraphs, squeeze
from secft.errors import InputError

EXPECTED = "a CWE catalogue (XML with the root Weakness_Catalog, https://cwe.mitre.org/data/downloads.html)"
MAX_DEPTH = 64
_BLOCKS = {"p", "li", "div", "br", "ul", "ol", "tr", "table"}


@dataclass(frozen=True)
class CweCatalogue:
    """An opened catalogue: where it is, its version and date, and its bytes."""

    path: Path
    version: str
    date: str
    data: bytes


def open_catalogue(path: Path) -> CweCatalogue:
    """Read a catalogue and check that it is one.

    Raises:
        InputError: unreadable, empty, not XML, with a document type declaration, or not a CWE catalogue.
    """
    data = read_input(path, EXPECTED)
    try:
        head = xml_head(data)
    except XmlError as error:
        raise _error(path, error) from None
    if head.root != "Weakness_Catalog":
        raise InputError(f"{path}: the root element is {head.root!r}; expected {EXPECTED}.")
    return CweCatalogue(path, head.attributes.get("Version", "unknown"), head.attributes.get("Date", ""), data)


def weaknesses(catalogue: CweCatalogue) -> Iterator[Element]:
    """Yield each ``Weakness`` element; each one is emptied after use, so that memory stays flat.

    Raises:
        InputError: broken or truncated XML, or elements nested too deeply.
    """
    try:
        for event, element in xml_events(io.BytesIO(catalogue.data), max_depth=MAX_DEPTH):
            if event == "end" and local_name(element.tag) == "Weakness":
                yield element
                element.clear()
    except XmlError as error:
        raise _error(catalogue.path, error) from None


def _error(path: Path, error: XmlError) -> InputError:
    return InputError(f"{path}: {error}; expected {EXPECTED}.")


def children(element: Element | None, name: str) -> list[Element]:
    """Return the direct children of a name, in any namespace; none for None."""
    return [child for child in element if local_name(child.tag) == name] if element is not None else []


def child(element: Element | None, name: str) -> Element | None:
    """Return the first direct child of a name, or None."""
    found = children(element, name)
    return found[0] if found else None


def grandchildren(element: Element, group: str, name: str) -> list[Element]:
    """Return the elements of one list, for example every ``Mitigation`` of ``Potential_Mitigations``."""
    return children(child(element, group), name)


def _pieces(element: Element) -> Iterator[str]:
    yield squeeze_inside(element.text)
    for inner in element:
        name = local_name(inner.tag)
        if name in _BLOCKS:
            yield "\n- " if name == "li" else "\n"
        if name != "img":
            yield from _pieces(inner)
        if name in _BLOCKS:
            yield "\n"
        yield squeeze_inside(inner.tail)


def squeeze_inside(text: str | None) -> str:
    """Turn the line breaks and indents of the XML file itself into single spaces, keeping outer ones as one."""
    if not text:
        return ""
    inside = squeeze(text)
    return f"{' ' if text[0].isspace() else ''}{inside}{' ' if inside and text[-1].isspace() else ''}"


def prose(element: Element | None) -> str:
    """Return an element's text; paragraphs and list items stand on lines of their own."""
    if element is None:
        return ""
    lines = [line for line in paragraphs("".join(_pieces(element))).splitlines() if line and line != "-"]
    return "\n".join(lines)


def text_of(element: Element | None, name: str) -> str:
    """Return the text of the first child of a name, on one line."""
    return squeeze(prose(child(element, name)))


def texts_of(element: Element | None, name: str) -> list[str]:
    """Return the texts of all children of a name, without empty ones."""
    return [text for text in (squeeze(prose(item)) for item in children(element, name)) if text]
