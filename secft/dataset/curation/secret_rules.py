"""Own rules for credentials and personal data, each with a check that keeps look-alikes.

Kinds and where their form comes from: AWS access keys (IAM identifiers, ``AKIA`` and ``ASIA``), PEM blocks (RFC 7468),
payment cards (ISO/IEC 7812, Luhn), IBAN (ISO 13616, remainder 97), telephone numbers (E.164), e-mail (RFC 5321).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from secft.dataset.curation.documented import documented_card, documented_mail, documented_phone

Check = Callable[[str], bool]


@dataclass(frozen=True)
class SecretRule:
    """One kind of secret.

    Attributes:
        kind: name of the placeholder.
        hints: one of these must stand in a text (as written) before the pattern is tried; empty tries always.
        pattern: group ``value`` is what is replaced, or the whole match without such a group.
        real: tells a real one from a look-alike.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    real: Check = lambda value: True


def luhn(digits: str) -> bool:
    """Return whether the check digit of a card number is right. Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        number = int(character) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def _card(value: str) -> bool:
    digits = re.sub(r"\D", "", value)
    return luhn(digits) and len(set(digits)) > 2 and not documented_card(digits)


def iban(value: str) -> bool:
    """Return whether an IBAN's check digits are right. Source: ISO 13616, remainder of a division by 97."""
    bare = value.replace(" ", "").upper()
    moved = bare[4:] + bare[:4]
    return 15 <= len(bare) <= 34 and int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _varied(value: str) -> bool:
    """Return whether a token looks random: letters and digits mixed, no placeholder such as ``xxxx`` or ``example``."""
    lower = value.lower()
    fake = (
        "example",
        "xxxx",
        "your",
        "placeholder",
        "redacted",
        "1234567890",
        "abcdef",
        "....",
        "****",
        "dummy",
        "0000000",
    )
    return len(set(value)) >= 8 and any(c.isdigit() for c in value) and not any(word in lower for word in fake)


_PHONE = (
    r"(?<![\w.+/=-])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){2,4}"
    r"|\+[1-9]\d{9,13}|\(\d{3}\) ?\d{3}[-.]\d{4}|(?i:(?<=tel: )|(?<=phone: )|(?<=call ))\d{3}[-.]\d{3}[-.]\d{4})"
    r"(?![\w-])"
)
_CARD = (
    r"(?<![\w./=:+-])(?:4\d{3}([ -]?)\d{4}\1\d{4}\1\d{4}|5[1-5]\d{2}([ -]?)\d{4}\2\d{4}\2\d{4}"
    r"|2[2-7]\d{2}([ -])\d{4}\3\d{4}\3\d{4}|3[47]\d{2}([ -]?)\d{6}\4\d{5}|6(?:011|5\d{2})([ -]?)\d{4}\5\d{4}\5\d{4})"
    r"(?![\w./+-]*\d|\w)"
)
_MAIL = (
    r"(?<![\w.@%+/:-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w@:/-])"
)
_SECRET_WORD = (
    r"(?i:secret|token|passw(?:or)?d|pwd|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|client[_-]?key)"  # noqa: S105  # a pattern
)

RULES: tuple[SecretRule, ...] = (
    SecretRule(
        "PRIVATE_KEY",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN (?P<name>[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?)-----(?P<value>[^-]{0,20000})"
            r"(?:-----END (?P=name)-----)?"
        ),
        lambda value: len(re.sub(r"[^A-Za-z0-9+/=]", "", value)) >= 64,
    ),
    SecretRule("AWS_ACCESS_KEY", ("AKIA", "ASIA"), 
               re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
               lambda value: "EXAMPLE" not in value),
    SecretRule("GOOGLE_API_KEY", ("AIza",), re.compile(r"(?<![\w-])AIza[\w-]{35}(?![\w-])"), _varied),
    SecretRule("GITHUB_TOKEN", ("github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
               re.compile(r"(?<!\w)(?:github_pat_\w{50,90}|gh[pousr]_[A-Za-z0-9]{36})(?!\w)"), _varied),
    SecretRule("HUGGINGFACE_TOKEN", ("hf_",), re.compile(r"(?<!\w)hf_[A-Za-z0-9]{34}(?!\w)"), _varied),
    SecretRule("API_KEY", ("sk-",), re.compile(r"(?<![\w-])sk-(?:ant-|proj-|or-)?[\w-]{20,200}(?![\w-])"), _varied),
    SecretRule("SLACK_WEBHOOK", ("hooks.slack.com",),
               re.compile(r"https://hooks\.slack\.com/services/(?P<value>T\w{8,12}/B\w{8,12}/\w{20,30})"), _varied),
    SecretRule("SECRET", ("age-secret-key-", "AGE-SECRET-KEY-"), re.compile(r"(?i)age-secret-key-1[a-z0-9]{58}")),
    SecretRule(
        "SECRET",
        (),
        re.compile(
            _SECRET_WORD + r"\w{0,20}[\"']?\s{0,3}(?::=|=>|[:=])\s{0,3}[\"']"
            r"(?P<value>[A-Za-z0-9+/_=.~!@#$%^&*-]{16,200})[\"']"
        ),
        _varied,
    ),
    SecretRule("EMAIL", ("@",), re.compile(_MAIL), lambda value: not documented_mail(value)),
    SecretRule("CREDIT_CARD", (), re.compile(_CARD), _card),
    SecretRule("IBAN", (),
               re.compile(r"(?<![\w-])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])"),
               iban),
    SecretRule("PHONE", (), re.compile(_PHONE), lambda value: not documented_phone(value)),
    SecretRule("SSN", ("SSN", "ocial security", "ocial Security"),
               re.compile(r"(?i:\bSSN|social security number)\W{0,10}(?:is )?"
                          r"(?P<value>(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4})(?!\d)"),
               lambda value: value not in {"123-45-6789", "078-05-1120", "219-09-9999"}),
)  # fmt: skip
