"""The details of an advisory, usually Markdown, as text without proofs of concept."""

from __future__ import annotations

import re
from collections.abc import Iterable

from secft.dataset.chunk import TextBlock
from secft.dataset.sources.reading.markdown import BOLD_LEVEL, MAX_CHARACTERS, blocks_of, plain_text, without_sections
from secft.dataset.text import paragraphs
from secft.errors import InputError

_MARKDOWN = re.compile(
    r"^\s{0,3}(?:#{1,6} |```|~~~|[-*+] |\d{1,9}[.)] |>|\|)|`|\]\(|\*\*|\]: |^(?:===|---)", re.MULTILINE
)
_PROOF = (
    r"\b(?:p\.?o\.?c\.?s?|proofs?[ -]of[ -]concepts?|exploits?|exploitation|exploit (?:code|script)|reproduc\w+|"
    r"repro|demonstrations?|demo|attack (?:scenarios?|examples?|steps|payloads?)|(?:example|malicious) payloads?)\b"
)
UNWANTED = re.compile(
    rf"^(?!.*\b(?:impact|mitigat\w*|prevent\w*|detect\w*|fix\w*|patch\w*|workarounds?)\b).*{_PROOF}", re.IGNORECASE
)
"""Headings of sections that show how to attack."""
_OPENING = re.compile(rf"^(?:steps to )?{_PROOF}(?: is)?\s*(?:\([^)]{{0,40}}\))?\s*:", re.IGNORECASE)
_LABEL = re.compile(
    rf"^(?:the |a |full |simple |steps to |how to )*{_PROOF}(?: code| script| steps)?\s*[:.]?$", re.IGNORECASE
)


def _labelled(blocks: Iterable[TextBlock]) -> list[TextBlock]:
    """Turn a line such as ``PoC:`` into the heading that it stands for, and leave a line with its proof as it is."""
    return [
        TextBlock("heading", block.text.rstrip(":."), BOLD_LEVEL)
        if block.kind == "text" and len(block.text) < 80 and _LABEL.match(block.text)
        else block
        for block in blocks
    ]


def _without_openings(blocks: list[TextBlock]) -> tuple[list[TextBlock], int]:
    """Leave out paragraphs that begin with ``PoC: ``, with the code that follows."""
    kept: list[TextBlock] = []
    omitted = 0
    inside = False
    for block in blocks:
        inside = (inside and block.kind == "code") or (block.kind == "text" and bool(_OPENING.match(block.text)))
        omitted += inside and block.kind == "text"
        if not inside:
            kept.append(block)
    return kept, omitted


def read_details(details: str) -> tuple[str, int]:
    """Return details as paragraphs separated by empty lines, and how many sections were left out.

    Sections whose heading names a proof of concept, an exploit or steps to reproduce are left out up to the next
    heading of the same level. Code of other sections is kept.

    Raises:
        InputError: too long, or too many brackets.
    """
    if len(details) > MAX_CHARACTERS:
        raise InputError(f"details of {len(details):,} characters are longer than {MAX_CHARACTERS:,}")
    if not _MARKDOWN.search(details):
        blocks = [TextBlock("text", text) for text in re.split(r"\n{2,}", paragraphs(details))]
    else:
        blocks = blocks_of(details, bold_headings=True)
    kept, sections = without_sections(_labelled(blocks), UNWANTED)
    kept, paragraphs_omitted = _without_openings(kept)
    return plain_text(kept).strip(), len(sections) + paragraphs_omitted
