"""All reasons in one table."""

from __future__ import annotations

from secft.reasons.curation import CURATION
from secft.reasons.fetching import FETCHING, FETCHING_BEFORE
from secft.reasons.sources import SOURCES, SOURCES_BEFORE
from secft.reasons.teacher import TEACHER
from secft.reasons.templates import TEMPLATES
from secft.reasons.words import Words

TABLES: tuple[Words, ...] = (CURATION, TEACHER, SOURCES, FETCHING, TEMPLATES)

WORDS: Words = {code: words for table in TABLES for code, words in table.items()}
"""Code -> words in English and Spanish, with ``{0}`` for a value."""

WORDS_BEFORE: dict[str, str] = {**SOURCES_BEFORE, **FETCHING_BEFORE}
"""English words of earlier versions -> code, where they are not those of today; ``{n}`` for a number."""

SPLIT_RULES = tuple(code.removeprefix("split.by.") for code in WORDS if code.startswith("split.by."))
"""Values of ``curation.split.by``; what each keeps together stands in secft/dataset/split.py."""
