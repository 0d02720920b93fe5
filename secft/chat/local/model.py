"""A model of transformers in this process: it answers in batches, and scores answers as trees."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from secft.chat.local.prompts import continuation, encode_pair, render
from secft.chat.local.trees import Tree, branch_scores, precise_logits, real_tokens, shared_prefix, tree_batch
from secft.models.turns import ends_turns
from secft.records import Message

_TOKENS_AT_ONCE = 8192
_ANSWERS_PER_ROW = 4


def end_of_turn(tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: what the chat template puts there, and the end of text."""
    question = [Message(role="user", content="a")]
    context = render(tokenizer, question, generation_prompt=True)
    closing = encode_pair(tokenizer, context, continuation(tokenizer, question, context, "b"))[1][-1]
    ends = {closing, tokenizer.eos_token_id} if closing in ends_turns(tokenizer) else {tokenizer.eos_token_id}
    return sorted(token for token in ends if token is not None)


def attention_window(config: Any) -> int | None:
    """Return how many tokens the layers of a model see at most, where some see no more than a window."""
    text = config.get_text_config()
    window, kinds = getattr(text, "sliding_window", None), getattr(text, "layer_types", None)
    sliding = kinds is None or any("sliding" in str(kind) for kind in kinds)
    return int(window) if window and sliding else None


@dataclass(frozen=True)
class Generated:
    """One answer.

    Attributes:
        text: without special tokens.
        prompt_tokens: of the question.
        tokens: of the answer, its end included.
        ended: it came to its own end.
    """

    text: str
    prompt_tokens: int
    tokens: int
    ended: bool


