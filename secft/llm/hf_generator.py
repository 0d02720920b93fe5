"""A model of transformers in memory: prompts in, texts out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secft.config.llm import HfLlm
from secft.llm.errors import AccessError, RefusedError


class Generator:
    """A loaded model with its tokenizer and chat template."""

    def __init__(self, config: HfLlm, path: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        cuda = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
        if cuda and not torch.cuda.is_available():
            raise AccessError("no CUDA device", "llm.device=cuda, and torch finds none")
        self._device = "cuda" if cuda else "cpu"
        self._temperature, self._seed = config.temperature, config.seed
        self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, padding_side="left")
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        model = AutoModelForCausalLM.from_pretrained(path, local_files_only=True, dtype="auto", use_safetensors=True)
        self._model = model.to(self._device).eval()
        self._longest = int(getattr(model.config, "max_position_embeddings", 1 << 20))

    def render(self, messages: list[dict[str, str]]) -> str:
        """Return the prompt of a conversation."""
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def generate(self, prompts: list[str], lengths: list[int]) -> list[tuple[str, int, int, bool]]:
        """Return per prompt its reply, the tokens of prompt and reply, and whether the reply came to its own end.

        Raises:
            RefusedError: a prompt and its reply are longer than the model allows.
        """
        import torch

        inputs = self._tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        width, longest = inputs["input_ids"].shape[1], max(lengths)
        if width + longest > self._longest:
            raise RefusedError("too long", f"{width} tokens and a reply of {longest}; the model allows {self._longest}")
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if self._temperature > 0:
            torch.manual_seed(self._seed)
            sampling = {"do_sample": True, "temperature": self._temperature, "top_p": 1.0, "top_k": 0}
        with torch.inference_mode():
            rows = self._model.generate(
                **inputs.to(self._device),
                max_new_tokens=longest,
                pad_token_id=self._tokenizer.pad_token_id,
                **sampling,
            )
        replies = []
        for row, length, mask in zip(rows, lengths, inputs["attention_mask"], strict=True):
            text, tokens, ended = self._cut(row[width:].tolist(), length)
            replies.append((text, int(mask.sum()), tokens, ended))
        return replies

    def _cut(self, tokens: list[int], length: int) -> tuple[str, int, bool]:
        """Return text, number of tokens, and whether an end token came within the length."""
        ends = self._model.generation_config.eos_token_id
        known = {ends} if isinstance(ends, int) else set(ends or [self._tokenizer.eos_token_id])
        tokens = tokens[:length]
        end = next((index for index, token in enumerate(tokens) if token in known), None)
        kept = tokens if end is None else tokens[:end]
        text = str(self._tokenizer.decode(kept, skip_special_tokens=True))
        return text.strip(), len(kept) + (end is not None), end is not None
