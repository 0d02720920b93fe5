"""Task ``guidance``: the heading of a section of a guide as a question, and its text as the answer.

Only sections that read well alone are taken: not the middle of a longer one, nothing that points to what stands before
it, no tables, no lists of sources, and no code where the text is about attacks.
"""

from __future__ import annotations

import re
from random import Random

from secft.dataset.templates.passage import FENCE, passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip
from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Document

_NUMBER = re.compile(
    r"^(?:(?:appendix|chapter|section|rule|step|part|tip|control)\s+)?(?:[A-Z]?\d+(?:\.\d+)*|[A-Z](?:\.\d+)*)[.:)]?\s+(?=\S)",
    re.I,
)
_BEGINNING = re.compile(
    r"^(introduction|overview|summary|abstract|control objective|what is this|about( this.*)?|objectives?)$", re.I
)
_UNASKED = re.compile(
    r"\b(references?|further reading|related|contributors?|authors?|credits|acknowledge?ments?|change ?log|history|"
    r"glossary|table of contents|contents|copyright|licen[cs]e|todo|fixme|external|resources?|see also|contacts?|"
    r"appendix|preface|frontispiece|about owasp|release notes|feedback|disclaimer|downloads?|sponsors?|examples?|"
    r"tools|links|what changed|changes? (from|compared)|how to use|conventions|availability|deprecated|version)\b",
    re.I,
)
_OFFENSIVE = re.compile(r"\b(payloads?|evasion|exploit\w*|attack (examples?|scenarios?|strings?)|cheating)\b", re.I)
_POINTS_BACK = re.compile(
    r"^(this|these|those|it|its|they|however|but|also|additionally|moreover|furthermore|therefore|thus|hence|and|or|so|"
    r"such|then|both|another|other|others|in addition|in this case|as (mentioned|described|shown|stated|noted)|if so|"
    r"otherwise|instead|alternatively|similarly|likewise|again|still|finally|next|second|third|lastly|"
    r"on the other hand|the (above|previous|following|former|latter|same)|for example|for instance|e\.g|note|here|"
    r"below|see|please note)\b",
    re.I,
)
_OF_A_WHOLE = re.compile(r"^this (cheat ?sheet|article|guide|document|manual|page|standard|checklist)\b", re.I)
_ASIDE = re.compile(r"\s*\((?:see|cf\.?) [^()]*\)|(?<=[\w.,;)])\[\d{1,3}\](?!\w)", re.I)
"""References to other places: in brackets, and marks of footnotes."""
_ELSEWHERE = re.compile(
    r"(?<!and )(?<!or )\b(above|below)\b(?! all)|"
    r"\b(as|see|shown|mentioned|described|listed|discussed|noted|given)\s+(earlier|previously|before)\b|"
    r"\b(previous|preceding|following|next) (section|chapter|figure|table|paragraph|code|example|snippet|diagram|image)"
    r"s?\b|\b(figure|table|section|chapter|appendix) [\dA-Z]\b",
    re.I,
)
_ATTACK = re.compile(r"\b(attack\w*|malicious|exploit\w*|inject\w*|payload\w*|vulnerab\w*|bypass\w*|hacker\w*)\b", re.I)
_ABOUT_A_PART = (
    "What does {book} say about {topic}?",
    "What should I know about {topic}, according to {book}?",
    "Give me the advice of {book} on {topic}.",
    "I work on {topic}. What does {book} recommend?",
)
_OF_A_PAGE = (
    "What should I know about {topic}?",
    "Tell me about this in short: {topic}.",
    "{topic}: what matters?",
)
_ABOUT_ALL = ("What is {book} about?", "Introduce {book} to me.", "What does {book} cover?")
_UNFINISHED = re.compile(r"\b(FIXME|TODO|TBD|BE WRITTEN)\b")
_FIRST_HEADING = re.compile(r"\A(?:introduction|overview|summary|control objective)\n+", re.I)
_CHAPTER = re.compile(r"^V\d+\s")
_CODE = re.compile(r"[\[\]{}<>_=;|]")
_SAID_SHORT = {"do": "what to do", "dos": "what to do"}
_DO_NOT = re.compile(r"^(don[’']?ts?|do not|bad|wrong|anti-?patterns?|avoid|mistakes?)$", re.I)
_SHORTEST = 100
_LONGEST_HEADING = 90


def _plain(heading: str) -> str:
    """Return a heading without its number."""
    return _NUMBER.sub("", squeeze(heading)).strip(" .:")


