"""Where an answer ends: the tokens that a chat template puts behind it."""

from __future__ import annotations

from typing import Any

ENDS_OF_TEXT = (
    "<|end_of_text|>",
    "<|endoftext|>",
    "</s>",
    "<eos>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
    "<|END_OF_TEXT|>",
)
"""Tokens that end a text in pretraining."""
_UNUSED_TAILS: dict[tuple[str, str], str] = {}
_ASK, _REPLY = {"role": "user", "content": "probe_question"}, {"role": "assistant", "content": "probe_reply"}


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Return the ids of all special tokens: those that have a name, and those that the vocabulary marks as special.

    Many tokenizers mark the end of a turn so and give it no name (``<end_of_turn>``, ``<|end|>``).
    """
    marked = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset({*tokenizer.all_special_ids, *marked})


def ends_turns(tokenizer: Any) -> frozenset[int]:
    """Return the ids of tokens that may end a turn: special ones, and any other that was added to the vocabulary."""
    return special_ids(tokenizer) | frozenset(tokenizer.added_tokens_decoder)


def begin_id(tokenizer: Any) -> int | None:
    """Return the id that the tokenizer puts before every text, or None where it puts none."""
    ids = tokenizer("a")["input_ids"]
    return int(ids[0]) if len(ids) > 1 and ids[0] == tokenizer.bos_token_id else None


def end_of_text_id(tokenizer: Any) -> int | None:
    """Return the id that ended the texts of pretraining; chat models name the token that ends a turn instead.

    A token that also stands for what is unknown is not taken.
    """
    known = {str(token.content): number for number, token in tokenizer.added_tokens_decoder.items()}
    own = tokenizer.eos_token_id
    if own is not None and tokenizer.eos_token in ENDS_OF_TEXT:
        return int(own)
    named = next((known[one] for one in ENDS_OF_TEXT if one in known and one != tokenizer.unk_token), None)
    return named if named is not None else None if own is None else int(own)


def ensure_padding(tokenizer: Any) -> Any:
    """Give a tokenizer a token to pad with where it has none: one that is made for it, else one that is rarely seen.

    What pads is masked everywhere and never learned. Returns the tokenizer.
    """
    if tokenizer.pad_token_id is None:
        added = [str(token.content) for token in tokenizer.added_tokens_decoder.values() if token.special]
        made = [token for token in added if "pad" in token.lower()]
        reserved = [token for token in added if "reserved" in token.lower()]
        tokenizer.pad_token = next(
            token for token in (*made, tokenizer.unk_token, *reserved, tokenizer.eos_token, *added) if token
        )
    return tokenizer


def without_tail(tokenizer: Any, text: str) -> str:
    """Cut what a template renders behind the end of the last turn only, and white space before it.

    Some write an end of text behind the whole conversation (Phi 3: ``<|end|>``, a line break, ``<|endoftext|>``); a
    model has stopped before. What stands behind an answer also when the conversation goes on is the end of its turn.
    """
    text = text.rstrip()
    tail = _unused_tail(tokenizer)
    return text.removesuffix(tail).rstrip() if tail else text


def _unused_tail(tokenizer: Any) -> str:
    template = tokenizer.chat_template
    key = (str(template), str(tokenizer.eos_token))
    if key not in _UNUSED_TAILS:
        _UNUSED_TAILS[key] = _probed(tokenizer)
    return _UNUSED_TAILS[key]


def _probed(tokenizer: Any) -> str:
    last, inner = _behind(tokenizer, []), _behind(tokenizer, [_ASK, _REPLY])
    encoded = tokenizer(last, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    others = tokenizer(inner, add_special_tokens=False)["input_ids"]
    same = next((k for k, (one, other) in enumerate(zip(ids, others, strict=False)) if one != other), len(others))
    if same >= len(ids) or not ends_turns(tokenizer).intersection(ids[:same]):
        return ""  # it ends alike everywhere, or a last turn ends in another way than one before it
    return last[offsets[same][0] :].strip()


def _behind(tokenizer: Any, more: list[dict[str, str]]) -> str:
    """Return what a template renders behind an answer, with or without a question after it."""
    try:
        text = str(tokenizer.apply_chat_template([_ASK, _REPLY, *more], tokenize=False))
    except Exception:  # noqa: BLE001  # templates raise errors of many types, their own raise_exception among them
        return ""
    return text.partition(_REPLY["content"])[2]
