"""What a text says besides what it shows: hidden characters, encoded parts, simple ciphers.

Nothing here is executed; each reading is plain text that the phrase rules look at. Sizes are bounded: at most
``MOST_PARTS`` encoded parts of at most ``LONGEST`` characters each are read.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

MOST_PARTS = 16
LONGEST = 20_000

ZERO_WIDTH = re.compile("[\u200b-\u200d\u2060-\u2064\ufeff\u00ad\u180e]")
TAGS = re.compile("[\U000e0020-\U000e007e]+")
# Flags of England, Scotland and Wales are written with tag characters after a black flag.
_FLAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")

_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{20,}={0,2}(?![\w+/=])")
_BASE32 = re.compile(r"(?<![\w=])[A-Z2-7]{24,}={0,6}(?![\w=])")
_HEX = re.compile(r"(?<![\w])(?:[0-9a-fA-F]{2}){16,}(?![\w])")
_BINARY = re.compile(r"(?<!\w)(?:[01]{8}[ ]?){8,}(?!\w)")
_MORSE = re.compile(r"(?:[.-]{1,6}[ /]+){12,}[.-]*")
_ASCII85 = re.compile(r"<~[!-u\s]{20,}~>")
_UNICODE = re.compile(r"(?:\\u[0-9a-fA-F]{4}){6,}")
_SPACED = re.compile(r"\b(?:[A-Za-z] ){5,}[A-Za-z]\b")
_LEET_WORD = re.compile(r"\b(?:[a-z]+[0134570@$]+[a-z0-9@$]*|[0134570]+[a-z]+\w*)\b")
_LEET = str.maketrans("01345@$7", "oieasast")
_MORSE_LETTERS = dict(
    zip(
        [
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
        ],
        "abcdefghijklmnopqrstuvwxyz",
        strict=True,
    )
)

# Words of an order, in the four spellings under which they are looked for: as they are told backwards or in rot13.
_ORDER_WORDS = ("ignore", "instructions", "system prompt", "disregard")
_LEET_ORDER_WORDS = (
    "ignor", "instruct", "disregard", "prompt", "forget", "overrid", "restrict", "reveal", "previous", "prior", "above",
    "bypass", "rules", "system", "assistant", "jailbr", "unrestricted", "vergiss", "anweisung", "oubli", "olvida",
    "dimentica",
)  # fmt: skip
_BACKWARDS = tuple(word[::-1] for word in _ORDER_WORDS)
_ROT13 = tuple(codecs.encode(word, "rot13") for word in _ORDER_WORDS)


def hidden(text: str) -> list[str]:
    """Return the names of ways in which a text holds what its reader does not see."""
    if text.isascii():
        return []
    found = []
    if TAGS.search(_FLAGS.sub("", text)):
        found.append("tag characters")
    if len(re.findall("(?<=[a-z])[\u200b\u2060-\u2064\ufeff](?=[a-z])", text, re.IGNORECASE)) >= 3:
        found.append("zero-width characters")
    if BIDI.search(text) and re.search("\u202e[^\u202c\n]*[A-Za-z]", text):
        found.append("reversed direction")
    return found


def untagged(text: str) -> list[str]:
    """Return what tag characters spell, in plain letters; nothing without any."""
    runs = [] if text.isascii() else TAGS.findall(text)
    return ["".join(chr(ord(character) - 0xE0000) for run in runs for character in run)] if runs else []


def _text_of(data: bytes) -> str:
    """Return bytes as text if that is what they are, else an empty string."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    letters = sum(character.isalpha() or character.isspace() for character in text)
    return text if text and letters > 0.7 * len(text) else ""


def _base64(part: str) -> str:
    return _text_of(base64.b64decode(part + "=" * (-len(part) % 4)))


def _base32(part: str) -> str:
    bare = part.rstrip("=")
    return _text_of(base64.b32decode(bare + "=" * (-len(bare) % 8)))


def _binary(part: str) -> str:
    bits = part.replace(" ", "")
    return _text_of(bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits) - 7, 8)))


def _morse(part: str) -> str:
    words = re.split(r"\s*/\s*|\s{2,}", part)
    return " ".join("".join(_MORSE_LETTERS.get(letter, "") for letter in word.split()) for word in words)


# Pattern, how a part is read, and whether it may hold spaces; what may not stands in one long word.
_DECODERS: tuple[tuple[re.Pattern[str], Callable[[str], str], bool], ...] = (
    (_BASE64, _base64, False),
    (_BASE32, _base32, False),
    (_HEX, lambda part: _text_of(bytes.fromhex(part)), False),
    (_BINARY, _binary, True),
    (_MORSE, _morse, True),
    (_ASCII85, lambda part: _text_of(base64.a85decode(part, adobe=True)), True),
    (_UNICODE, lambda part: part.encode().decode("unicode_escape"), False),
)
_LONG_WORD = 20
_MAY_HOLD_SPACES = re.compile(r"[01]{8} [01]{8}|[.-]{1,6}[ /]+[.-]{1,6}[ /]+[.-]{1,6}[ /]|<~")
"""What every encoded part with spaces has: short runs of bits, dots and dashes, or the mark of ascii85."""


def decoded(text: str) -> Iterator[str]:
    """Yield the readable texts that stand encoded in a text (base64, base32, hex, binary, Morse, ascii85, escapes)."""
    words = text.split()
    long_words = "\n".join([word for word in words if len(word) >= _LONG_WORD])
    signs = [len(word) for word in words if not word.strip(".-/01")]
    may_hold_spaces = "<~" in text or (len(signs) > 3 and max(signs) > 1)
    spaced = text if may_hold_spaces and _MAY_HOLD_SPACES.search(text) else long_words
    if not spaced:
        return
    for pattern, decode, with_spaces in _DECODERS:
        for number, match in enumerate(pattern.finditer(spaced if with_spaces else long_words)):
            if number >= MOST_PARTS:
                break
            try:
                plain = decode(match.group()[:LONGEST].strip())
            except (ValueError, binascii.Error):
                continue
            if plain:
                yield plain
    if text.count("%20") > 3:
        yield unquote(text[:LONGEST])


def deciphered(text: str) -> Iterator[str]:
    """Yield other readings of the whole text where it looks like one: backwards, rot13, digits for letters, spaced.

    Args:
        text: lower case.
    """
    short = text[:LONGEST]
    if any(word in short for word in _BACKWARDS):
        yield short[::-1]
    if any(word in short for word in _ROT13):
        yield codecs.encode(short, "rot13")
    if _LEET_WORD.search(short):
        reading = short.translate(_LEET)
        if any(word in reading and reading.count(word) > short.count(word) for word in _LEET_ORDER_WORDS):
            yield reading
    if sum([len(word) == 1 for word in short.split()]) > 5 and _SPACED.search(short):
        yield _SPACED.sub(lambda match: match.group().replace(" ", ""), short)
