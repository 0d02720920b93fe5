"""Replace credentials and personal data by typed placeholders such as ``<EMAIL>`` or ``<AWS_ACCESS_KEY>``.

One value has one placeholder within an example: a second address becomes ``<EMAIL_2>``. Kept are indicators of
compromise (hashes, addresses, domains, defanged or not), identifiers of vulnerabilities, and the examples of
documentation; ``curation.documented`` knows them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache

from secft.config.schemas.curation import SecretsConfig
from secft.dataset.curation.documented import documented_secret
from secft.dataset.curation.plugins import plugin_findings
from secft.dataset.curation.secret_rules import RULES
from secft.reasons import Reason
from secft.records import Example, Message

MOSTLY_SECRET = Reason("secrets.mostly")


@dataclass
class Placeholders:
    """The placeholders of one example.

    Attributes:
        names: value -> placeholder.
        replaced: kind -> number of values replaced, each place counted.
    """

    names: dict[str, str] = field(default_factory=dict)
    replaced: Counter[str] = field(default_factory=Counter)

    def name(self, kind: str, value: str) -> str:
        """Return the placeholder of a value, a new one at its first sight."""
        if value not in self.names:
            before = sum(
                name.strip("<>").rpartition("_")[0] == kind or name == f"<{kind}>" for name in self.names.values()
            )
            self.names[value] = f"<{kind}>" if not before else f"<{kind}_{before + 1}>"
        return self.names[value]


# What every secret has: a mail sign, an address, a PEM line, a long run without a space, or many digits.
_MAY_HOLD = re.compile(r"[A-Za-z0-9+/_=.:~!#$%^&*-]{16}|\d[\d .()-]{7}")


@lru_cache(maxsize=4096)
def _may_hold(text: str) -> bool:
    return "@" in text or "://" in text or "-----BEGIN" in text or _MAY_HOLD.search(text) is not None


def findings(text: str, settings: SecretsConfig) -> list[tuple[int, int, str]]:
    """Return (start, end, kind) of the secrets of a text, in order and without overlaps.

    Of two findings that overlap, the one that begins earlier stays, then the longer one, then the more telling kind.
    """
    if not _may_hold(text):
        return []
    spans = _by_rules(text, settings)
    if settings.detect_secrets:
        for kind, value in dict.fromkeys(plugin_findings(text, settings)):
            if not _kept(kind, value, settings):
                spans.extend((start, start + len(value), kind) for start in _places(text, value))
    result: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1], span[2] == "SECRET", span[2])):
        if not result or span[0] >= result[-1][1]:
            result.append(span)
    return result


def _by_rules(text: str, settings: SecretsConfig) -> list[tuple[int, int, str]]:
    spans: list[tuple[int, int, str]] = []
    for rule in RULES:
        if rule.hints and not any(hint in text for hint in rule.hints):
            continue
        group = "value" if "value" in rule.pattern.groupindex else 0
        for match in rule.pattern.finditer(text):
            value = match[group]
            if rule.real(value) and not _kept(rule.kind, value, settings):
                start, end = match.span() if rule.kind == "PRIVATE_KEY" else match.span(group)
                spans.append((start, end, rule.kind))
    return spans


def _kept(kind: str, value: str, settings: SecretsConfig) -> bool:
    if value in settings.keep:
        return True
    return kind not in {"EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "SSN", "PRIVATE_KEY"} and documented_secret(value)


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
    parts, last = [], 0
    for start, end, kind in spans:
        parts += [text[last:start], placeholders.name(kind, text[start:end])]
        placeholders.replaced[kind] += 1
        last = end
    return "".join([*parts, text[last:]])


def scrub_example(example: Example, settings: SecretsConfig) -> tuple[Example, Counter[str]]:
    """Return an example without secrets in messages, choices and rejected answer, and the kinds that were replaced."""
    placeholders = Placeholders()
    messages: list[Message] = [
        {"role": message["role"], "content": scrub_text(message["content"], settings, placeholders)}
        for message in example.messages
    ]
    counted = Counter(placeholders.replaced)
    choices = tuple(scrub_text(choice, settings, placeholders) for choice in example.choices)
    rejected = scrub_text(example.rejected, settings, placeholders) if example.rejected else ""
    if not placeholders.replaced:
        return example, counted
    return replace(example, messages=tuple(messages), choices=choices, rejected=rejected), counted


def mostly_secret(example: Example, settings: SecretsConfig) -> bool:
    """Return whether more of the answer than allowed is secrets; ask it before they are replaced."""
    answer = example.messages[-1]["content"] if example.messages else ""
    hidden = sum(end - start for start, end, _ in findings(answer, settings))
    return hidden > settings.mostly * len(answer.strip())
