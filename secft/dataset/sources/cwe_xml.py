"""Read XML that nobody vouches for, and the text inside CWE's mixture of XML and XHTML."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, iterparse
from xml.parsers import expat

from secft.dataset.sources.opening import read_input
from secft.dataset.text import paragraphs, squeeze
from secft.errors import InputError

EXPECTED = "a CWE catalogue (XML with the root Weakness_Catalog, https://cwe.mitre.org/data/downloads.html)"
MAX_DEPTH = 64
_BLOCKS = {"p", "li", "div", "br", "ul", "ol", "tr", "table"}


class _RootSeen(Exception):
    """Not an error: the way out of the parser as soon as the root is known."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes


@dataclass(frozen=True)
class Catalogue:
    """An opened catalogue: where it is, its version and date, and its bytes."""

    path: Path
    version: str
    date: str
    data: bytes


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rsplit("}", 1)[-1]


def _root(path: Path, data: bytes) -> _RootSeen:
    """Find the root element; a document type declaration before it, where entities are made, is refused."""

    def refuse(*_: object) -> NoReturn:
        raise InputError(f"{path}: a document type declaration is not accepted; expected {EXPECTED}.")

    def stop(tag: str, attributes: dict[str, str]) -> NoReturn:
        raise _RootSeen(tag, attributes)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)
    except _RootSeen as root:
        return root
    except expat.ExpatError as error:
        raise InputError(f"{path}: not valid XML ({error}); expected {EXPECTED}.") from None
    raise InputError(f"{path}: no root element; expected {EXPECTED}.")


def open_catalogue(path: Path) -> Catalogue:
    """Read a catalogue and check that it is one.

    Raises:
        InputError: unreadable, empty, not XML, with a document type declaration, or not a CWE catalogue.
    """
    data = read_input(path, EXPECTED)
    root = _root(path, data)
    if local_name(root.tag.replace(":", "}")) != "Weakness_Catalog":
        raise InputError(f"{path}: the root element is {root.tag!r}; expected {EXPECTED}.")
    return Catalogue(path, root.attributes.get("Version", "unknown"), root.attributes.get("Date", ""), data)


def weaknesses(catalogue: Catalogue) -> Iterator[Element]:
    """Yield each ``Weakness`` element; each one is emptied after use, so that memory stays flat.

    Raises:
        InputError: broken or truncated XML, or elements nested too deeply.
    """
    depth = 0
    try:
        for event, element in iterparse(io.BytesIO(catalogue.data), events=("start", "end")):
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise InputError(f"{catalogue.path}: elements are nested more than {MAX_DEPTH} deep; refused.")
            if event == "end" and local_name(element.tag) == "Weakness":
                yield element
                element.clear()
    except ParseError as error:
        reason = f"broken or truncated XML ({error})"
        raise InputError(f"{catalogue.path}: {reason}; expected {EXPECTED}.") from None


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
