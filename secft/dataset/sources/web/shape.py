"""Prepare a page for the search of its main text, so that nothing with a shape is lost or bent by it.

Code (``pre``) and tables of data are lifted out as blocks, and a paragraph with a mark stands in for each: finders of
main text keep paragraphs, and have their own ideas about the rest. Text that stands loose in ``div`` becomes
paragraphs for the same reason; headings and inline code become plain text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from secft.dataset.chunk import TextBlock

if TYPE_CHECKING:
    from lxml.html import HtmlElement

CELL = " | "
MARK = re.compile(r"⟦(\d+)⟧(.*?)⟦/\1⟧", re.S)
"""A lifted block in the text: its number, and the beginning of its text, so that it has weight in the search."""

_WEIGHT = 2000
_CROWD = 2000
"""Elements directly in another one, above which they are no text for people."""
_SIGNS = str.maketrans({"⟦": "[[", "⟧": "]]"})
_LANGUAGE = re.compile(r"(?:language|lang|brush)[-:]\s*([\w+#-]{1,20})")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_INLINE_CODE = ("code", "kbd", "samp", "tt", "var")
_BOXES = ("div", "section", "article", "main", "center")
_BLOCKS = frozenset({
    *_BOXES, *_HEADINGS, "p", "dd", "figure", "figcaption", "pre", "table", "ul", "ol", "dl", "dt", "li", "blockquote",
    "form", "nav", "header",
    "footer", "aside", "hr", "tr", "td", "th", "tbody", "thead", "fieldset", "address", "details", "summary", "iframe",
    "noscript", "script", "style", "button", "select", "textarea", "video", "audio", "object", "svg", "body",
})  # fmt: skip


def plain_signs(text: str) -> str:
    """Replace the brackets that marks are made of, so that a page cannot write marks of its own."""
    return text.translate(_SIGNS)


def lift_shapes(tree: HtmlElement) -> list[TextBlock]:
    """Take code and tables of data out of a tree, in place, and make paragraphs of loose text.

    Returns:
        The lifted blocks; MARK finds their numbers in the text of the tree.
    """
    lifted: list[TextBlock] = []
    _thin_out(tree)
    for table in list(tree.iter("table")):
        _unwrap_numbered_code(table)
    for code in [item for item in tree.iter("pre", "code") if item.tag == "pre" or item.find(".//br") is not None]:
        _stand_in(code, _code_block(code), lifted)
    for item in list(tree.iter(*_HEADINGS, *_INLINE_CODE)):
        _make_plain(item)
    for table in list(tree.iter("table")):
        if _is_data(table):
            _stand_in(table, _table_block(table, lifted), lifted)
    for anchor in list(tree.iter("a")):
        if not anchor.get("href") or not (anchor.text_content().strip() or len(anchor)):
            anchor.drop_tag()  # a place to link to; finders of main text count it as a link of a menu
    for sidebar in tree.xpath("//div[@class='sidebar'][ancestor::div[@class='section' or @class='chapter']]"):
        del sidebar.attrib["class"]  # in DocBook's HTML a note within the text, not a column beside it
    for box in list(tree.iter(*_BOXES)):
        _wrap_loose_text(box)
    return lifted


def _thin_out(tree: HtmlElement) -> None:
    """Make plain text of the links and marks in an element of thousands: the search compares each with all others."""
    from lxml.etree import strip_tags

    for element in [item for item in tree.iter() if len(item) > _CROWD]:
        strip_tags(element, "a", "span", "font", "b", "i", "em", "strong", "small", "u", *_INLINE_CODE)


def _make_plain(element: HtmlElement) -> None:
    if element.getparent() is None:  # it was part of a heading that is plain already
        return
    if element.tag in _INLINE_CODE:
        element.drop_tag()
        return
    text = element.text_content()
    if not MARK.search(text):
        for child in list(element):
            element.remove(child)
        element.text = text


def _stand_in(element: HtmlElement, block: TextBlock, lifted: list[TextBlock]) -> None:
    """Replace an element by a paragraph with the mark of its block."""
    tail = element.tail
    element.clear()
    element.tag, element.tail = "p", tail
    if block.text.strip():
        lifted.append(block)
        number = len(lifted) - 1
        element.text = f"⟦{number}⟧{' '.join(block.text.split())[:_WEIGHT]}⟦/{number}⟧"


def _unwrap_numbered_code(table: HtmlElement) -> None:
    """Replace a table that only puts numbers beside the lines of a listing by the listing."""
    codes = list(table.iter("pre"))
    cells = list(table.iter("td", "th"))
    if codes and len(cells) <= 2 and len(codes) <= 2 and table.getparent() is not None:
        code = codes[-1]
        code.drop_tree()
        code.tail, table.tail = table.tail, None
        table.getparent().replace(table, code)


def _code_block(pre: HtmlElement) -> TextBlock:
    for line_break in pre.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = pre.text_content().replace("\r\n", "\n").strip("\n").rstrip()
    if not text.strip():
        return TextBlock("code", "")
    classes = " ".join(item.get("class", "") for item in (pre, *pre.iter("code")))
    language = _LANGUAGE.search(classes)
    fence = "```" if "```" not in text else "`````"
    return TextBlock("code", f"{fence}{language[1] if language else ''}\n{text}\n{fence}")


def _rows(table: HtmlElement) -> list[list[HtmlElement]]:
    return [row.xpath("./td|./th") for row in table.iter("tr")]


def _is_data(table: HtmlElement) -> bool:
    """Tell a table of data from one that lays out a page: no table inside, no headings, more text than links."""
    rows = [row for row in _rows(table) if row]
    if len(rows) < 2 or max(len(row) for row in rows) < 2:
        return False
    if any(item is not table for item in table.iter("table", *_HEADINGS, "form")):
        return False
    text = len("".join(table.itertext()))
    return sum(len(link.text_content()) for link in table.iter("a")) * 2 <= text


def _table_block(table: HtmlElement, lifted: list[TextBlock]) -> TextBlock:
    def cell_text(cell: HtmlElement) -> str:
        for item in cell.iter("br", "p", "li", "div"):
            item.tail = " " + (item.tail or "")
        return " ".join(MARK.sub(lambda mark: _without_fence(lifted[int(mark[1])].text), cell.text_content()).split())

    caption = table.find("caption")
    rows = [CELL.join(cell_text(cell) for cell in row) for row in _rows(table)]
    lines = [row for row in rows if row.replace("|", "").strip()]
    title = " ".join(caption.text_content().split()) if caption is not None else ""
    return TextBlock("table", "\n".join(([title] if title else []) + lines))


def _without_fence(code: str) -> str:
    return " ".join(code.split("\n")[1:-1])


def _wrap_loose_text(box: HtmlElement) -> None:
    """Make paragraphs of the text and inline elements that stand between the blocks of a box."""
    run = box.makeelement("p", {})
    run.text, box.text = box.text, None
    arranged = [run]
    for child in list(box):
        tail, child.tail = child.tail, None
        if _is_block(child):
            run = box.makeelement("p", {})
            run.text = tail
            arranged += [child, run]
        else:
            run.append(child)
            child.tail = tail
    for child in list(box):
        box.remove(child)
    box.extend(item for item in arranged if item.tag != "p" or item.text_content().strip())


def _is_block(element: HtmlElement) -> bool:
    return element.tag in _BLOCKS or any(item.tag in _BLOCKS for item in element.iterdescendants())
