"""The prose of OSCAL controls: parts become lines, inserted parameters become readable.

A parameter without a value reads as NIST prints it: ``[Assignment: organization-defined time period]`` and
``[Selection (one or more): notify the owner; lock the account]``.

Source: NIST SP 800-53 revision 5, chapter 2.2; OSCAL 1.1, "Catalog: parameters and their insertion points".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings

MAX_DEPTH = 16
"""Deepest nesting of controls, parts and parameters; the deepest in SP 800-53 is 6."""

_INSERT = re.compile(r"\{\{\s*(?:insert\s*:\s*)?param\s*[,:]\s*([^\s{},]{1,200})\s*\}\}")
_LINK = re.compile(r"\[([^\[\]]{1,500})\]\([^()\s]{0,500}\)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})(?=\S)([^*]{1,500}?)(?<=\S)\1(?![\w*])")

Parameters = Mapping[str, dict[str, Any]]


MAX_TEXT = 50_000
"""Most characters that one parameter or paragraph may become: parameters that insert others multiply."""


class TooDeepError(ValueError):
    """A control is nested more deeply than any real one."""


def prop(item: dict[str, Any], name: str, classes: tuple[str, ...] = ("",)) -> str:
    """Return the value of a property by its name and class; an empty string if there is none."""
    for wanted in classes:
        for found in mappings(item, "props"):
            if string(found, "name") == name and string(found, "class") == wanted:
                return string(found, "value")
    return ""


def render_parameter(identifier: str, parameters: Parameters, depth: int = 0) -> str:
    """Return what stands in place of a parameter: its value, or an assignment or selection statement.

    Raises:
        TooDeepError: parameters insert each other without end.
    """
    if depth > MAX_DEPTH:
        raise TooDeepError(f"parameter {identifier}")
    parameter = parameters.get(identifier, {})
    values = strings(parameter, "values")
    if values:
        return "; ".join(render_prose(value, parameters, depth + 1) for value in values)
    selection = mapping(parameter, "select")
    choices = [render_prose(choice, parameters, depth + 1) for choice in strings(selection, "choice")]
    if choices:
        several = " (one or more)" if string(selection, "how-many") == "one-or-more" else ""
        if sum(map(len, choices)) > MAX_TEXT:
            raise TooDeepError(f"parameter {identifier}")
        return f"[Selection{several}: {'; '.join(choices)}]"
    label = prop(parameter, "alt-label", ("sp800-53", "")) or string(parameter, "label") or "value"
    return f"[Assignment: {label if label.startswith('organization-defined') else f'organization-defined {label}'}]"


def render_prose(prose: str, parameters: Parameters, depth: int = 0) -> str:
    """Return prose for people: parameters inserted, links and emphasis as plain words, single spaces in a paragraph."""
    text = _INSERT.sub(lambda found: render_parameter(found.group(1), parameters, depth), prose)
    text = _EMPHASIS.sub(r"\2", _LINK.sub(r"\1", text))
    if len(text) > max(MAX_TEXT, len(prose)):
        raise TooDeepError("parameters that multiply")
    # "] ;" is how an insertion point before a semicolon is often written.
    paragraphs = [" ".join(part.split()).replace("] ;", "];") for part in re.split(r"\n\s*\n", text)]
    return "\n\n".join(part for part in paragraphs if part)


def part_lines(part: dict[str, Any], parameters: Parameters, depth: int = 0) -> Iterator[str]:
    """Yield the lines of a part and the parts inside it: label, prose, indented by two spaces a level.

    Raises:
        TooDeepError: nested more deeply than any real control.
    """
    if depth > MAX_DEPTH:
        raise TooDeepError(string(part, "id") or "part")
    label = prop(part, "label") if depth else ""
    prose = render_prose(string(part, "prose"), parameters)
    line = " ".join(piece for piece in (label, prose) if piece)
    if line:
        yield "  " * max(depth - 1, 0) + line
    for inner in mappings(part, "parts"):
        yield from part_lines(inner, parameters, depth + 1)


def part_text(part: dict[str, Any], parameters: Parameters) -> str:
    """Return a whole part as text, one line an item."""
    return "\n".join(part_lines(part, parameters))


def objectives(part: dict[str, Any], parameters: Parameters, depth: int = 0) -> Iterator[dict[str, str]]:
    """Yield the objectives inside a part, in order: ``label`` and ``prose``.

    Raises:
        TooDeepError: nested more deeply than any real control.
    """
    if depth > MAX_DEPTH:
        raise TooDeepError(string(part, "id") or "objective")
    prose = render_prose(string(part, "prose"), parameters)
    if prose:
        yield {"label": prop(part, "label", ("sp800-53a", "")), "prose": prose}
    for inner in mappings(part, "parts"):
        yield from objectives(inner, parameters, depth + 1)
