"""Rules on the quality of answers, adapted from those for web pages to short answers of experts.

Answers of choices are labels and exempt. What was made for pages of thousands of words is asked only of answers that
are long enough; code blocks and lists are normal here, so C4's rule on braces and Gopher's on bullets are off.

Sources: Gopher (Rae et al., Scaling Language Models, 2021, A1.1), C4 (Raffel et al., 2020, 2.2), FineWeb (Penedo et
al., The FineWeb Datasets, 2024, 3.6); each rule names its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from secft.config.schemas.curation import QualityConfig
from secft.dataset.clean import comparable
from secft.reasons import Reason
from secft.records import Example

Rule = Callable[[str, Sequence[str], QualityConfig], Reason | None]

_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•‣▪●◦]|\d{1,2}[.)])\s")
_BOILERPLATE = re.compile(
    r"lorem ipsum|(?:enable|turn on|activate|requires?|without) javascript (?:to|in your|for this|enabled)"
    r"|javascript is (?:disabled|not enabled|required)|(?:we|this (?:web)?site) uses? cookies|accept (?:all )?cookies"
    r"|cookie (?:policy|preferences|settings) \||all rights reserved\.|subscribe to our newsletter"
    r"|skip to (?:main )?content"
    r"|share (?:this )?on (?:facebook|twitter|linkedin)|terms of (?:use|service) \| ?privacy|click here to continue",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language|language|virtual)\b[^.\n]{0,40}[, ]i(?:'m|'ve)?\b"
    r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|language model|large language model)\b"
    r"|\bmy (?:knowledge cutoff|training data (?:only|does))|\bas of my last (?:update|training)"
    r"|\bi(?:'m| am) (?:sorry|afraid),? (?:but )?i (?:can(?:no|')t|am (?:unable|not able)|won't)"
    r"|^(?:sorry, )?i (?:cannot|can't|am unable to|am not able to) (?:assist|help|comply|provide|fulfill|answer)\b"
    r"|\bi don't have (?:access to|personal) (?:real-time|the internet|opinions)"
    r"|\b(?:the|this) (?:passage|provided (?:text|context|passage)|text above|document above)"
    r" (?:does not|doesn't|states|mentions|says)",
    re.IGNORECASE,
)
_NOTICE_WORDS = (
    "lorem", "javascript", "cookie", "rights reserved", "newsletter", "main content", "skip to content", "share ",
    "terms of", "click here",
)  # fmt: skip
_TALK_WORDS = (
    "as an", "i'm", "i am", "my knowledge", "my training", "as of my", "sorry", "i can", "i don't", "passage",
    "the provided", "this provided", "text above", "document above", "the text", "this text", "this document",
    "the document",
)  # fmt: skip
# No sentence ends so; one that merely lacks its full stop may, and is only held against what a model wrote.
_ENDS_OPEN = re.compile(r"(?:[,;(\[{&+=]|\b(?:and|or|the|an|of|to|with|for|by|that|which|because|such as|is|are))$")
_NO_STOP = re.compile(r"[A-Za-z0-9]$")
_OFTEN = 4
"""What an answer says fewer times is no loop: lists of measures repeat half a sentence."""
REFUSING_TASKS = frozenset({"refuse", "assist"})


def _mean_word(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """Gopher: the mean length of words is 3 to 10; wider here, for identifiers and paths."""
    low, high = settings.mean_word_length
    mean = sum(map(len, words)) / len(words)
    return None if low <= mean <= high else Reason("quality.mean_word")


def _symbols(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """Gopher: at most 0.1 number signs or ellipses per word."""
    count = answer.count("#") + answer.count("...") + answer.count("…")
    return Reason("quality.symbols") if count > settings.max_symbol_share * len(words) else None


def _digits(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """As the digit filters of datatrove and RefinedWeb: text is not mostly numbers."""
    dense = "".join(words)
    count = sum(character.isdigit() for character in dense)
    return Reason("quality.digits") if count > settings.max_digit_share * len(dense) else None


def _alphabetic(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """Gopher: 80 % of words hold a letter; fewer here, for tables of identifiers."""
    with_letter = sum(any(character.isalpha() for character in word) for word in words)
    return Reason("quality.letters") if with_letter < settings.min_alphabetic_share * len(words) else None


def _lines(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """Gopher: at most 30 % of lines end in an ellipsis or repeat an earlier one; 90 % begin with a bullet."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    if len(lines) < 3:
        return None
    if sum(line.endswith(("...", "…")) for line in lines) > settings.max_ellipsis_share * len(lines):
        return Reason("quality.ellipses")
    if sum(bool(_BULLET.match(line)) for line in lines) > settings.max_bullet_share * len(lines):
        return Reason("quality.bullets")
    return Reason("quality.lines") if len(lines) - len(set(lines)) > settings.max_repeated_lines * len(lines) else None


