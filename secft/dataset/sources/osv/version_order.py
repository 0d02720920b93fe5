"""The order of versions, as far as the events of an advisory need it: SemVer, PEP 440, and one rule for all others.

Source: Semantic Versioning 2.0.0, section 11; PEP 440, by the package packaging; for others what the rules of Maven,
RubyGems, Debian, RPM and Alpine have in common: numbers by value, words of unfinished versions before the finished one,
other words behind it, an epoch before everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

_SEMVER = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_PARTS = re.compile(r"\d+|[a-z]+|~")
_EPOCH = re.compile(r"(\d+)[:!](?=\w)")
_UNFINISHED = ("dev", "snapshot", "alpha", "a", "beta", "b", "milestone", "m", "preview", "pre", "cr", "rc")
"""Words of versions before the finished one, the earliest first."""
_END = (0, 0, "")
_Part = tuple[int, int, str]


def _number(digits: str) -> _Part:
    """Return a word that sorts by value, whatever the number of digits."""
    value = digits.lstrip("0")
    return 2, len(value), value


def _semver(version: str) -> list[_Part]:
    match = _SEMVER.fullmatch(version)
    if match is None:
        raise InvalidVersion(version)
    numbers = [_number(match[part] or "") for part in (1, 2, 3)]
    if not match[4]:
        return [*numbers, (3, 0, "")]
    # An unfinished version is before the finished one; numbers are before words.
    return [*numbers, *(_number(one) if one.isdigit() else (2, 1 << 30, one) for one in match[4].split(".")), _END]


def _other(version: str) -> list[_Part]:
    text = version.lower().removeprefix("v")
    epoch = _EPOCH.match(text)
    found: list[_Part] = []
    for word in _PARTS.findall(text[epoch.end() if epoch else 0 :]):
        if word.isdigit():
            found.append(_number(word))
            continue
        while found and found[-1] == _number("0"):  # 1.0-rc and 1-rc are the same.
            found.pop()
        rank = _UNFINISHED.index(word) if word in _UNFINISHED else -1
        found.append((-2, 0, "") if word == "~" else (-1, rank, "") if rank >= 0 else (1, 0, word))
    while found and found[-1] == _number("0"):
        found.pop()
    return [_number(epoch[1] if epoch else ""), *found, _END]


def order_of(versions: Sequence[str], kind: str, ecosystem: str) -> Callable[[str], Any]:
    """Return a sorting key for some versions of a package.

    Args:
        versions: all that will be sorted; where one of them is not written as its ecosystem asks, all are sorted by the
            common rule.
        kind: type of the range, ``SEMVER`` or ``ECOSYSTEM``.
        ecosystem: for example ``PyPI`` or ``Debian:12``.
    """
    own: Callable[[str], Any] = _semver if kind == "SEMVER" else Version
    if kind == "SEMVER" or ecosystem.partition(":")[0] == "PyPI":
        try:
            for version in versions:
                own(version)
        except (InvalidVersion, ValueError):
            return _other
        return own
    return _other
