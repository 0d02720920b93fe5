"""A model as lm-eval sees one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import LM

from secft.chat.protocol import AnsweringModel


class LmEvalModel(LM):  # type: ignore[misc]
    """lm-eval's interface over a model that answers and scores.

    Attributes:
        model: what is asked.
        max_new_tokens: longest answer.
    """

    def __init__(self, model: AnsweringModel, max_new_tokens: int) -> None:
        super().__init__()
        self.model, self.max_new_tokens = model, max_new_tokens

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Score continuations.

        Args:
            requests: lm-eval instances with (context, continuation) texts.

        Returns:
            (log-likelihood, is greedy) per request.
        """
        return self.model.log_likelihoods([request.args for request in requests])

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Answer greedily until the end of the turn.

        Args:
            requests: lm-eval instances with (context, generation settings); only ``until`` is read.
        """
        texts = self.model.answer([request.args[0] for request in requests], self.max_new_tokens)
        return [
            _before_any(text, request.args[1].get("until", [])) for text, request in zip(texts, requests, strict=True)
        ]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Not offered: secft measures answers to questions, never bare text."""
        raise NotImplementedError("secft's tasks score answers, not running text")


def _before_any(text: str, stops: Sequence[str]) -> str:
    """Cut a text before the first stop string."""
    ends = [text.find(stop) for stop in stops if stop and stop in text]
    return text[: min(ends)] if ends else text
