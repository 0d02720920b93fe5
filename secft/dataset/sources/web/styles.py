"""The few things of CSS that hide text: declarations of style attributes and of simple rules of style elements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Declarations = Mapping[str, str]

MAX_SHEET = 1 << 18
MAX_RULES = 5000

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?", re.I)
_NUMBER = re.compile(r"\s*(-?(?:\d+\.?\d*|\.\d+))\s*(px|pt|em|rem|%|vw|vh|)\s*", re.I)
_PROPERTIES = frozenset({
    "display", "visibility", "opacity", "font-size", "color", "background", "background-color", "background-image",
    "position", "left", "top", "right", "text-indent", "width", "height", "max-height", "max-width", "overflow",
    "overflow-x", "overflow-y", "clip", "clip-path", "transform",
})  # fmt: skip
_COLOURS = {
    "white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245), "ghostwhite": (248, 248, 255), "floralwhite": (255, 250, 240),
    "azure": (240, 255, 255), "mintcream": (245, 255, 250), "red": (255, 0, 0), "green": (0, 128, 0),
    "blue": (0, 0, 255), "yellow": (255, 255, 0), "gray": (128, 128, 128), "grey": (128, 128, 128),
}  # fmt: skip

Colour = tuple[int, int, int]


@dataclass
class StyleRules:
    """Rules whose selector is a tag, a class, an id, or a tag with one of them; the last rule wins.

    Attributes:
        found: (tag or "", ``.`` or ``#`` or "", name or "") -> declarations.
    """

    found: dict[tuple[str, str, str], dict[str, str]] = field(default_factory=dict)

    def of(self, tag: str, classes: str, identifier: str) -> dict[str, str]:
        """Return the declarations for an element, the more exact ones last."""
        if not self.found:
            return {}
        keys = [(tag, "", "")]
        for name in classes.split()[:50]:
            keys += [("", ".", name), (tag, ".", name)]
        if identifier:
            keys += [("", "#", identifier), (tag, "#", identifier)]
        merged: dict[str, str] = {}
        for key in keys:
            merged |= self.found.get(key, {})
        return merged


def declarations(text: str) -> dict[str, str]:
    """Return the declarations of a style that could hide text: property -> value, lower case."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        name = name.strip().lower()
        if colon and name in _PROPERTIES:
            found[name] = value.lower().replace("!important", "").strip()
    return found


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield (selectors, declarations) of the outermost level; what stands inside ``@media`` and the like is left."""
    position, length = 0, len(sheet)
    while position < length:
        opened = sheet.find("{", position)
        if opened < 0:
            return
        prelude = sheet[position:opened].rsplit(";", 1)[-1].strip()
        closed = _closing(sheet, opened) if prelude.startswith("@") else sheet.find("}", opened)
        closed = length if closed < 0 else closed
        if not prelude.startswith("@"):
            yield prelude, sheet[opened + 1 : closed]
        position = closed + 1


def _closing(sheet: str, opened: int) -> int:
    depth = 0
    for brace in re.finditer(r"[{}]", sheet[opened:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return opened + brace.start()
    return -1


def style_rules(sheets: Iterator[str]) -> StyleRules:
    """Read style elements; selectors that are not simple are left out."""
    rules = StyleRules()
    for sheet in sheets:
        for selectors, body in _rules(_COMMENT.sub(" ", sheet[:MAX_SHEET])):
            found = declarations(body)
            for selector in selectors.split(",") if found else ():
                simple = _SIMPLE.fullmatch(selector.strip())
                if simple and simple[0] and len(rules.found) < MAX_RULES:
                    key = ((simple[1] or "").lower(), simple[2] or "", simple[3] or "")
                    rules.found.setdefault(key, {}).update(found)
    return rules


def number(value: str | None) -> float | None:
    """Return a CSS length without its unit, or None if it is not one."""
    match = _NUMBER.fullmatch(value or "")
    return float(match[1]) if match else None


def colour(value: str | None) -> Colour | str | None:
    """Return a colour; ``"transparent"``; ``"unknown"`` for what is not understood; None for no value."""
    if not value:
        return None
    if value in ("transparent", "rgba(0,0,0,0)", "rgba(0, 0, 0, 0)"):
        return "transparent"
    if value in _COLOURS:
        return _COLOURS[value]
    if re.fullmatch(r"#[0-9a-f]{3,4}", value):
        return int(value[1] * 2, 16), int(value[2] * 2, 16), int(value[3] * 2, 16)
    if re.fullmatch(r"#[0-9a-f]{6}(?:[0-9a-f]{2})?", value):
        return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)
    match = re.fullmatch(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)", value)
    if match:
        faint = match[4] is not None and (number(match[4]) or 0) <= (5 if match[5] else 0.05)
        return "transparent" if faint else (int(match[1]), int(match[2]), int(match[3]))
    return "unknown"
