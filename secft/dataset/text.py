"""Text as people read it: whitespace, sentences, cuts that end where a sentence ends."""

from __future__ import annotations

import re

# Abbreviations whose full stop does not end a sentence.
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.", "cf.", "approx.", "incl.", "Inc.", "No.", "Fig.", "U.S.", "Sr.", "Dr.")
_SENTENCE_END = re.compile(r"[.!?:][\"')\]”’]*(?=\s+[\"'(\[“‘`]?[A-Z0-9])|[.!?][\"')\]”’]*(?=\s*$)|(?=\n)")


def squeeze(text: str) -> str:
    """Put a text on one line: every run of white space becomes one space."""
    return " ".join(text.split())


def paragraphs(text: str) -> str:
    """Tidy a text of several lines: no spaces at line ends, at most one empty line in a row."""
    lines = [squeeze(line) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def sentences(text: str) -> list[str]:
    """Split a text into sentences; line breaks always separate, abbreviations such as ``e.g.`` never do."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        piece = text[start : match.end()]
        if match.group().endswith(":") or (
            piece.endswith(_ABBREVIATIONS) and text[match.end() : match.end() + 1] != "\n"
        ):
            continue
        if piece.strip():
            found.append(piece.strip())
        start = match.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def cut(text: str, limit: int) -> str:
    """Return as many whole sentences from the start of a text as fit, on one line.

    Args:
        text: any text; what ends in an ellipsis was cut by its owner and is not a whole sentence.
        limit: most characters of the result.

    Returns:
        The longest run of whole sentences of at most ``limit`` characters; empty if the first one is longer.
    """
    result = ""
    whole = sentences(text)
    if whole and whole[-1].endswith(("...", "…")):
        whole.pop()
    for sentence in whole:
        longer = f"{result} {squeeze(sentence)}".strip()
        if len(longer) > limit:
            break
        result = longer
    # A sentence that only announces a list is useless without the list.
    kept = sentences(result)
    while len(kept) > 1 and kept[-1].endswith(":"):
        kept.pop()
    return " ".join(kept)


def whole_sentences(text: str) -> str:
    """Cut a text that was clipped with ``...`` back to its last full sentence, if it has one."""
    if not text.endswith(("...", "…")):
        return text
    complete = [sentence for sentence in sentences(text.removesuffix("...").removesuffix("…")) if sentence]
    kept = [sentence for sentence in complete[:-1] if sentence[-1] in ".!?\"')]”’"]
    last = complete[-1] if complete else ""
    if last and re.search(r"[.!?][\"')\]”’]*$", last) and not last.endswith(_ABBREVIATIONS):
        kept.append(last)
    return " ".join(kept) if kept else text
