"""What a written pair must fulfil before it becomes an example; each rule gives a reason.

The rules are lexical on purpose: they are fast, say the same every time, and can be read and argued about. They are
strict on purpose, too: of a weak teacher's pairs few pass, and those are sound. Groundedness by the overlap of content
words goes back to coverage measures of summaries (Grusky et al. 2018, Newsroom).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from secft.dataset.curation.secrets import PLACEHOLDER
from secft.dataset.teacher.identifiers import unfounded
from secft.dataset.teacher.passages import Passage
from secft.dataset.teacher.words import content_words, coverage, names, negated, numbers, word_runs
from secft.dataset.text import sentences
from secft.reasons import Reason

QUESTION_COVERAGE = 0.75
SUBJECT_COVERAGE = 0.5
NEW_WORDS, NEW_SHARE = 4, 0.25
QUOTED_WORDS = 10
"""Content words of a passage that is asked about to be quoted; a question takes some six of them."""
COPIED_RUN = 7
_LENGTHS = {"question": (15, 700), "answer": (25, 4000)}
_OPENERS = re.compile(
    r"^(?:(?:in|for|on|during|when|if|as|after|before|given)\b[^?]{3,80}, )?"
    r"(?:(?:in|by|for|to|under) (?:what|which)|what|which|why|how|when|where|who|whose|does|do|is|are|can|should|must|"
    r"describe|explain|name|list)\b",
    re.IGNORECASE,
)
_ABOUT_TEXT = re.compile(
    r"\b(?:passage|excerpt|the (?:above|given|provided|following) (?:text|information|content)|"
    r"(?:the|this) (?:text|article)\b|according to (?:the|this) (?:text|document|article|description)|"
    r"mentioned (?:above|in)|described above|as an ai|"
    r"this (?:technique|tactic|vulnerability|weakness|issue|error|problem|method|activity|attack|behaviou?r))\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:i (?:can(?:no|')t|am (?:unable|not able)|won't|will not|do not have|don't have)|i'm sorry|i am sorry|"
    r"as an ai|as a language model|not (?:mentioned|stated|specified|provided) in the|no information)\b",
    re.IGNORECASE,
)
_ASKS = {
    "mitigation": re.compile(
        r"\b(?:prevent|avoid|mitigat|protect|fix|stop|reduce|defend|secur|harden|remediat|limit|restrict|block|"
        r"address|guard|counter|handle|safe|should|must|recommend|best way|measure|disable|require)",
        re.IGNORECASE,
    ),
    "detection": re.compile(
        r"\b(?:detect|identif|monitor|notice|discover|find|found|spot|reveal|log|sign|indicat|look for|hunt|alert|"
        r"evidence|observ|test|review|audit|check|analy)",
        re.IGNORECASE,
    ),
}
_FRAME = frozenset(
    content_words(
        "developer defender analyst administrator operator organization team attacker adversary prevent avoid mitigate "
        "protect detect monitor identify find fix reduce defend secure harden limit help risk best practice "
        "recommended step measure way happen wrong look review test important focus attempt"
    )
)
"""Words that belong to asking, not to what is asked about."""
_PREVENTS = re.compile(
    r"\b(?:prevent|avoid|mitigat|protect|fix|stop|defend(?!ers?\b)|secured?|harden|remediat|overcome)", re.IGNORECASE
)
_DETECTS = re.compile(r"\b(?:detect|monitor|discover|notic|spot)", re.IGNORECASE)
_BROKEN = re.compile(r"^how (?:do|does|did)\b.*\bbe \w+ed\b", re.IGNORECASE)
_RANKED = re.compile(
    r"\b(?:(?:the|your) (?:most|least|best|worst|main|primary|biggest|first)|difference between|differs? from)\b",
    re.IGNORECASE,
)
_RANKS = re.compile(
    r"\b(?:most|least|best|worst|main(?:ly)?|primar\w+|chief\w*|biggest|largest|first|differ\w*|unlike|whereas|contrast\w*|"
    r"compared)\b",
    re.IGNORECASE,
)
_ASKS_THE_READER = re.compile(
    r"\b(?:are|were|have) you\b|\b(?:which|what)\b.*\b(?:do|did) you\b|\byour (?:opinion|favou?rite)\b", re.IGNORECASE
)
_DENIES = re.compile(
    r"\b(?:not|never|cannot|can't|no|hardly|rarely)\b(?:\W+\w+){0,4}?\W+(?:prevent|avoid|mitigat|protect|fix|stop|detect|"
    r"suffic|adequate|effective|complete)",
    re.IGNORECASE,
)
_HOW_NOT = re.compile(r"^how\b.*\b(?:not|without|cannot|never)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A question and its answer, before they are believed.

    Attributes:
        question: what the teacher asks.
        answer: the answer, by the teacher, or quoted from the passage.
        quoted: the answer is the passage's own text.
    """

    question: str
    answer: str
    quoted: bool


