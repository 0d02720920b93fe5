"""Bytes of a page to text, and text to a tree, within bounds.

The encoding is the one of a byte order mark, of the HTTP header, of the page's own declaration, UTF-8 where the bytes
are valid UTF-8, or a detected one, in this order. Bytes that the encoding does not have become U+FFFD and are counted.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from secft.reasons import Reason

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MAX_ELEMENTS = 200_000
"""Pages with more elements are refused: finding their main text would take minutes."""

_DECLARED_WITHIN = 4096
_DETECTED_WITHIN = 1 << 16
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(
    rb"""<(?:meta\s[^>]{0,300}?charset|\?xml\s[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.I
)
_HEADER = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.I)
# Only these: among the codecs of Python are some that are no encodings of pages, and slow on purpose-made input.
_ENCODINGS = re.compile(
    r"utf-?8|utf-?16-?(le|be)?|us-ascii|ascii|(iso-?8859|iso8859|windows|cp|x-mac|koi8)-?[\w]{1,9}|latin-?1|macintosh"
    r"|shift[_-]jis|sjis|euc-(jp|kr)|gb2312|gbk|gb18030|big5(-hkscs)?|tis-620"
)
_AS_BROWSERS = {"iso-8859-1": "windows-1252", "latin1": "windows-1252", "latin-1": "windows-1252", "ascii": "utf-8",
                "us-ascii": "utf-8"}  # fmt: skip


_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class BadPage(ValueError):
    """A page that becomes no document.

    Attributes:
        reason: why not.
        detail: what was found.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.text()}: {detail}")


def decode_page(data: bytes, content_type: str = "") -> tuple[str, int]:
    """Return the text of a page and how many of its characters could not be read and were replaced.

    Args:
        data: the bytes.
        content_type: the HTTP header, or an empty string.
    """
    encoding, data = _encoding(data, content_type)
    text = data.decode(encoding, "replace")
    own = data.count("\ufffd".encode(encoding, "ignore") or b"\x00\x00\x00") if encoding == "utf-8" else 0
    return _CONTROL.sub("", text), max(0, text.count("\ufffd") - own)


def _encoding(data: bytes, content_type: str) -> tuple[str, bytes]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding, data[len(mark) :]
    header = _HEADER.search(content_type)
    meta = _META.search(data[:_DECLARED_WITHIN])
    for name in (header and header[1], meta and meta[1].decode("ascii", "replace")):
        known = _known(name or "")
        # A page whose bytes declare themselves in ASCII is not UTF-16, whatever it says.
        if known and not (known.startswith("utf-16") and name and meta and name.encode() == meta[1]):
            return known, data
    try:
        data.decode("utf-8")
        return "utf-8", data
    except UnicodeDecodeError:
        return _detected(data), data


def _known(name: str) -> str | None:
    name = name.strip().lower()
    if not _ENCODINGS.fullmatch(name):
        return None
    try:
        return codecs.lookup(_AS_BROWSERS.get(name, name)).name
    except LookupError:
        return None


def _detected(data: bytes) -> str:
    """Guess; mostly valid UTF-8 with few broken bytes stays UTF-8."""
    text = data.decode("utf-8", "replace")
    broken, beyond_ascii = text.count("\ufffd"), sum(not character.isascii() for character in text)
    if broken * 4 < beyond_ascii:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_DETECTED_WITHIN]).best()
    return (best and _known(best.encoding.replace("_", "-"))) or "cp1252"


def parse_page(text: str) -> HtmlElement:
    """Return the tree of a page, however broken, without comments.

    Raises:
        BadPage: it has no element at all, or far too many.
    """
    from lxml import etree, html

    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False, no_network=True, recover=True
    )
    try:
        tree = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise BadPage(Reason("web.not_html"), str(error)[:200]) from None
    elements = sum(1 for element in tree.iter() if _clean(element))
    if elements > MAX_ELEMENTS:
        raise BadPage(Reason("web.too_many_elements"), f"{elements:,}, allowed are {MAX_ELEMENTS:,}")
    return tree


def _clean(element: HtmlElement) -> bool:
    """Remove control characters that were written as references (``&#27;``), which no tree takes back; always true."""
    for name in ("text", "tail"):
        text = getattr(element, name)
        if text and _CONTROL.search(text):
            setattr(element, name, _CONTROL.sub("", text))
    for key, value in element.attrib.items():
        if _CONTROL.search(value):
            element.attrib[key] = _CONTROL.sub("", value)
    return True
