"""The words of a line of Markdown, and of HTML inside of Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SILENT = re.compile(r"<(script|style|svg)\b[^<>]{0,500}>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_WORDS = "a|abbr|b|big|center|cite|code|del|dfn|em|font|i|img|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|u|var|wbr"
_LINES = (
    "article|aside|blockquote|br|caption|col|colgroup|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li"
    "|main|nav|ol|p|picture|pre|section|source|summary|table|tbody|td|tfoot|th|thead|tr|ul"
)
_ATTRIBUTES = r"(?:\s(?:[^<>\"']|\"[^\"<]{0,2000}\"|'[^'<]{0,2000}'){0,2000})?/?>"
_WORD_TAG = re.compile(rf"</?(?:{_WORDS}){_ATTRIBUTES}", re.IGNORECASE)
_LINE_TAG = re.compile(rf"</?(?:{_LINES}){_ATTRIBUTES}", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,40}\]:?")


def text_of_html(source: str) -> str:
    """Return the words of an HTML block, one line for each of its elements."""
    source = _SILENT.sub("", _COMMENT.sub("", source))
    source = _WORD_TAG.sub("", _LINE_TAG.sub("\n", source))
    lines = [" ".join(line.split()) for line in html.unescape(source).splitlines()]
    return "\n".join(line for line in lines if line)


def _inline_html(source: str) -> str:
    """Return what an inline tag leaves: nothing, a space, or itself where it is no tag of formatting (``<T>``)."""
    if source.startswith("<!--") or _WORD_TAG.fullmatch(source):
        return ""
    return " " if _LINE_TAG.fullmatch(source) else source


def _dunder(parts: Sequence[str], token: Token, after: Token | None) -> str:
    """Return underscores that belong to a name (``__init__``) rather than to bold words."""
    word = after.content if token.type == "strong_open" and after else parts[-1] if parts else ""
    return "__" if _NAME.fullmatch(word) else ""


def inline_text(children: Sequence[Token], line_break: str) -> str:
    """Return the words of a paragraph, a heading, a list item or a cell.

    Args:
        children: tokens of the parser.
        line_break: what a hard line break becomes.
    """
    parts: list[str] = []
    struck = 0
    for token, after in zip_longest(children, children[1:]):
        struck += {"s_open": 1, "s_close": -1}.get(token.type, 0)
        if struck:
            continue
        if token.type == "text":
            parts.append(_FOOTNOTE.sub("", token.content))
        elif token.type == "code_inline":
            parts.append(f"`{token.content}`")
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak":
            parts.append(line_break)
        elif token.type in ("strong_open", "strong_close") and token.markup == "__":
            parts.append(_dunder(parts, token, after))
        elif token.type == "html_inline":
            parts.append(line_break if token.content.lower().startswith("<br") else _inline_html(token.content))
    lines = [" ".join(line.split()) for line in "".join(parts).split("\n")]
    return "\n".join(line for line in lines if line)


def is_anchor_link(children: Sequence[Token]) -> bool:
    """Say whether a text is nothing but a link into the same document."""
    seen = [token for token in children if token.type != "text" or token.content.strip()]
    if len(seen) < 3 or seen[0].type != "link_open" or seen[-1].type != "link_close":
        return False
    links = [token for token in seen if token.type == "link_open"]
    return len(links) == 1 and str(links[0].attrGet("href") or "").startswith("#")