@dataclass(frozen=True)
class Rules:
    """What the checks need besides pair and passage.

    Attributes:
        grounded: share of the content words of a sentence of an answer that must stand in the passage.
        known: identifiers of the loaded catalogues.
        shown: runs of words of the examples in the prompt.
        judged: a model will check claims and question of free answers one by one, so that words alone do not decide.
    """

    grounded: float
    known: Container[str]
    shown: frozenset[str]
    judged: bool = False

    def leaves_to_judge(self, pair: Pair) -> bool:
        """Tell whether a model decides whether a pair is grounded."""
        return self.judged and not pair.quoted


Check = Callable[[Pair, Passage, Rules], Reason | None]


def source_of(passage: Passage) -> str:
    """Return what a pair about a passage may draw on: its text, and the name of its document."""
    return f"{passage.subject}. {passage.text}"


def _form(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    for part, text in (("question", pair.question), ("answer", pair.answer)):
        low, high = _LENGTHS[part]
        if not low <= len(text) <= high:
            return Reason(f"teacher.{part}_{'short' if len(text) < low else 'long'}")
    if "\n" in pair.question.strip() or re.search(r"[{}<>|]", _without_placeholders(pair.question, passage)):
        return Reason("teacher.not_plain")
    last = sentences(pair.question)[-1]
    asks = last.endswith("?") and pair.question.count("?") == 1
    if not asks or not _OPENERS.match(last):
        return Reason("teacher.not_asking")
    if _BROKEN.match(last) or _repeats(pair.question):
        return Reason("teacher.broken")
    return None if ends_well(_without_placeholders(pair.answer, passage)) else Reason("teacher.breaks_off")


def ends_well(text: str) -> bool:
    """Tell whether a text ends as a sentence does."""
    return text.rstrip()[-1:] in ".!?)`\"'”"


def _without_placeholders(text: str, passage: Passage) -> str:
    """Return a text with a backtick for each placeholder that its passage holds as well: those are no broken markup."""
    known = set(PLACEHOLDER.findall(source_of(passage)))
    return PLACEHOLDER.sub(lambda match: "`" if match.group() in known else match.group(), text)


def _repeats(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    runs = [tuple(words[start : start + 3]) for start in range(len(words) - 2)]
    return len(set(runs)) < len(runs)


def _self_contained(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    if pair.quoted and re.search(r"\b(?:this|these|those)\b", pair.question, re.IGNORECASE):
        return Reason("answerability.unseen")
    if _ABOUT_TEXT.search(pair.question) or (not pair.quoted and _ABOUT_TEXT.search(pair.answer)):
        return Reason("answerability.text")
    return None


def _refusal(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    return Reason("teacher.refusal") if not pair.quoted and _REFUSAL.search(pair.answer) else None


def _copied(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    runs = word_runs(f"{pair.question} {'' if pair.quoted else pair.answer}", COPIED_RUN)
    copied = (runs & rules.shown) - word_runs(source_of(passage), COPIED_RUN)
    return Reason("teacher.copied") if len(copied) > 1 else None


def _identifiers(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    return unfounded(f"{pair.question} {pair.answer}", source_of(passage), rules.known)


def _figures(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    source = source_of(passage)
    if numbers(f"{pair.question} {pair.answer}") - numbers(source):
        return Reason("teacher.number")
    known = set(re.findall(r"[a-z0-9]+", source.casefold()))
    for name in names(pair.question) | names(pair.answer):
        if not set(re.findall(r"[a-z0-9]+", name)) <= known and not set(content_words(name)) <= set(
            content_words(source)
        ):
            return Reason("teacher.name")
    return None


def _question_grounded(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    if rules.leaves_to_judge(pair):
        return None
    known = set(content_words(source_of(passage)))
    words = [word for word in content_words(pair.question) if word not in _FRAME or word in known]
    if not words or sum(word in known for word in words) / len(words) < QUESTION_COVERAGE:
        return Reason("teacher.off_passage")
    return None


def _answer_grounded(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    if pair.quoted or rules.leaves_to_judge(pair):
        return None
    source = source_of(passage)
    for sentence in sentences(pair.answer):
        if coverage(sentence, source) < rules.grounded:
            return Reason("teacher.claim")
        if negated(sentence) != negated(_nearest(sentence, passage)):
            return Reason("teacher.negated")
    return None


def _nearest(sentence: str, passage: Passage) -> str:
    """Return what of a passage a sentence rests on: the sentences that share most of its words."""
    shares = [(len(set(content_words(sentence)) & set(content_words(one))), one) for one in passage.sentences]
    most = max(share for share, _ in shares)
    return " ".join(one for share, one in shares if share >= max(1, most / 2))


def _intent(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    wanted = _ASKS.get(passage.aspect)
    if wanted and not wanted.search(pair.question):
        return Reason("answerability.aspect", passage.aspect)
    if wanted and re.match(r"what (?:is|are)\b", pair.question, re.IGNORECASE):
        return Reason("answerability.definition")
    if _wants_the_good_prevented(pair, passage):
        return Reason("answerability.recommended")
    if passage.aspect == "description" and not rules.leaves_to_judge(pair):
        if _PREVENTS.search(pair.question) and not _PREVENTS.search(passage.text):
            return Reason("answerability.prevention")
        if _DETECTS.search(pair.question) and not _DETECTS.search(passage.text):
            return Reason("answerability.detection")
        if _HOW_NOT.search(pair.question):
            return Reason("answerability.negative")
    return None


def _told(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    if _ASKS_THE_READER.search(pair.question):
        return Reason("answerability.reader")
    if _RANKED.search(pair.question) and not _RANKS.search(passage.text):
        return Reason("answerability.ranked")
    denied = passage.aspect == "mitigation" and _DENIES.search(passage.sentences[0])
    return Reason("answerability.denied") if pair.quoted and denied and not negated(pair.question) else None


def _wants_the_good_prevented(pair: Pair, passage: Passage) -> bool:
    """Tell whether a question asks to prevent something that is neither the subject nor said to be bad."""
    match = _PREVENTS.search(pair.question)
    if not match or passage.aspect == "description" or _PREVENTS.search(passage.text) or negated(passage.text):
        return False
    return coverage(pair.question[match.end() :], passage.subject) < SUBJECT_COVERAGE


def _tells_something(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    asked, answered = set(content_words(pair.question)), set(content_words(pair.answer))
    new = answered - asked
    if len(new) < NEW_WORDS or len(new) < NEW_SHARE * len(answered):
        return Reason("answerability.given_away")
    subject = set(content_words(passage.subject))
    return None if asked & (answered | subject) else Reason("answerability.no_word")


def can_be_quoted(passage: Passage) -> bool:
    """Tell whether a passage does as an answer: whole, and long enough to tell more than a question says."""
    return len(set(content_words(passage.text))) >= QUOTED_WORDS and ends_well(passage.text)


CHECKS: Mapping[str, Check] = {
    "form": _form,
    "self-contained": _self_contained,
    "refusal": _refusal,
    "copied": _copied,
    "identifiers": _identifiers,
    "figures": _figures,
    "question grounded": _question_grounded,
    "answer grounded": _answer_grounded,
    "intent": _intent,
    "told": _told,
    "tells something": _tells_something,
}
"""In this order; the first rule that is broken gives the reason."""


def reject(pair: Pair, passage: Passage, rules: Rules) -> Reason | None:
    """Return why a pair is not believed, or None."""
    return next((reason for check in CHECKS.values() if (reason := check(pair, passage, rules))), None)
