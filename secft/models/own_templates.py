"""Chat templates for base models that bring none: ChatML and Alpaca, with the tokens that a model has."""

from __future__ import annotations

from pathlib import Path

from secft.errors import InputError
from secft.models.soundness import read_object

CHATML = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] }}{{ END }}{{ '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
ALPACA = """\
{%- if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + '\\n\\n' }}
{%- else %}{{ 'Below is an instruction that describes a task. ' }}
{{- 'Write a response that appropriately completes the request.\\n\\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message['role'] == 'user' %}{{ '### Instruction:\\n' + message['content'] + '\\n\\n' }}
{%- elif message['role'] == 'assistant' %}{{ '### Response:\\n' + message['content'] }}{{ END }}{{ '\\n\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '### Response:\\n' }}{% endif %}"""
"""The prompt of Stanford Alpaca (Taori et al. 2023), for several turns."""
OWN = {"chatml": CHATML, "alpaca": ALPACA}
CHATML_END = "<|im_end|>"
MAX_BYTES = 1 << 20


def chosen_template(choice: str, directory: Path) -> str:
    """Return the chat template that a configuration names, for the tokens of a model.

    A turn ends with a token that the model knows: ``<|im_end|>`` of ChatML where the vocabulary has it, else the end
    of text. A text begins as the tokenizer begins it.

    Args:
        choice: ``chatml``, ``alpaca``, or a Jinja file.
        directory: of the model.

    Raises:
        InputError: there is no such file, it is too large or no text, or the model has no token that could end a turn.
    """
    if choice not in OWN:
        return _read(Path(choice))
    tokens = read_object(directory / "tokenizer_config.json") if _has(directory, "tokenizer_config.json") else {}
    special = _added_tokens(directory)
    if choice == "chatml" and CHATML_END in special:
        end = f"'{CHATML_END}'"
    elif _content(tokens.get("eos_token")):
        end = "eos_token"
    else:
        raise InputError(f"model.chat_template={choice}: the tokenizer in {directory} names no eos_token to end a turn")
    start = "{{- bos_token }}" if _begins_with(_content(tokens.get("bos_token")), tokens, directory) else ""
    return start + OWN[choice].replace("END", end)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"model.chat_template: {path} has more than {MAX_BYTES:,} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(OWN)
        raise InputError(f"model.chat_template: {path} is neither a file nor one of {known}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"model.chat_template: {path} is not UTF-8 ({error})") from error


def _has(directory: Path, name: str) -> bool:
    return (directory / name).is_file()


def _added_tokens(directory: Path) -> set[str]:
    if not _has(directory, "tokenizer.json"):
        return set()
    added = read_object(directory / "tokenizer.json").get("added_tokens") or []
    return {str(entry.get("content")) for entry in added if isinstance(entry, dict)}


def _content(token: object) -> str:
    """Return a special token of tokenizer_config.json, which is a text or an object with one."""
    value = token.get("content") if isinstance(token, dict) else token
    return value if isinstance(value, str) else ""


def _begins_with(token: str, tokens: dict[str, object], directory: Path) -> bool:
    """Tell whether the tokenizer puts its first token before every text."""
    if not token or "add_bos_token" in tokens:
        return bool(token) and bool(tokens.get("add_bos_token"))
    if not _has(directory, "tokenizer.json"):
        return False
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    ids = tokenizer.encode("a").ids
    return bool(ids) and ids[0] == tokenizer.token_to_id(token)
