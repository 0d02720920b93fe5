"""Jinja templates of the reports. Values are escaped for what they are put into; a missing value is an error."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from secft.reasons import kind_text, reason_text
from secft.reports.figures import clock

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def markdown(value: Any) -> str:
    """Make any text safe inside a line or a table cell of Markdown: one line, no markup, no HTML."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def code(value: Any) -> str:
    """Make any text a code span that it cannot break out of, also inside a table."""
    text = " ".join(str(value).split()).replace("|", "¦")
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def one_line(value: Any) -> str:
    """Make any text one line without backticks, for the inside of a code block."""
    return " ".join(str(value).split()).replace("`", "'")


@cache
def templates() -> Environment:
    """Return the environment of all templates; names that end in .html are escaped automatically."""
    environment = Environment(
        loader=PackageLoader("secft.reports"),
        autoescape=lambda name: bool(name and ".html" in name),  # noqa: S701  # Markdown is escaped by filters
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        md=markdown,
        code=code,
        one_line=one_line,
        clock=clock,
        reason=reason_text,
        kind=kind_text,
        thousands=lambda number: f"{number:,}",
    )
    return environment


def render(name: str, values: dict[str, Any]) -> str:
    """Fill a template."""
    return templates().get_template(name).render(**values)
