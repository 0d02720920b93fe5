"""Read XML that nobody vouches for: the head to recognise it, then one element at a time.

Document type declarations are accepted, since scanners write them, but nothing that they name is loaded, and a report
that declares entities is refused before its first element is read.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError, iterparse
from xml.parsers import expat

from secft.dataset.sources.tool_logs.finding import BrokenReport

MAX_DEPTH = 100
_CHUNK = 1 << 20
_NAMES = 40
"""Elements whose names are looked at to recognise a report."""


_ENDED = (
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
)
"""What the parser says when a document ends too early."""


class _Enough(Exception):
    """Not an error: the way out of the parser once enough was seen."""


@dataclass
class Head:
    """How an XML report begins: its root element, the root's attributes, and the names of the first elements."""

    root: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rsplit("}", 1)[-1].rsplit(":", 1)[-1]


def _refuse_entities(*_: object) -> NoReturn:
    raise BrokenReport("XML with entities refused", "the document type declares entities")


def _feed(parser: expat.XMLParserType, data: bytes, head: Head) -> None:
    """Give a parser as much as it takes to see the first elements, but no more than one chunk behind the root."""
    with suppress(_Enough):
        for offset in range(0, len(data), _CHUNK):
            parser.Parse(data[offset : offset + _CHUNK], False)
            if head.root:
                break


def sniff(data: bytes) -> Head:
    """Return the head of an XML report.

    Raises:
        BrokenReport: it declares entities, or has no root element.
    """
    head = Head()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if not head.root:
            head.root, head.attributes = local(tag), attributes
        head.names.append(local(tag))
        if len(head.names) >= _NAMES:
            raise _Enough

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _refuse_entities
    parser.StartElementHandler = start
    try:
        _feed(parser, data, head)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if not head.root:
            raise BrokenReport("broken report", f"not valid XML ({error})") from None
    if not head.root:
        raise BrokenReport("truncated report", "XML without a root element")
    return head


def elements(data: bytes, names: Collection[str]) -> Iterator[Element]:
    """Yield the outermost elements of some names, each one whole; each is emptied after use to keep memory flat.

    Raises:
        BrokenReport: truncated or broken XML, or elements nested too deeply; what came before was whole.
    """
    depth = inside = 0
    try:
        for event, element in iterparse(io.BytesIO(data), events=("start", "end")):
            wanted = local(element.tag) in names
            if event == "start":
                depth, inside = depth + 1, inside + wanted
                if depth > MAX_DEPTH:
                    raise BrokenReport("broken report", f"elements nested more than {MAX_DEPTH} deep")
                continue
            depth, inside = depth - 1, inside - wanted
            if wanted and not inside:
                yield element
            if not inside:
                element.clear()
    except ParseError as error:
        ended = expat.ErrorString(error.code) in _ENDED
        raise BrokenReport("truncated report" if ended else "broken report", str(error)) from None


def text_at(element: Element | None, path: str) -> str:
    """Return the text below the first element of a path without outer space, or an empty string."""
    found = element.find(path) if element is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""
