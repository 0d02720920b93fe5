"""What trl's PPO asks beside its policy: a reward for every answer, and a value for every token.

trl takes a reward model and a value model as modules with a backbone, named by ``base_model_prefix``, and a layer
``score`` on its hidden states. Here the reward is checked, so the "backbone" of the reward hands the token ids on as
they are; the values come from a small head on the policy's own hidden states, so that no second model is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from rewards import reward
from torch import nn
from trl.experimental.ppo.modeling_value_head import ValueHead

NOTHING = -1
"""Stands where a row has padding."""


@dataclass(frozen=True)
class Question:
    """A prompt whose answers can be checked.

    Attributes:
        input_ids: tokens of the prompt.
        answer: the right answer.
        choices: all choices; empty for an open question.
    """

    input_ids: tuple[int, ...]
    answer: str
    choices: tuple[str, ...]

    def reward(self, said: str) -> float:
        """Return how right an answer is, from 0 to 1."""
        return float(reward(said, self.answer, self.choices))


class TokenIds(nn.Module):
    """A backbone whose last hidden state is the token ids, NOTHING in place of padding."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        """Return an object with ``hidden_states``, of shape (rows, tokens)."""
        return SimpleNamespace(hidden_states=(input_ids.masked_fill(~attention_mask.bool(), NOTHING),))


class CheckedReward(nn.Module):
    """In the place of a reward model: rows of a prompt and an answer get the checked reward of the answer.

    Attributes:
        base_model_prefix: where trl finds the backbone.
        answer_tokens: tokens of the answers that were rewarded so far.
    """

    base_model_prefix = "tokens"

    def __init__(self, tokenizer: Any, questions: Iterable[Question]) -> None:
        """Remember which prompt asks what.

        Args:
            tokenizer: decodes answers.
            questions: all that are asked. If the same prompt is asked with several right answers, the best reward
                counts.
        """
        super().__init__()
        self.tokens = TokenIds()
        self.tokenizer = tokenizer
        self.questions: dict[tuple[int, ...], list[Question]] = {}
        for question in questions:
            self.questions.setdefault(question.input_ids, []).append(question)
        self.answer_tokens = 0
        self.lengths = sorted({len(prompt) for prompt in self.questions}, reverse=True)

    def score(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the reward of every row at all of its tokens: (rows, tokens, 1)."""
        found = [self.of_tokens([token for token in row if token != NOTHING]) for row in rows.tolist()]
        rewards = torch.tensor(found, dtype=torch.float32, device=rows.device)
        return rewards.view(-1, 1, 1).expand(*rows.shape, 1)

    def of_tokens(self, row: Sequence[int]) -> float:
        """Return the reward of a prompt with its answer.

        Raises:
            KeyError: no such prompt is asked.
        """
        for length in self.lengths:
            asked = self.questions.get(tuple(row[:length]))
            if asked is not None:
                self.answer_tokens += len(row) - length
                said = self.tokenizer.decode(row[length:], skip_special_tokens=True)
                return max(question.reward(said) for question in asked)
        raise KeyError("a row does not begin with a prompt that is asked")


class PolicyTrunk(nn.Module):
    """The policy without its head, and without gradients: what values are read from."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        inner = policy.get_base_model() if hasattr(policy, "get_base_model") else policy
        # Not registered: the weights are the policy's.
        self._inner = (getattr(inner, inner.base_model_prefix),)

    @torch.no_grad()
    def forward(self, **inputs: Any) -> Any:
        """Return the output of the policy's decoder."""
        return self._inner[0](**inputs)


class TokenValues(nn.Module):
    """In the place of a value model: one linear layer on the policy's hidden states (trl's ValueHead).

    It begins at zero: before anything was learned, nothing is expected. What it learns does not change the policy.

    Attributes:
        base_model_prefix: where trl finds the backbone.
    """

    base_model_prefix = "trunk"

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.trunk = PolicyTrunk(policy)
        self.head = ValueHead(policy.config, summary_dropout_prob=0.0)
        nn.init.zeros_(self.head.summary.weight)
        nn.init.zeros_(self.head.summary.bias)

    def score(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the values of tokens: (rows, tokens, 1)."""
        values: torch.Tensor = self.head(hidden)
        return values
