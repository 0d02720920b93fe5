"""Jinja templates of the reports. Values are escaped for what they are put into; a missing value is an error."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from secft.papers import code, link, markdown, one_line
from secft.reasons import kind_text, reason_text
from secft.reports.figures import clock


def inside_code(value: Any) -> str:
    """Make any text one line without backticks, for the inside of a code block."""
    return one_line(value).replace("`", "'")


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
        one_line=inside_code,
        link=link,
        clock=clock,
        reason=reason_text,
        kind=kind_text,
        thousands=lambda number: f"{number:,}",
    )
    return environment


def render(name: str, values: dict[str, Any]) -> str:
    """Fill a template."""
    return templates().get_template(name).render(**values)