class LocalModel:
    """A model that is loaded already; whoever calls switches its adapter on and off.

    Attributes:
        model: a causal model of transformers, bare or wrapped by peft.
        tokenizer: a fast tokenizer with a chat template.
        batch_size: prompts per forward pass.
        advance: told the number of tokens of work after each batch.
        max_length: longest row, in tokens.
        ends: tokens that end an answer.
        window: tokens that some layers see at most, or None where all see everything.
        pad: fills rows.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        batch_size: int = 1,
        advance: Callable[[int], None] = lambda tokens: None,
        ends: Sequence[int] | None = None,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.batch_size, self.advance = batch_size, advance
        self.max_length = int(getattr(model.config.get_text_config(), "max_position_embeddings", 2048))
        self.window = attention_window(model.config)
        self.ends = list(end_of_turn(tokenizer) if ends is None else ends)
        pad = tokenizer.pad_token_id
        self.pad = pad if pad is not None else self.ends[0]

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Score continuations; pairs with the same context share one row.

        Args:
            pairs: (context, continuation) texts.

        Returns:
            (log-likelihood, is greedy) per pair.
        """
        encoded = [encode_pair(self.tokenizer, *pair) for pair in pairs]
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, (context, _) in enumerate(encoded):
            groups.setdefault(tuple(context), []).append(number)
        trees = [Tree(context, tuple(tuple(encoded[k][1]) for k in members)) for context, members in groups.items()]
        scores = self.score_trees([tree.cut(self.max_length) for tree in trees])
        results: list[tuple[float, bool]] = [(float("nan"), False)] * len(encoded)
        for members, row in zip(groups.values(), scores, strict=True):
            for number, score in zip(members, row, strict=True):
                results[number] = score
        return results

    def score_trees(self, trees: Sequence[Tree]) -> list[list[tuple[float, bool]]]:
        """Score every branch of every tree, longest rows first; what all prompts begin with is computed once.

        Where a model's layers see a window only and rows are longer, each branch is a row of its own and the model
        masks it as it was trained.
        """
        if self.window and any(tree.length >= self.window for tree in trees):
            return self._score_alone(trees)
        prefix = shared_prefix(trees)
        memory = self._remember(prefix)
        rows = [Tree(tree.context[len(prefix) :], tree.branches) for tree in trees]
        results: list[list[tuple[float, bool]]] = [[] for _ in trees]
        order = sorted(range(len(trees)), key=lambda k: -rows[k].length)
        for numbers in _batches(order, [row.length for row in rows], self.batch_size):
            flat = iter(self._score([rows[k] for k in numbers], len(prefix), memory))
            for k in numbers:
                results[k] = [next(flat) for _ in rows[k].branches]
            self.advance(sum(trees[k].length for k in numbers))
        return results

    def _score_alone(self, trees: Sequence[Tree]) -> list[list[tuple[float, bool]]]:
        owners = [number for number, tree in enumerate(trees) for _ in tree.branches]
        rows = [Tree(tree.context, (branch,)) for tree in trees for branch in tree.branches]
        results: list[list[tuple[float, bool]]] = [[] for _ in trees]
        scored: dict[int, tuple[float, bool]] = {}
        order = sorted(range(len(rows)), key=lambda k: -rows[k].length)
        for numbers in _batches(order, [row.length for row in rows], self.batch_size):
            found = self._score([rows[k] for k in numbers], 0, None, whole=False)
            scored.update(zip(numbers, found, strict=True))
            self.advance(sum(rows[k].length for k in numbers))
        for number, owner in enumerate(owners):
            results[owner].append(scored[number])
        return results

    @torch.inference_mode()
    def _remember(self, prefix: Sequence[int]) -> Any:
        """Return the keys and values of tokens that come first, or None for none."""
        if not prefix:
            return None
        ids = torch.tensor([list(prefix)], device=self.model.device)
        with self._only_places(torch.zeros((2, 1), dtype=torch.long)):
            return self.model(input_ids=ids, use_cache=True).past_key_values

    @torch.inference_mode()
    def _score(
        self, trees: Sequence[Tree], shared: int, memory: Any, *, whole: bool = True
    ) -> list[tuple[float, bool]]:
        """Score rows; with ``whole`` false they have one branch each, and the model's own masks are used."""
        batch = tree_batch(trees, self.pad, self.model.dtype, shared)
        mask = batch.mask if whole else real_tokens(trees)
        device = self.model.device
        past = copy.deepcopy(memory)
        if past is not None:
            past.batch_repeat_interleave(len(trees))
        with self._only_places(batch.at.to(device)) as given:
            output = self.model(
                input_ids=batch.input_ids.to(device),
                attention_mask=mask.to(device),
                position_ids=batch.position_ids.to(device),
                past_key_values=past,
                use_cache=past is not None,
            )
        logits = output.logits[0]
        precise = precise_logits(given[0], self.model.get_output_embeddings(), logits, batch)
        return branch_scores(logits, batch, precise)

    @contextmanager
    def _only_places(self, at: torch.Tensor) -> Iterator[list[torch.Tensor]]:
        """Give the output layer only the hidden states that predict a scored token; lend them to the caller.

        The output layer is a quarter of a small model's work; prompts need none of it. Whatever the model does
        to its logits afterwards (scaling, capping) is done as usual.
        """
        given: list[torch.Tensor] = []

        def gather(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            given.append(inputs[0][at[0], at[1]])
            return (given[0][None], *inputs[1:])

        handle = self.model.get_output_embeddings().register_forward_pre_hook(gather)
        try:
            yield given
        finally:
            handle.remove()

    def answer(self, contexts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Continue rendered prompts greedily; what is too long loses its beginning."""
        prompts = [self.tokenizer(context, add_special_tokens=False)["input_ids"] for context in contexts]
        prompts = [ids[-(self.max_length - max_new_tokens) :] for ids in prompts]
        results = [""] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda k: -len(prompts[k]))
        # One new token at a time leaves room for more rows than whole prompts do.
        for numbers in _batches(order, [len(ids) for ids in prompts], self.batch_size * _ANSWERS_PER_ROW):
            batch = self.generate([prompts[k] for k in numbers], [max_new_tokens] * len(numbers))
            for k, generated in zip(numbers, batch, strict=True):
                results[k] = generated.text
            self.advance(sum(len(prompts[k]) + max_new_tokens for k in numbers))
        return results

    @torch.inference_mode()
    def generate(
        self, prompts: Sequence[Sequence[int]], lengths: Sequence[int], *, temperature: float = 0.0, seed: int = 0
    ) -> list[Generated]:
        """Answer one batch of prompts.

        Args:
            prompts: token ids.
            lengths: of the longest answer to each, in tokens.
            temperature: 0 takes the likeliest token each time.
            seed: of sampling.
        """
        from transformers import GenerationConfig

        width = max(map(len, prompts))
        ids = torch.tensor([[self.pad] * (width - len(prompt)) + list(prompt) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        sampling: dict[str, Any] = {"do_sample": False}
        if temperature > 0:
            torch.manual_seed(seed)
            sampling = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
        settings = GenerationConfig(
            max_new_tokens=max(lengths), eos_token_id=self.ends, pad_token_id=self.pad, use_cache=True, **sampling
        )
        device = self.model.device
        output = self.model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), generation_config=settings
        )
        rows = zip(output[:, width:].tolist(), prompts, lengths, strict=True)
        return [self._cut(row, len(prompt), length) for row, prompt, length in rows]

    def _cut(self, tokens: list[int], prompt_tokens: int, length: int) -> Generated:
        """Cut an answer at its end, or at its length."""
        tokens = tokens[:length]
        end = next((index for index, token in enumerate(tokens) if token in self.ends), None)
        kept = tokens if end is None else tokens[:end]
        text = str(self.tokenizer.decode(kept, skip_special_tokens=True)).strip()
        return Generated(text, prompt_tokens, len(kept) + (end is not None), end is not None)


def _batches(order: Sequence[int], lengths: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Cut an order (longest first) into batches of at most so many rows and tokens, padding included."""
    batch: list[int] = []
    for number in order:
        widest = lengths[batch[0]] if batch else lengths[number]
        if batch and (len(batch) == rows or widest * (len(batch) + 1) > _TOKENS_AT_ONCE):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
