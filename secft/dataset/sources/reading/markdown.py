"""Markdown as blocks of plain text: headings, paragraphs, lists, tables and code, in reading order.

Links become their words. Left out: HTML comments and tags, images and badges, tables of contents, link definitions,
front matter, struck-out words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.reading.markdown_inline import inline_text, is_anchor_link, text_of_html
from secft.errors import InputError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_CHARACTERS = 1 << 20
"""Longest text that is parsed; at most about 20 seconds for the worst of this size."""
MAX_BRACKETS = 10_000
"""Most opening brackets: the time for those that are never closed grows with their square."""
BOLD_LEVEL = 7
"""Level of a paragraph in bold that stands for a heading: below all real ones."""

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?:(?!---).*\n){0,200}---[ \t]*\n")
_CONTENTS = re.compile(r"(table of )?contents|toc", re.IGNORECASE)
_TOC = re.compile(r"\[{1,2}_?TOC_?\]{1,2}", re.IGNORECASE)
_CALLOUT = re.compile(r"^\[!(\w+)\]\s*")
_FENCE = "```"


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": 40}).enable(["table", "strikethrough"])


class _Walker:
    """Turns the parser's flat list of tokens into blocks.

    Attributes:
        blocks: what was found so far.
        marks: for each open list, what stands before its next item; None once the item has begun.
        lines: items of the outermost open list.
        anchors: for each of those, whether it is nothing but a link into the same document.
        rows: rows of the open table.
        cells: cells of the open row.
    """

    def __init__(self, bold_headings: bool) -> None:
        self.bold_headings = bold_headings
        self.blocks: list[TextBlock] = []
        self.marks: list[str | None] = []
        self.lines: list[str] = []
        self.anchors: list[bool] = []
        self.rows: list[str] = []
        self.cells: list[str] | None = None
        self.heading = 0

    def walk(self, tokens: Iterable[Token]) -> list[TextBlock]:
        """Return the blocks of a document."""
        steps: dict[str, Callable[[Token], None]] = {
            "heading_open": self._open_heading,
            "heading_close": self._close_heading,
            "bullet_list_open": self._open_list,
            "ordered_list_open": self._open_list,
            "bullet_list_close": self._close_list,
            "ordered_list_close": self._close_list,
            "list_item_open": self._open_item,
            "tr_open": self._open_row,
            "tr_close": self._close_row,
            "table_close": self._close_table,
            "inline": self._inline,
            "fence": self._code,
            "code_block": self._code,
            "html_block": self._html,
        }
        for token in tokens:
            step = steps.get(token.type)
            if step is not None:
                step(token)
        return self.blocks

    def _open_heading(self, token: Token) -> None:
        self.heading = int(token.tag[1:])

    def _close_heading(self, token: Token) -> None:
        self.heading = 0

    def _open_list(self, token: Token) -> None:
        self.marks.append(None)

    def _close_list(self, token: Token) -> None:
        self.marks.pop()
        if not self.marks:
            self._end_list()

    def _open_item(self, token: Token) -> None:
        self.marks[-1] = f"{token.info}{token.markup} " if token.info else "- "

    def _end_list(self) -> None:
        """Add the list so far as a block, unless it is a table of contents."""
        if len(self.lines) > 1 and all(self.anchors):
            self._drop_contents()
        elif self.lines:
            self.blocks.append(TextBlock("list", "\n".join(self.lines)))
        self.lines, self.anchors = [], []

    def _drop_contents(self) -> None:
        """Take back the heading of a table of contents that is left out."""
        if self.blocks and self.blocks[-1].kind == "heading" and _CONTENTS.fullmatch(self.blocks[-1].text):
            self.blocks.pop()

    def _open_row(self, token: Token) -> None:
        self.cells = []

    def _close_row(self, token: Token) -> None:
        if self.cells and any(self.cells):
            self.rows.append(" | ".join(self.cells))
        self.cells = None

    def _close_table(self, token: Token) -> None:
        self._end_list()
        if self.rows:
            self.blocks.append(TextBlock("table", "\n".join(self.rows)))
        self.rows = []

    def _inline(self, token: Token) -> None:
        children = token.children or []
        if self.cells is not None:
            self.cells.append(inline_text(children, " ").replace(" | ", " / "))
        elif self.marks:
            self._item(inline_text(children, " "), is_anchor_link(children))
        elif self.heading:
            self._add("heading", inline_text(children, " ").replace("`", ""), self.heading)
        elif not is_anchor_link(children):
            self._paragraph(children)

    def _item(self, text: str, anchor: bool) -> None:
        if not text:
            return
        mark = self.marks[-1]
        if mark is None and self.lines:
            self.lines[-1] += f" {text}"
            self.anchors[-1] = False
            return
        self.lines.append("  " * (len(self.marks) - 1) + (mark or "- ") + text)
        self.anchors.append(anchor)
        self.marks[-1] = None

    def _paragraph(self, children: list[Token]) -> None:
        text = _CALLOUT.sub("", inline_text(children, "\n"))
        if self.bold_headings and _is_bold(children) and len(text) < 100:
            self._add("heading", text.rstrip(":"), BOLD_LEVEL)
        elif _TOC.fullmatch(text):
            self._drop_contents()
        else:
            self._add("text", text)

    def _code(self, token: Token) -> None:
        self._end_list()
        content = token.content.strip("\n")
        if content.strip():
            fence = token.markup if token.markup.startswith(_FENCE) else _FENCE
            language = token.info.split()[0] if token.info.split() else ""
            self._add("code", f"{fence}{language}\n{content}\n{fence}")

    def _html(self, token: Token) -> None:
        text = text_of_html(token.content)
        if text and not self.marks:
            self._add("text", text)
        elif text:
            self._item(" ".join(text.split()), False)

    def _add(self, kind: str, text: str, level: int = 0) -> None:
        if text.strip():
            self.blocks.append(TextBlock(kind, text.strip() if kind != "code" else text, level))  # type: ignore[arg-type]


def _is_bold(children: list[Token]) -> bool:
    """Say whether a paragraph is one run of bold words, perhaps with a colon after it."""
    kinds = [child.type for child in children if child.type != "text" or child.content.strip(" :")]
    return kinds[:1] == ["strong_open"] and kinds[-1:] == ["strong_close"] and kinds.count("strong_open") == 1


def blocks_of(markdown: str, bold_headings: bool = False) -> list[TextBlock]:
    """Return the blocks of a Markdown text.

    Args:
        markdown: CommonMark with tables.
        bold_headings: a paragraph that is bold as a whole is a heading of level 7.

    Raises:
        InputError: longer than 1 MiB, or with more than 10,000 opening brackets.
    """
    if len(markdown) > MAX_CHARACTERS:
        raise InputError(f"a Markdown text of {len(markdown):,} characters is longer than {MAX_CHARACTERS:,}")
    if markdown.count("[") > MAX_BRACKETS:
        raise InputError(f"a Markdown text with more than {MAX_BRACKETS:,} opening brackets")
    text = markdown.replace("\r\n", "\n").replace("\N{NO-BREAK SPACE}", " ").replace("\N{ZERO WIDTH SPACE}", "")
    tokens = _parser().parse(_FRONT_MATTER.sub("", text))
    return _Walker(bold_headings).walk(tokens)


def plain_text(blocks: Iterable[TextBlock]) -> str:
    """Return blocks as paragraphs separated by empty lines."""
    return "\n\n".join(block.text for block in blocks)


def without_sections(blocks: Iterable[TextBlock], unwanted: re.Pattern[str]) -> tuple[list[TextBlock], list[str]]:
    """Leave out whole sections by their heading.

    Args:
        blocks: a document.
        unwanted: searched in each heading; its section goes on to the next heading of the same or a higher level.

    Returns:
        The blocks that are left, and the headings of the sections that are not.
    """
    kept: list[TextBlock] = []
    omitted: list[str] = []
    inside = 0
    for block in blocks:
        if block.kind == "heading" and (not inside or block.level <= inside):
            inside = block.level if unwanted.search(block.text) else 0
            omitted += [block.text] if inside else []
        if not inside:
            kept.append(block)
    return kept, omitted
