"""Find credentials and personal data in a text by all rules.

Most texts hold none, so every rule is first asked for by something cheap: literals, or the parts of a text in which
numbers or long runs without a space stand.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from secft.security.protection import (
    contact,
    key_blocks,
    national,
    password_hashes,
    passwords,
    payment,
    provider_keys,
    tools,
    web_credentials,
)
from secft.security.protection.rule import Finder, Finding, Parts

# A key has a long run without a space; a number has six digits close together; prose has neither.
_RUN = re.compile(r"[A-Za-z0-9+/_=.:$*{}~-]{16,}")
_WORDS = re.compile(r"[a-z+/_=.:$*{}-]*\Z")
"""A run of small letters alone is a path or a name."""
_NUMBER = re.compile(
    r"(?<![0-9])(?<!CVE-)(?!(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d))(?:[0-9][ .()/-]{0,2}){6,}|/[0-9A-Z]{4}-[0-9]{2}"
)
_MAIL = re.compile(r"@|%40|＠")
_SPELT_MAIL = re.compile(r"@|%40|＠|[\[({] ?(?:at|arroba) ?[\])}]| (?:dot|punto|ponto) ")
_SPELT = ("[at", "[ at", "(at", "( at", "{at", "arroba", " dot ", " punto ", " ponto ")
_BEFORE_RUN, _BEFORE_NUMBER, _BEFORE_MAIL, _AFTER = 80, 24, 72, 32
"""Characters that a value may have before what gives it away, and after it."""


class _RuleSet:
    """Rules, with an index of the literals that must stand in a text before they are asked.

    With ``local`` the literals must stand in the parts that are searched, not anywhere in the text.
    """

    def __init__(self, rules: Sequence[Finder], local: bool = False) -> None:
        self._local = local
        self._rules = rules
        self.kinds = frozenset().union(*(rule.kinds for rule in rules))
        self._always = {number for number, rule in enumerate(rules) if not rule.literals}
        self._literals: dict[str, set[int]] = defaultdict(set)
        for number, rule in enumerate(rules):
            for literal in rule.literals:
                self._literals[literal].add(number)

    def findings(self, text: str, lower: str, parts: Parts) -> Iterator[Finding]:
        """Yield the findings of all rules, rule by rule."""
        near = "\n".join(lower[start:end] for start, end in parts) if self._local else lower
        asked = self._always.union(*[self._literals[literal] for literal in self._literals if literal in near])
        for number in sorted(asked):
            yield from self._rules[number].spans(text, lower, parts)


# In this order: where two findings overlap, the one of the earlier rule stays.
_BLOCKS = _RuleSet(key_blocks.RULES)
_TOKENS = _RuleSet((*provider_keys.RULES, key_blocks.JWT, *password_hashes.RULES), local=True)
_WORDED = _RuleSet((*web_credentials.RULES, *tools.RULES, *passwords.RULES, payment.CODE))
_MAILS = _RuleSet(contact.MAILS)
_NUMBERED = _RuleSet((*payment.RULES, *national.RULES, *contact.PHONES))

PERSONAL: frozenset[str] = _MAILS.kinds | _NUMBERED.kinds | payment.CODE.kinds
"""Kinds of personal data."""
TOKENS: frozenset[str] = _TOKENS.kinds
"""Kinds of keys, tokens and hashes of passwords that are known by their form."""
KINDS: frozenset[str] = _BLOCKS.kinds | TOKENS | _WORDED.kinds | PERSONAL
"""Every kind that is found."""


def scan(text: str, keep: Collection[str] = ()) -> list[Finding]:
    """Return the findings of a text, in order and without overlaps.

    Args:
        text: any text.
        keep: values that stay.
    """
    found: list[Finding] = []
    lower = _lower(text)
    whole = [(0, len(text))]
    _add(found, _BLOCKS, text, lower, whole, keep)
    runs = _parts(text, _RUN, _BEFORE_RUN)
    if runs:
        _add(found, _TOKENS, text, lower, runs, keep)
    _add(found, _WORDED, text, lower, whole, keep)
    mail = _SPELT_MAIL if any(sign in lower for sign in _SPELT) else _MAIL
    mails = _parts(text, mail, _BEFORE_MAIL, _BEFORE_MAIL)
    if mails:
        _add(found, _MAILS, text, lower, mails, keep)
    numbers = _parts(text, _NUMBER, _BEFORE_NUMBER)
    if numbers:
        _add(found, _NUMBERED, text, lower, numbers, keep)
    return sorted(found)


def _lower(text: str) -> str:
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    # Some capitals become two characters; places must be the same in both.
    return "".join(one if len(one.lower()) != 1 else one.lower() for one in text)


def _parts(text: str, pattern: re.Pattern[str], before: int, after: int = _AFTER) -> list[tuple[int, int]]:
    """Return what stands around matches, joined where they touch; each part ends where a word does."""
    parts: list[tuple[int, int]] = []
    for match in pattern.finditer(text):
        if _WORDS.match(match.group()):
            continue
        start, end = max(0, match.start() - before), min(len(text), match.end() + after)
        if parts and start <= parts[-1][1]:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    return parts


def _add(found: list[Finding], rules: _RuleSet, text: str, lower: str, parts: Parts, keep: Collection[str]) -> None:
    for start, end, kind in rules.findings(text, lower, parts):
        if text[start:end] not in keep and all(end <= other[0] or start >= other[1] for other in found):
            found.append((start, end, kind))
