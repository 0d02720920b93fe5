"""Free answers, checked claim by claim: a model reads the passage and one claim, and says whether it is supported.

Words alone do not tell: an answer in other words shares few of them, and one that turns a no into a yes shares nearly
all. What can be told for certain (numbers, identifiers, names that the passage lacks) is told by secft.dataset.teacher
.checks before anybody is asked.

Source: one claim at a time, each against its source, as in FActScore (Min et al. 2023) and SummaC (Laban et al. 2022).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from secft.chat.errors import ReplyFormatError
from secft.chat.protocol import Failure, Reply, Request
from secft.chat.schema import parse_json_reply
from secft.dataset.teacher.checks import Pair
from secft.dataset.teacher.passages import Passage
from secft.dataset.teacher.prompts import Prompt, load_prompt
from secft.dataset.text import sentences
from secft.reasons import Reason

CLAIM, ANSWERABLE = "claim", "answerable"
_PARTS = re.compile(r"(?<=[^\d\W]{3});\s+|\n+\s*")
_MARK = re.compile(r"^(?:[-*•]|\d+[.)])\s+")
_FEWEST_WORDS = 2


@dataclass(frozen=True)
class JudgeQuestion:
    """One thing that a judge is asked about a pair.

    Attributes:
        request: what is sent.
        key: of the reply that must be true.
        prompt: with the schema of the reply.
        against: what is said against the pair if it is not.
    """

    request: Request
    key: str
    prompt: Prompt
    against: Reason

    def verdict(self, answer: Reply | Failure) -> Reason | None:
        """Return what an answer says against the pair; what cannot be read says that it was not checked."""
        if isinstance(answer, Failure):
            return Reason("teacher.unchecked")
        try:
            value = parse_json_reply(answer.text, self.prompt.schema)
        except ReplyFormatError:
            return Reason("teacher.unchecked")
        return None if value[self.key] is True else self.against


def claims_of(answer: str) -> list[str]:
    """Return the claims of an answer: its sentences, and the parts of lists and of long sentences that stand alone."""
    lines = [line for line in answer.splitlines() if line.strip()]
    parts = [
        _MARK.sub("", part.strip())
        for line in lines
        for sentence in sentences(_MARK.sub("", line.strip()))
        for part in _PARTS.split(sentence)
    ]
    return [part for part in parts if len(part.split()) >= _FEWEST_WORDS] or [answer.strip()]


class ClaimJudge:
    """Makes the questions about pairs, and reads what is answered.

    Args:
        folder: with prompt files of one's own (``claim.md``, ``answerable.md``), or None.
    """

    def __init__(self, folder: str | None) -> None:
        self._prompts: Mapping[str, Prompt] = {name: load_prompt(name, "free", folder) for name in (CLAIM, ANSWERABLE)}

    def questions(self, pairs: Sequence[Pair], opening: str, passage: Passage) -> Iterator[JudgeQuestion]:
        """Yield what is asked about one example: each question, and each claim of each answer and of its opening."""
        check, ask = self._prompts[CLAIM], self._prompts[ANSWERABLE]
        for text in [*filter(None, [opening]), *(pair.answer for pair in pairs)]:
            for claim in claims_of(text):
                yield JudgeQuestion(check.fill(passage, claim=claim), "supported", check, Reason("teacher.unsupported"))
        for pair in pairs:
            yield JudgeQuestion(ask.fill(passage, question=pair.question), "good", ask, Reason("teacher.unanswerable"))