def _book(document: Document) -> str:
    """Return how the whole text is called, in quotation marks; empty for a web page, whose title is a topic."""
    whole = document.fields.get("document") or ""
    name = _plain(whole)
    if document.source != "owasp":
        return f'"{name}"' if name else ""
    if _CHAPTER.match(whole):
        return f'the chapter "{name}" of OWASP\'s ASVS'
    return f'"{name}"' if name.startswith("OWASP") else f'OWASP\'s "{name}"'


def _headings(document: Document) -> list[str]:
    """Return the headings below the name of the whole text, without numbers."""
    fields = document.fields
    whole = squeeze(fields.get("document") or fields.get("page_title") or "")
    found = [heading for heading in fields.get("headings") or [] if squeeze(heading) != whole]
    return [plain for plain in map(_plain, found) if plain]


def _goes_on(document: Document, setting: Setting) -> bool:
    """Tell whether the chunk before this one has the same headings."""
    head, mark, number = document.id.rpartition("#")
    before = setting.documents.get(f"{head}#{int(number) - 1}") if mark and number.isdecimal() else None
    return before is not None and before.fields.get("headings") == document.fields.get("headings")


def _heading_fault(names: list[str]) -> Reason | None:
    if any(len(name) > _LONGEST_HEADING for name in names[-2:]):
        return Reason("template.sentence_heading")
    if any(_CODE.search(name) for name in names[-2:]):
        return Reason("template.code_heading")
    if _OFFENSIVE.search(" / ".join(names)):
        return Reason("template.about_attacks")
    if _DO_NOT.match(names[-1]):
        return Reason("template.not_to_do")
    return Reason("template.asks_nothing") if any(_UNASKED.search(name) for name in names) else None


def _text_fault(text: str, of_whole: bool) -> Reason | None:
    prose = text.split(FENCE)[0].strip()
    if " | " in text:
        return Reason("template.table")
    if len(prose) < _SHORTEST:
        return Reason("template.little_prose")
    if _POINTS_BACK.match(prose.lstrip("-* ")) and not (of_whole and _OF_A_WHOLE.match(prose)):
        return Reason("template.points_back")
    if not re.match(r"[\"'“‘`(\-*]*\s*[A-Z0-9]", prose):
        return Reason("template.mid_sentence")
    if _ELSEWHERE.search(text):
        return Reason("template.points_elsewhere")
    if _UNFINISHED.search(text):
        return Reason("template.unfinished")
    return Reason("template.attack_code") if FENCE in text and _ATTACK.search(text) else None


def _topic(headings: list[str]) -> str:
    """Return the last heading with the one above it: ``Local Storage (Storage APIs)``."""
    last, above = headings[-1], headings[-2] if len(headings) > 1 else ""
    last = _SAID_SHORT.get(last.lower(), last)
    return f"{last} ({above})" if above and above.lower() not in last.lower() else last


def _question(headings: list[str], book: str, dice: Random) -> str:
    if not headings:
        return dice.choice(_ABOUT_ALL).format(book=book)
    if headings[-1].endswith("?"):
        context = " of ".join([f'"{headings[-2]}"' if len(headings) > 1 else "", book]).removeprefix(" of ")
        return f"{headings[-1]} (I ask about {context.removesuffix(' of ')}.)" if context else headings[-1]
    return dice.choice(_ABOUT_A_PART if book else _OF_A_PAGE).format(book=book, topic=_topic(headings))


def _without_asides(text: str) -> str:
    """Return a text without references to other places; code, where such marks are indices, stays as it is."""
    parts = text.split(FENCE)
    return FENCE.join(part if place % 2 else _ASIDE.sub("", part) for place, part in enumerate(parts))


def _asked(document: Document, book: str) -> list[str]:
    """Return the headings that a question names: none for a text as a whole, a page's title where it has no other."""
    fields = document.fields
    headings = _headings(document)
    if headings and _BEGINNING.match(headings[-1]):
        headings.pop()
    title = _plain(fields.get("page_title") or "")
    return headings if headings or book or not title else [title]


def guidance(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask about the heading of a section; the answer is the beginning of its text."""
    if _goes_on(document, setting):
        return Skip(Reason("template.later_part"))
    book = _book(document)
    headings = _asked(document, book)
    if not headings and (not book or document.fields.get("chunk", 1) > 2):
        return Skip(Reason("template.no_heading"))
    text = passage(_FIRST_HEADING.sub("", _without_asides(document.text)), setting.max_answer)
    fault = (_heading_fault(headings) if headings else None) or _text_fault(text, not headings)
    if fault:
        return Skip(fault)
    return [DraftExample(_question(headings, book, dice), text, ("text",))]
