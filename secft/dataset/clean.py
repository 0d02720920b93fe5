"""Normalise the text of examples: Unicode, invisible characters, white space."""

from __future__ import annotations

import re
import unicodedata

from secft.dataset.text import squeeze
from secft.reasons import Reason
from secft.records import Example, Message

# Zero-width spaces and joins of no meaning, soft hyphens, directional overrides and tag characters: they are
# invisible, so a text that contains them says something else to a model than to its reader.
_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TRAILING = re.compile(r"[ \t\u00a0]+(?=\n)")


def clean_text(text: str) -> str:
    """Return a text in Unicode NFC with plain line breaks and without characters that nobody can see.

    Indents are kept (code), spaces at line ends and empty lines beyond two are not.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    text = unicodedata.normalize("NFC", _CONTROL.sub("", _INVISIBLE.sub("", text)))
    text = _TRAILING.sub("", text.replace("\u00a0", " "))
    return re.sub(r"\n{4,}", "\n\n\n", text).strip()


def clean_example(example: Example) -> Example:
    """Return an example whose texts are all normalised in the same way, so that answers and choices stay equal."""
    return example.with_texts(clean_text)


_UNSPACED = re.compile(
    "[\u0e00-\u0e3a\u0e40-\u0eff\u1000-\u109f\u1780-\u17d3\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af]"
)
"""Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""


def folded(text: str) -> str:
    """Return a text in lower case with compatibility forms folded, in which every word stands alone.

    Where words are written without spaces, each character is a word.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain if plain.isascii() else _UNSPACED.sub(r" \g<0> ", plain)


def comparable(text: str) -> str:
    """Return the form in which two texts are compared: compatibility forms folded, lower case, words only."""
    return squeeze(re.sub(r"[^\w]+", " ", folded(text)))


def _says_something(message: Message) -> bool:
    return message["role"] in ("system", "tool") or bool(message["content"] or message.get("tool_calls"))


def fault(example: Example) -> Reason | None:
    """Return why an example cannot be trained on, or None.

    The last message must be the assistant's, one of the assistant's must be learned, and no message may be empty but a
    tool's result; an example with choices must answer with the
    chosen one, because choices are scored in the form in which they were trained.
    """
    if not example.messages or example.messages[-1]["role"] != "assistant":
        return Reason("normalise.last_message")
    if not all(_says_something(message) for message in example.messages):
        return Reason("normalise.empty")
    if not any(message["role"] == "assistant" and message.get("weight", 1) for message in example.messages):
        return Reason("normalise.not_learned")
    if not example.choices:
        return None
    if not 0 <= example.answer < len(example.choices):
        return Reason("normalise.no_choice")
    if example.choices[example.answer] != example.messages[-1]["content"]:
        return Reason("normalise.other_choice")
    return Reason("normalise.equal_choices") if len(set(example.choices)) < len(example.choices) else None
