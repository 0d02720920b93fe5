"""Find prompt injection: instructions aimed at a model that stand where data belongs.

``injection_rules`` judges any text and can be used on documents before anything is made of them. Examples are judged
by where the text stands: an answer is learned and a passage is read, so neither may carry an injection; a request that
the answer refuses may (tasks ``refuse`` and ``assist``). Tokens of chat templates are made harmless in every text,
because a tokenizer would read them as the structure of the conversation.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from secft.dataset.curation import disguise
from secft.dataset.curation.injection_phrases import matched
from secft.reasons import Reason
from secft.records import Example, calls_text, message_text

LONGEST = 1_000_000
"""Characters of a text that are read; more than any passage has."""

_LONGEST_KEPT = 10_000
"""Characters of a text whose rules are remembered: system prompts and passages come again and again."""

REQUEST_TASKS = frozenset({"refuse", "assist"})
"""Tasks whose requests are written by people to be answered in a certain way, an injection among them."""

_BAR = "[|\uff5c]"
_CHAT_TOKEN = re.compile(
    rf"<{_BAR}[^<>|\uff5c\n]{{1,40}}{_BAR}>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|unk|pad)>"
    r"|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]",
    re.IGNORECASE,
)
_ROLE_TOKEN = re.compile(rf"<{_BAR}(?:im_start|start_header_id|system|user|assistant|im_sep)", re.IGNORECASE)
_IMAGE = re.compile(
    r"!\[[^\]\n]{0,200}\]\(\s*https?://[^)\s]{0,400}[?&/][^)\s]{0,200}(?:[={/](?:\{\{?|\[|<|\$\{|%7b))", re.I
)
_QUOTED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{1,400}`|\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|«[^»\n]{1,400}»"
    r"|(?<![\w'])'[^'\n]{1,400}'(?![\w'])|‘[^’\n]{1,400}’(?!\w)|^(?:    |\t|>)[^\n]*$",
    re.DOTALL | re.MULTILINE,
)
_MOSTLY = 0.6
"""A text of which quotations are more than this share is not prose that quotes: it is read whole."""


def neutral(text: str) -> tuple[str, int]:
    """Return a text in which tokens of chat templates are only words, and how many there were.

    A space after the first and before the last character is enough: no tokenizer takes ``< |im_start| >`` for a token.
    """
    if "<" not in text and "[" not in text:
        return text, 0
    return _CHAT_TOKEN.subn(lambda match: f"{match.group()[0]} {match.group()[1:-1]} {match.group()[-1]}", text)


def _unquoted(text: str) -> str:
    """Blank quotations and code, unless they are most of the text."""
    blanked = _QUOTED.sub(lambda match: " " * len(match.group()), text)
    return blanked if len(blanked.strip()) and _letters(blanked) > (1 - _MOSTLY) * _letters(text) else text


def _letters(text: str) -> int:
    return len(text) - text.count(" ")


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", disguise.TAGS.sub("", disguise.ZERO_WIDTH.sub("", text)))
    return text.lower()


def _rules(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(disguise.hidden(text))
    folded = _folded(text)
    shown = matched(folded)
    if shown:
        shown = matched(_unquoted(folded))
    found.update(dict.fromkeys(shown))
    if _ROLE_TOKEN.search(text) and _ROLE_TOKEN.search(_unquoted(text)):
        found["chat tokens"] = None
    if "![" in text and _IMAGE.search(text):
        found["image that carries data"] = None
    if any(matched(_folded(part)) for part in [*disguise.untagged(text), *disguise.decoded(text)]):
        found["encoded instructions"] = None
    if not shown and any(matched(reading) and matched(_unquoted(reading)) for reading in disguise.deciphered(folded)):
        found["disguised instructions"] = None
    return tuple(found)


_kept_rules = lru_cache(maxsize=8192)(_rules)


def injection_rules(text: str) -> list[str]:
    """Return the names of the rules by which a text carries an injection; an empty list if it does not.

    Hidden characters are looked for as well, so the text must be as it came, not cleaned.
    """
    return list(_kept_rules(text) if len(text) <= _LONGEST_KEPT else _rules(text[:LONGEST]))


def injection_fault(example: Example) -> Reason | None:
    """Return where an example carries an injection and by which rule, or None.

    Args:
        example: as it was written; characters that nobody can see must still be in it.
    """
    for message in example.messages:
        if message["role"] == "user" and example.task in REQUEST_TASKS:
            continue
        rules = injection_rules(message_text(message))
        if rules:
            code = "injection.answer" if message["role"] == "assistant" else "injection.question"
            return Reason(code, rules[0])
    worse = "\n".join(filter(None, [example.rejected, calls_text(example.rejected_calls)]))
    rules = injection_rules(worse) if worse else []
    return Reason("injection.rejected", rules[0]) if rules else None


def neutralised(example: Example) -> tuple[Example, int]:
    """Return an example whose texts hold no token of a chat template, and the number of tokens it held."""
    count = 0

    def harmless(text: str) -> str:
        nonlocal count
        changed, number = neutral(text)
        count += number
        return changed

    changed = example.with_texts(harmless)
    return (changed, count) if count else (example, 0)
