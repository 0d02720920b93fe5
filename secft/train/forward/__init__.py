"""Summed next-token loss of a flat batch: a fast path for Llama-like models and a generic one."""

from secft.train.forward.select import LossFunction, select_forward

__all__ = ["LossFunction", "select_forward"]
