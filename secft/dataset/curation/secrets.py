"""Replace credentials and personal data by typed placeholders such as ``<EMAIL>`` or ``<AWS_ACCESS_KEY>``.

One value has one placeholder within an example or a document: a second address becomes ``<EMAIL_2>``. Kept are
indicators of compromise (hashes, addresses, domains, defanged or not), identifiers of vulnerabilities, and the examples
of documentation; ``security.protection`` knows the forms of all of them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache

from secft.config.schemas.curation import SecretsConfig
from secft.dataset.curation.plugins import PLUGIN_KINDS, plugin_findings
from secft.reasons import Reason
from secft.records import Example
from secft.security.protection.documented import documented_secret
from secft.security.protection.rule import Finding
from secft.security.protection.scan import KINDS, scan

MOSTLY_SECRET = Reason("secrets.mostly")


PLACEHOLDER = re.compile(rf"<(?:{'|'.join(sorted(KINDS | PLUGIN_KINDS))})(?:_\d{{1,4}})?>")
"""The form of placeholders; a text may hold those of an earlier scrubbing."""


_TELLING_ALONE = 6
"""Characters from which on a value is known again without what stands beside it."""


@dataclass
class Placeholders:
    """The placeholders of one example or document.

    Attributes:
        names: value -> placeholder.
        replaced: kind -> number of values replaced, each place counted.
        taken: placeholders that texts held before; they name other values.
    """

    names: dict[str, str] = field(default_factory=dict)
    replaced: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)

    def name(self, kind: str, value: str) -> str:
        """Return the placeholder of a value, a new one at its first sight."""
        if value not in self.names:
            number = 1
            while (name := f"<{kind}>" if number == 1 else f"<{kind}_{number}>") in self.taken:
                number += 1
            self.names[value] = name
            self.taken.add(name)
        return self.names[value]

    def repeated(self, text: str) -> str:
        """Return a text in which values that have a placeholder are replaced wherever they stand."""
        for value, name in self.names.items():
            if len(value) >= _TELLING_ALONE and value in text:
                text, count = re.subn(rf"(?<!\w){re.escape(value)}(?!\w)", name, text)
                self.replaced[name[1:-1].rstrip("_0123456789")] += count
        return text


# What every line for a plugin of detect-secrets has: a long run without a space, or an address with a password.
_MAY_HOLD = re.compile(r"[A-Za-z0-9+/_=.:~!#$%^&*-]{16}|://")


@lru_cache(maxsize=256)
def _own_findings(text: str, keep: frozenset[str]) -> tuple[Finding, ...]:
    return tuple(scan(text, keep))


def findings(text: str, settings: SecretsConfig) -> list[Finding]:
    """Return (start, end, kind) of the secrets of a text, in order and without overlaps.

    Where secft's own rules and the plugins of detect-secrets overlap, the own rules decide.
    """
    spans = list(_own_findings(text, frozenset(settings.keep)))
    if not settings.detect_secrets or not _MAY_HOLD.search(text):
        return spans
    for kind, value in dict.fromkeys(plugin_findings(text, settings)):
        if value in settings.keep or documented_secret(value):
            continue
        for start in _places(text, value):
            end = start + len(value)
            if all(end <= other[0] or start >= other[1] for other in spans):
                spans.append((start, end, kind))
    return sorted(spans)


def _places(text: str, value: str) -> list[int]:
    found, start = [], text.find(value)
    while start >= 0:
        found.append(start)
        start = text.find(value, start + len(value))
    return found


def scrub_text(text: str, settings: SecretsConfig, placeholders: Placeholders) -> str:
    """Return a text with its secrets replaced.

    Args:
        text: any text.
        settings: which rules are used.
        placeholders: names given so far; new ones and counts are added to it.

    Raises:
        MissingExtraError: detect-secrets is wanted and not installed.
    """
    spans = findings(text, settings)
    if not spans:
        return text
    placeholders.taken.update(PLACEHOLDER.findall(text))
    parts, last = [], 0
    for start, end, kind in spans:
        parts += [text[last:start], placeholders.name(kind, text[start:end])]
        placeholders.replaced[kind] += 1
        last = end
    return "".join([*parts, text[last:]])


def scrub_example(example: Example, settings: SecretsConfig) -> tuple[Example, Counter[str]]:
    """Return an example without secrets in any of its texts, and the kinds that were replaced in its messages.

    Arguments and results of tools are texts as answers are.
    """
    placeholders = Placeholders()

    def scrub(text: str) -> str:
        return scrub_text(text, settings, placeholders)

    turns = replace(example, choices=(), rejected="", rejected_calls=(), tools=()).with_texts(scrub)
    counted = Counter(placeholders.replaced)
    others = replace(example, messages=()).with_texts(scrub)
    if not placeholders.replaced:
        return example, counted
    return replace(others, messages=turns.messages), counted


def holds_placeholder(example: Example) -> bool:
    """Return whether the answer holds what was replaced in its document."""
    return bool(example.messages) and PLACEHOLDER.search(example.reply) is not None


def mostly_secret(example: Example, settings: SecretsConfig) -> bool:
    """Return whether more of the answer than allowed is secrets, or placeholders of those of its document."""
    answer = example.reply if example.messages else ""
    hidden = sum(end - start for start, end, _ in findings(answer, settings))
    hidden += sum(map(len, PLACEHOLDER.findall(answer)))
    return hidden > settings.mostly * len(answer.strip())
