"""Ask trafilatura for the main text of a prepared page, in the ways that keep its structure first."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from secft.dataset.sources.web.decode import BadPage
from secft.reasons import Reason

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_ENOUGH = 200
"""Characters of main text below which the fallbacks are asked too."""
_SIMILAR = 0.8
"""Part of the length of a finding without headings that one with headings must reach."""


def find_main_text(tree: HtmlElement) -> Any:
    """Return trafilatura's tree of the main text.

    Where it knows no region of the page as the main one, it gathers paragraphs alone; told that the whole body is the
    region, it keeps headings and lists too. Its fallbacks know no structure and come last.

    Raises:
        BadPage: there is no main text.
    """
    found = _find(deepcopy(tree), fast=True)
    if _is_bare(found, tree):
        whole = _find(_with_one_region(deepcopy(tree)), fast=True)
        found = whole if _length(whole) >= _length(found) * _SIMILAR else found
    if _length(found) < _ENOUGH:
        rescued = _find(tree, fast=False)
        found = rescued if _length(rescued) > _length(found) else found
    if found is None:
        raise BadPage(Reason("web.no_main_text"))
    return found.body


def _find(tree: HtmlElement, fast: bool) -> Any:
    from trafilatura import bare_extraction

    try:
        # Its own guesses of title, author and date take three quarters of its time; given ones are read here.
        found = bare_extraction(tree, fast=fast, include_comments=False, include_formatting=True, with_metadata=False)
    except Exception as error:  # noqa: BLE001  # what hostile pages make it raise is not documented
        raise BadPage(Reason("web.no_main_text"), f"{type(error).__name__}: {str(error)[:200]}") from None
    return found if found is not None and found.body is not None else None


def _length(found: Any) -> int:
    return 0 if found is None else len(found.text or "")


def _is_bare(found: Any, tree: HtmlElement) -> bool:
    """Tell whether nothing was found, or paragraphs without the headings that the page has."""
    return found is None or (found.body.find(".//head") is None and next(tree.iter("h2", "h3", "h4"), None) is not None)


def _with_one_region(tree: HtmlElement) -> HtmlElement:
    body = tree.find("body")
    if body is not None:
        region = body.makeelement("article", {})
        region.text, body.text = body.text, None
        region.extend(list(body))
        body.append(region)
    return tree
