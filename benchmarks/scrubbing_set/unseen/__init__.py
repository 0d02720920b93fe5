"""Lists written from public specifications by somebody who had not seen the rules, and the values drawn into them.

A line is `group | text`. What stands between « and » must be found; ⟨…⟩ is drawn by seed:

| sign | drawn |
|---|---|
| `⟨h8⟩` `⟨H8⟩` `⟨HH8⟩` | hex, upper-case hex, pairs of it with colons |
| `⟨a8⟩` `⟨l8⟩` `⟨L8⟩` `⟨U8⟩` `⟨d8⟩` | letters and digits, lower case, letters only, upper case, digits |
| `⟨u8⟩` `⟨b8⟩` `⟨c8⟩` `⟨B8⟩` | Base64 for URLs, Base64, crypt, Base32 |
| `⟨=ES_DNI⟩` | an identifier with its check digits |
| `⟨card:visa⟩` `⟨card4:visa⟩` `⟨iban:ES:24⟩` `⟨iban4:ES:24⟩` | a number, the same in groups of four |
| `⟨basic⟩` | a user and a password as Basic has them |
"""

from __future__ import annotations

import base64
import random
import re
import string
from collections.abc import Iterator
from pathlib import Path

from scrubbing_set.keys import ALNUM, B64, CRYPT, HEX, LETTERS, LOWER, UPPER, URL, draw
from scrubbing_set.numbers import IDENTIFIERS, card, digits, iban

LISTS = ("first", "second", "third")
"""In the order in which they were written: the rules were mended between them."""

_DRAWN = re.compile(r"⟨([^⟩]*)⟩")
_VALUE = re.compile(r"«([^»]*)»")
_SIGNS = {"h": HEX, "H": HEX.upper(), "a": ALNUM, "l": LOWER, "L": LETTERS, "U": UPPER, "u": URL, "b": B64, "c": CRYPT}
_SIGNS["B"] = string.ascii_uppercase + "234567"


def _fours(number: str) -> str:
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _drawn(asked: str, rng: random.Random) -> str:
    name, _, rest = asked.partition(":")
    if name.startswith("card"):
        number = card(rng, rest)
        return _fours(number) if name == "card4" else number
    if name.startswith("iban"):
        country, _, length = rest.partition(":")
        number = iban(rng, country, int(length))
        return _fours(number) if name == "iban4" else number
    if asked == "basic":
        return base64.b64encode(f"svc:{draw(rng, ALNUM, 12)}".encode()).decode()
    if asked.startswith("="):
        return IDENTIFIERS[asked[1:]][0](rng)
    if asked.startswith("HH"):
        return ":".join(draw(rng, _SIGNS["H"], 2) for _ in range(int(asked[2:])))
    count = int(asked[1:])
    return digits(rng, count) if asked[0] == "d" else draw(rng, _SIGNS[asked[0]], count)


def _lines(name: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    for line in Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines():
        group, _, text = line.partition(" | ")
        text = text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
        yield group, _DRAWN.sub(lambda match: _drawn(match[1], rng), text)


def unseen_planted(name: str, seed: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield (group, line, text, value) of each value that a list plants; the same for the same seed."""
    for group, text in _lines(f"{name}_planted", random.Random(seed)):
        for match in _VALUE.finditer(text):
            yield group, text[:60], _VALUE.sub(r"\1", text), match[1]


def unseen_look_alikes(name: str, seed: int) -> Iterator[tuple[str, str]]:
    """Yield (group, text) of what must stay as it is; the same for the same seed."""
    yield from _lines(f"{name}_look_alikes", random.Random(seed))
