"""Take out of a page what people do not see: it must not become knowledge, and it is where instructions hide.

Judged from the page alone: ``hidden`` and ``aria-hidden``, ``template``, and styles (attributes and simple rules of the
page's own style elements) that show nothing: display none, invisible, transparent, tiny, off the screen, cut away, or
in the colour of the background. Style sheets in other files are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secft.dataset.sources.web.styles import Colour, Declarations, StyleRules, colour, declarations, number, style_rules

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_WHITE = (255, 255, 255)
_TOO_FAINT = 30
"""Sum of the differences of red, green and blue below which text cannot be told from its background."""
_TINY = 2.0
_FAR = -900.0
_ROOTS = ("html", "head", "body")
_NEVER_TEXT = ("script", "style")
_WORD = re.compile(r"\w")


@dataclass(frozen=True)
class _Look:
    """How text of an element looks; children inherit it. A colour that is None is not known."""

    ink: Colour | str | None = None
    paper: Colour | str = _WHITE
    tiny: bool = False
    invisible: bool = False

    @property
    def unseen(self) -> bool:
        if self.tiny or self.invisible or self.ink == "transparent":
            return True
        if isinstance(self.ink, str) or isinstance(self.paper, str) or self.ink is None:
            return False
        return sum(abs(one - other) for one, other in zip(self.ink, self.paper, strict=True)) < _TOO_FAINT


def remove_hidden(tree: HtmlElement) -> int:
    """Remove hidden text from a tree, in place.

    Returns:
        The number of letters and digits that were removed.
    """
    rules = style_rules(sheet.text or "" for sheet in tree.iter("style"))
    removed = 0
    pending: list[tuple[HtmlElement, _Look]] = [(tree, _Look())]
    while pending:
        element, look = pending.pop()
        if not isinstance(element.tag, str) or element.tag in _NEVER_TEXT:
            continue
        style = _style(element, rules)
        if element.tag not in _ROOTS and (_is_hidden(element) or _shows_nothing(style)):
            removed += _letters("".join(element.itertext()))
            element.drop_tree()
            continue
        element.attrib.pop("style", None)  # it was judged; finders of main text would judge by its words alone
        look = _look(look, style)
        if look.unseen:
            removed += _blank(element)
        pending += [(child, look) for child in element]
    return removed


def _style(element: HtmlElement, rules: StyleRules) -> dict[str, str]:
    found = rules.of(element.tag, element.get("class", ""), element.get("id", ""))
    own = element.get("style")
    if own:
        found |= declarations(own)
    if element.tag == "font" and element.get("color"):
        found["color"] = element.get("color", "").lower()
    if element.get("bgcolor"):
        found.setdefault("background-color", element.get("bgcolor", "").lower())
    return found


def _is_hidden(element: HtmlElement) -> bool:
    return "hidden" in element.attrib or element.get("aria-hidden", "").lower() == "true" or element.tag == "template"


def _shows_nothing(style: Declarations) -> bool:
    if not style:
        return False
    opacity = number(style.get("opacity"))
    return (
        style.get("display") == "none"
        or (opacity is not None and opacity <= 0.05)
        or _is_far_away(style)
        or _is_cut_away(style)
        or re.search(r"scale[xy3d]*\(\s*0(?:\.0*)?\s*[,)]", style.get("transform", "")) is not None
    )


def _is_far_away(style: Declarations) -> bool:
    names = ["text-indent"]
    if style.get("position") in ("absolute", "fixed"):
        names += ["left", "top", "right"]
    return any((number(style.get(name)) or 0) <= _FAR for name in names)


def _is_cut_away(style: Declarations) -> bool:
    shown = style.get("overflow", style.get("overflow-y", style.get("overflow-x", "visible")))
    sizes = [number(style.get(name)) for name in ("width", "height", "max-width", "max-height")]
    if shown in ("hidden", "clip") and any(size is not None and size <= 1 for size in sizes):
        return True
    clipped = re.match(r"rect\(\s*(0|1px|0px)\b[\s,]+(0|1px|0px)\b", style.get("clip", ""))
    return clipped is not None or re.match(r"inset\(\s*(50|100)%", style.get("clip-path", "")) is not None


def _look(inherited: _Look, style: Declarations) -> _Look:
    if not style:
        return inherited
    look = inherited
    ink = colour(style.get("color"))
    if ink is not None and style.get("color") not in ("inherit", "currentcolor"):
        look = replace(look, ink=ink)
    paper = _paper(style)
    if paper is not None:
        look = replace(look, paper=paper)
    size = style.get("font-size")
    if size is not None:
        look = replace(look, tiny=_is_tiny(size, inherited.tiny))
    if "visibility" in style:
        look = replace(look, invisible=style["visibility"] in ("hidden", "collapse"))
    return look


def _paper(style: Declarations) -> Colour | str | None:
    """Return the background that a style sets; one that is partly an image, or not understood, is unknown."""
    if (
        "background-image" in style
        or "url(" in style.get("background", "")
        or "gradient" in style.get("background", "")
    ):
        return "unknown"
    paper = colour(style.get("background-color") or style.get("background"))
    return None if paper == "transparent" else paper


def _is_tiny(size: str, inherited: bool) -> bool:
    value = number(size)
    if value is None:
        return False
    if size.endswith(("em", "%")) and not size.endswith("rem"):
        return inherited or value < (10 if size.endswith("%") else 0.1)
    return value < (0.1 if size.endswith(("rem", "vw", "vh")) else _TINY)


def _blank(element: HtmlElement) -> int:
    """Remove the text that stands directly in an element."""
    removed = _letters(element.text or "")
    element.text = None
    for child in element:
        removed += _letters(child.tail or "")
        child.tail = None
    return removed


def _letters(text: str) -> int:
    return len(_WORD.findall(text))