def _repetition(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """Gopher: the commonest 2-, 3- and 4-gram hold at most 20, 18 and 16 % of the characters; 5-grams as a share."""
    if len(words) < settings.repetition_words:
        return None
    total = sum(map(len, words))
    for size, limit in enumerate(settings.max_top_ngram, start=2):
        grams = Counter(zip(*(words[start:] for start in range(size)), strict=False))
        gram, count = max(grams.items(), key=lambda item: (item[1] * sum(map(len, item[0])), item[0]))
        if count >= _OFTEN and count * sum(map(len, gram)) > limit * total:
            return Reason("quality.ngram", str(size))
    fives = Counter(zip(*(words[start:] for start in range(5)), strict=False))
    repeated = sum(count - 1 for count in fives.values())
    return Reason("quality.fives") if repeated > settings.max_repeated_ngrams * max(1, len(words) - 4) else None


def _says(pattern: re.Pattern[str], words: tuple[str, ...], answer: str) -> bool:
    """Return whether a pattern is found; it is only looked for where one of its words stands."""
    lower = answer.lower()
    return any(word in lower for word in words) and pattern.search(answer) is not None


def _boilerplate(answer: str, words: Sequence[str], settings: QualityConfig) -> Reason | None:
    """C4: lines about JavaScript, cookies and policies, and lorem ipsum; only as notices: they are subjects here."""
    return Reason("quality.boilerplate") if _says(_BOILERPLATE, _NOTICE_WORDS, answer) else None


_PROSE_RULES: tuple[Rule, ...] = (_mean_word, _symbols, _digits, _alphabetic, _lines, _repetition)
_ALWAYS: tuple[Rule, ...] = (_boilerplate,)


def quality_fault(example: Example, settings: QualityConfig) -> Reason | None:
    """Return the rule that an example's answer breaks, or None.

    Args:
        example: cleaned; its last message is the assistant's.
        settings: thresholds.
    """
    answer = example.messages[-1]["content"].strip()
    if example.choices or example.messages[-1].get("tool_calls"):
        return None
    if _echoes(example, answer):
        return Reason("quality.echo")
    if settings.disclaimers and example.task not in REFUSING_TASKS and _says(_DISCLAIMER, _TALK_WORDS, answer):
        return Reason("quality.disclaimer")
    prose = _CODE.sub(" ", answer)
    words = [word for word in prose.split() if any(map(str.isalnum, word))]
    if settings.unfinished and _unfinished(answer, bool(example.provenance.teacher)):
        return Reason("quality.unfinished")
    rules = (*_ALWAYS, *_PROSE_RULES) if len(words) >= settings.prose_words else _ALWAYS
    return next((reason for rule in rules if (reason := rule(answer, words, settings))), None)


def _unfinished(answer: str, by_model: bool) -> bool:
    """C4: lines end in terminal punctuation; asked of the last line of prose only, and strictly of models only."""
    if answer.endswith(("...", "…")):
        return True
    last = answer.rsplit("\n", 1)[-1]
    if answer.count("```") % 2 or _BULLET.match(last) or len(last.split()) < 8:
        return answer.count("```") % 2 == 1 and by_model
    return bool(_ENDS_OPEN.search(last)) or (by_model and bool(_NO_STOP.search(last)))


def _echoes(example: Example, answer: str) -> bool:
    asked = example.messages[-2]["content"] if len(example.messages) > 1 else ""
    return len(asked) < 4 * len(answer) + 20 and comparable(asked) == comparable(answer)
