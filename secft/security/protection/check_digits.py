"""Check digits of numbers: ways to compute them that several countries and schemes share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def digits_of(value: str) -> str:
    """Return the digits of a value without what separates them."""
    return "".join(character for character in value if character in "0123456789")


def luhn(digits: str) -> bool:
    """Return whether the check digit of a number is right. Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        number = int(character) * (2 if place % 2 else 1)
        total += number - 9 if number > 9 else number
    return bool(digits) and total % 10 == 0


def weighted(digits: Iterable[int | str], weights: Sequence[int]) -> int:
    """Return the sum of digits times weights, from the left; what is longer is cut."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def mod11(digits: str, weights: Sequence[int]) -> int:
    """Return 11 minus the remainder of the weighted sum, 0 for 10 and 11: the usual way of Portugal and Brazil."""
    number = 11 - weighted(digits, weights) % 11
    return 0 if number > 9 else number


def iban(value: str) -> bool:
    """Return whether length and check digits of an IBAN are right. Source: ISO 13616, remainder of a division by 97."""
    bare = value.replace(" ", "").replace("-", "").upper()
    if len(bare) != IBAN_LENGTHS.get(bare[:2]):
        return False
    moved = bare[4:] + bare[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


_LENGTHS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
    FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
    LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
    RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
"""Country -> characters of its IBAN. Source: SWIFT IBAN Registry."""
