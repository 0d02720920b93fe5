"""Tiny random models of the Hub's usual architectures, each with a tokenizer and a chat template like its family's.

Templates that trl carries are the official ones, read from the installed package; the others are written here after the
shape of their family's.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
LLAMA3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>", "<|start_header_id|>",
          "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]  # fmt: skip
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
THINKS = ["<think>", "</think>", "<tool_call>", "</tool_call>"]
MISTRAL = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
GEMMA = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
PHI = ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"]
GRANITE = ["<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"]

MISTRAL_TEMPLATE = """\
{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] | trim + eos_token }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported!") }}
    {%- endif %}
{%- endfor %}
"""
"""The system message stands in the last question, as long as nobody has answered it."""
ALTERNATING = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant roles!') }}{% endif %}"
    "{% endfor %}"
)
"""No system message, and user and assistant in turn."""
DATED = (
    "{%- set today = strftime_now('%B %d, %Y') %}"
    "{%- if messages[0]['role'] != 'system' %}{{ '<|start_of_role|>system<|end_of_role|>Today is ' + today + '."
    "<|end_of_text|>\\n' }}{%- endif %}{%- for message in messages %}"
    "{{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}"
)
"""A default system message that reads the clock."""


@dataclass(frozen=True)
class Family:
    """One architecture.

    Attributes:
        architecture: prefix of its classes in transformers.
        tokens: special ones.
        template: name of the file in trl, or the template's text.
        named: special tokens that the tokenizer has names for.
        stops: tokens at which its generation ends.
        sizes: what its configuration needs besides SMALL.
        pieces: pieces of SentencePiece instead of bytes; with "prefix" a text begins with a blank.
        plain: tokens that are added without being special.
        overrides: what a run with system messages needs.
    """

    architecture: str
    tokens: list[str]
    template: str
    named: dict[str, str]
    stops: list[str]
    sizes: dict[str, Any] = field(default_factory=dict)
    pieces: str = ""
    plain: list[str] = field(default_factory=list)
    overrides: tuple[str, ...] = ()
    config: str = ""


ROPE3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 1024, "rope_theta": 500000.0}  # fmt: skip
NAMED_GEMMA = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
NAMED_MISTRAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
HEADS = {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 32}
FAMILIES = {
    "llama31": Family("Llama", LLAMA3, "llama3_1", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
                      ["<|end_of_text|>", "<|eot_id|>"], {"rope_parameters": ROPE3}),
    "llama32": Family("Llama", LLAMA3, "llama3_2", {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
                      ["<|end_of_text|>", "<|eot_id|>"], {"tie_word_embeddings": True}),
    "qwen25": Family("Qwen2", CHATML, "qwen2_5", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
                     ["<|im_end|>", "<|endoftext|>"], {"tie_word_embeddings": True}),
    "qwen3": Family("Qwen3", CHATML, "qwen3", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
                    ["<|im_end|>", "<|endoftext|>"], {"head_dim": 16}, plain=THINKS),
    "gemma2": Family("Gemma2", GEMMA, "gemma", NAMED_GEMMA, ["<eos>", "<end_of_turn>"], HEADS, "whole"),
    "gemma3": Family("Gemma3", GEMMA, "gemma3", NAMED_GEMMA, ["<eos>", "<end_of_turn>"], HEADS, "whole",
                     config="Gemma3TextConfig"),
    "phi3": Family("Phi3", PHI, "phi3", {"bos_token": "<s>", "eos_token": "<|endoftext|>", "unk_token": "<unk>",
                                         "pad_token": "<|endoftext|>"},
                   ["<|endoftext|>", "<|end|>"], {"pad_token_id": 3}, "prefix"),
    "mistral03": Family("Mistral", MISTRAL, MISTRAL_TEMPLATE, NAMED_MISTRAL, ["</s>"], {"sliding_window": None},
                        "prefix", overrides=("model.system=question",)),
    "mixtral": Family("Mixtral", MISTRAL, ALTERNATING, NAMED_MISTRAL, ["</s>"],
                      {"num_local_experts": 4, "num_experts_per_tok": 2, "router_aux_loss_coef": 0.0}, "prefix"),
    "granite": Family("Granite", GRANITE, DATED, dict.fromkeys(("bos_token", "eos_token", "pad_token"),
                                                               "<|end_of_text|>"), ["<|end_of_text|>"]),
}  # fmt: skip
LICENCE = "---\nlicense: apache-2.0\n---\n# A model\n\nLoad it as `makers/{name}`.\n"


def build(name: str, directory: Path) -> Path:
    """Write the model of a family into a new directory."""
    import torch
    import transformers

    family, tokenizer = FAMILIES[name], _tokenizer(FAMILIES[name])
    directory.mkdir(parents=True)
    tokenizer.save_pretrained(directory)
    ids = {f"{key}_token_id": getattr(tokenizer, f"{key}_token_id") for key in ("bos", "eos", "pad")}
    configuration = getattr(transformers, family.config or f"{family.architecture}Config")
    config = configuration(**{**SMALL, **ids, **family.sizes, "vocab_size": len(tokenizer)})
    torch.manual_seed(0)
    model = getattr(transformers, f"{family.architecture}ForCausalLM")(config)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(family.stops)
    model.to(torch.bfloat16).save_pretrained(directory)
    (directory / "README.md").write_text(LICENCE.format(name=directory.name), encoding="utf-8")
    return directory


def build_seeing(directory: Path) -> Path:
    """Write a Gemma 3 that also sees into a new directory."""
    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, SiglipVisionConfig

    tokenizer, family = family_tokenizer("gemma3"), FAMILIES["gemma3"]
    directory.mkdir(parents=True)
    tokenizer.save_pretrained(directory)
    text = Gemma3TextConfig(**{**SMALL, **family.sizes}, vocab_size=len(tokenizer))
    sight = SiglipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4, image_size=28, patch_size=14
    )
    torch.manual_seed(0)
    model = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=sight, mm_tokens_per_image=4))
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(family.stops)
    model.to(torch.bfloat16).save_pretrained(directory)
    return directory


@cache
def family_tokenizer(name: str) -> Any:
    """Return the tokenizer of a family, with its chat template; not to be changed."""
    return _tokenizer(FAMILIES[name])


def _tokenizer(family: Family) -> Any:
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    made = (_pieces if family.pieces else _bytes)(family)
    made.add_tokens([AddedToken(token, special=False, normalized=False) for token in family.plain])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, **family.named)
    fast.chat_template = _template(family.template)
    return fast


def _template(template: str) -> str:
    if "{" in template:
        return template
    import trl

    text: str = Path(trl.__file__).parent.joinpath("chat_templates", f"{template}.jinja").read_text(encoding="utf-8")
    return text


def _bytes(family: Family) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*family.tokens, *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return _begun(made, family, [AddedToken(token, special=True, normalized=False) for token in family.tokens])


def _pieces(family: Family) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    letters = ["\u2581", *map(chr, range(33, 127))]
    every = [*family.tokens, *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    vocabulary = {token: number for number, token in enumerate(every)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    blanks: list[Any] = [normalizers.Replace(" ", "\u2581")]
    if family.pieces == "prefix":
        blanks.insert(0, normalizers.Prepend("\u2581"))
    made.normalizer = normalizers.Sequence(blanks)
    made.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    return _begun(made, family, [AddedToken(token, special=True, normalized=False) for token in family.tokens])


def _begun(made: Any, family: Family, special: list[Any]) -> Any:
    from tokenizers import processors

    made.add_special_tokens(special)
    first = family.named.get("bos_token")
    if first and first != family.named["eos_token"]:
        made.post_processor = processors.TemplateProcessing(
            single=f"{first} $A", special_tokens=[(first, made.token_to_id(first))]
        )
    return made


WORDS = ["Weakness", "input", "output", "encoding", "query", "header", "token", "session", "parser", "kernel", "cookie"]


def _answer(words: list[str], turn: int, number: int) -> str:
    return f"{' '.join(words[turn : turn + 5])} is {number} here. It comes from {' '.join(words[-5:])}."


def conversations(kind: Callable[[int], tuple[bool, bool]], count: int = 24) -> str:
    """Return JSONL of conversations, half of them with a worse last answer.

    Args:
        kind: number -> (has a system message, has two questions).
        count: rows.
    """
    lines, drawn = [], random.Random(7)
    for number in range(count):
        system, turns = kind(number)
        words = drawn.choices(WORDS, k=12)
        messages = [{"role": "system", "content": "Answer briefly."}] if system else []
        for turn in range(2 if turns else 1):
            messages.append({"role": "user", "content": f"What is {words[turn]} {number}?"})
            messages.append({"role": "assistant", "content": _answer(words, turn, number)})
        row = {"id": f"r{number}", "entity": f"e{number}", "task": "explain", "messages": messages}
        worse = {"rejected": f"Nothing {words[-1]} {number}."} if number // 4 % 2 else {}
        lines.append(json.dumps({**row, **worse}))
    return "\n".join(lines) + "\n"
