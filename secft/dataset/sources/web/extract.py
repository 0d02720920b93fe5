"""The main text of a page as blocks: trafilatura finds it, code and tables keep their shape.

Trafilatura is given a prepared tree (see shape) and answers with a small tree of its own (``head``, ``p``, ``list``,
``table``, ``quote``) that is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.web.decode import BadPage, decode_page, parse_page
from secft.dataset.sources.web.hidden import remove_hidden
from secft.dataset.sources.web.main_text import find_main_text
from secft.dataset.sources.web.shape import MARK, lift_shapes, plain_signs
from secft.reasons import Reason

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LEAST = 25
"""Characters besides headings below which a page says nothing."""
_HIDDEN_LETTERS = 3
"""Fewer hidden letters are an icon or a sign, not text."""
_STRAY_MARK = re.compile(r"⟦/?\d+⟧")
_INLINE = ("hi", "ref", "del", "lb", "graphic", "code", "span")
_DATES = ("article:modified_time", "article:published_time", "dcterms.modified", "dcterms.date", "dc.date", "date",
          "last-modified", "pubdate")  # fmt: skip
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class WebPage:
    """What a page says.

    Attributes:
        title: its title, or an empty string.
        language: language tag as the page gives it (``en``), or an empty string.
        date: day of its last change as the page gives it (``2026-01-31``), or an empty string.
        blocks: the main text in reading order.
        hidden: letters and digits that people do not see, and that were left out.
        replaced: characters that could not be decoded.
    """

    title: str
    language: str
    date: str
    blocks: tuple[TextBlock, ...]
    hidden: int
    replaced: int

    @property
    def has_hidden_text(self) -> bool:
        """Whether text was left out because people do not see it."""
        return self.hidden >= _HIDDEN_LETTERS


def extract_page(data: bytes, content_type: str = "") -> WebPage:
    """Read one page.

    Args:
        data: its bytes.
        content_type: the HTTP header, or an empty string.

    Raises:
        BadPage: not HTML, too many elements, or without main text.
    """
    text, replaced = decode_page(data, content_type)
    tree = parse_page(plain_signs(text))
    title, language, date = _title(tree), _page_language(tree), _date(tree)
    hidden = remove_hidden(tree)
    try:
        lifted = lift_shapes(tree)
        blocks = tuple(_blocks(find_main_text(tree), lifted))
    except RecursionError:
        raise BadPage(Reason("web.no_main_text"), "nested too deeply") from None
    if sum(len(block.text) for block in blocks if block.kind != "heading") < _LEAST:
        raise BadPage(Reason("web.no_main_text"))
    return WebPage(title, language, date, blocks, hidden, replaced)


def _meta(tree: HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in tree.iter("meta"):
        name = (item.get("property") or item.get("name") or item.get("http-equiv") or "").lower()
        found.setdefault(name, _line(item.get("content") or ""))
    return found


def _title(tree: HtmlElement) -> str:
    given = tree.find(".//title")
    return (_line(given.text_content()) if given is not None else "")[:300] or _meta(tree).get("og:title", "")[:300]


def _page_language(tree: HtmlElement) -> str:
    given = tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or tree.get("xml:lang") or ""
    given = given or _meta(tree).get("content-language", "")
    return given if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}", given) else ""


def _date(tree: HtmlElement) -> str:
    meta = _meta(tree)
    for name in _DATES:
        match = _DATE.match(meta.get(name, ""))
        if match:
            return match[0]
    return ""


def _line(text: str) -> str:
    return " ".join(text.split())


def _inline(element: Any) -> str:
    return _line("".join(" " if item is None else item for item in _pieces(element)))


def _pieces(element: Any) -> Iterator[str | None]:
    """Yield the text of an element; None stands for a break between words."""
    yield element.text or ""
    for child in element:
        breaks = child.tag in ("lb", "p", "list", "item", "row", "cell", "quote", "head")
        yield None if breaks else ""
        yield from _pieces(child)
        yield None if breaks else ""
        yield child.tail or ""


def _blocks(element: Any, lifted: Sequence[TextBlock]) -> Iterator[TextBlock]:
    """Yield the blocks below an element of trafilatura's tree; loose text between them becomes text too."""
    loose = [element.text or ""]
    for child in element:
        if child.tag in _INLINE:
            loose.append(" " if child.tag == "lb" else "".join(child.itertext()))
        else:
            yield from _text_blocks("".join(loose), lifted)
            loose = []
            yield from _block(child, lifted)
        loose.append(child.tail or "")
    yield from _text_blocks("".join(loose), lifted)


def _text_blocks(text: str, lifted: Sequence[TextBlock]) -> Iterator[TextBlock]:
    """Yield text, and in place of each mark the block that it stands for."""
    position = 0
    for mark in MARK.finditer(text):
        yield from _text_block(text[position : mark.start()])
        if int(mark[1]) < len(lifted):
            yield lifted[int(mark[1])]
        position = mark.end()
    yield from _text_block(text[position:])


def _text_block(text: str) -> Iterator[TextBlock]:
    text = _line(_STRAY_MARK.sub("", text))
    if text:
        yield TextBlock("text", text)


def _block(element: Any, lifted: Sequence[TextBlock]) -> Iterator[TextBlock]:
    if element.tag == "head":
        level = re.sub(r"\D", "", element.get("rend", "")) or "2"
        text = _line(_STRAY_MARK.sub("", "".join(element.itertext())))
        yield TextBlock("heading", text, level=int(level[:1]) or 1)
    elif element.tag == "list":
        yield from _list(element, lifted)
    elif element.tag == "table":  # tables of data are lifted; this one lays out
        for cell in element.iter("cell"):
            yield from _blocks(cell, lifted)
    else:
        yield from _blocks(element, lifted)


def _list(element: Any, lifted: Sequence[TextBlock]) -> Iterator[TextBlock]:
    """Yield a list as one block; code and tables of its items interrupt it and keep their shape."""
    lines: list[str] = []
    for number, item in enumerate(element.iterchildren("item"), start=1):
        mark = f"{number}. " if element.get("rend") == "ol" else "- "
        mark = "  " if item.get("rend", "").startswith("dd") else mark
        for block in _blocks(item, lifted):
            if block.kind in ("code", "table"):
                yield from _list_block(lines)
                lines = []
                yield block
            else:
                first, *rest = block.text.split("\n")
                lines += [("  " if block.kind == "list" else mark) + first, *("  " + line for line in rest)]
                mark = "  "
    yield from _list_block(lines)


def _list_block(lines: list[str]) -> Iterator[TextBlock]:
    if lines:
        yield TextBlock("list", "\n".join(lines))
