"""The forward pass for any causal language model: transformers' own, on length-sorted padded groups.

Examples of a packed batch are taken apart again and padded to the longest of
their group. That wastes a little work and is exact for every architecture,
whatever its attention is.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from secft.train.template import IGNORED

if TYPE_CHECKING:
    import torch

MAX_PADDING = 0.1


def length_groups(lengths: Sequence[int]) -> list[list[int]]:
    """Group examples of similar length.

    Args:
        lengths: tokens of each example.

    Returns:
        Groups of indices, longest first; padding is at most MAX_PADDING of a group's tokens.
    """
    groups: list[list[int]] = []
    longest = 0
    used = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        padded = longest * (len(groups[-1]) + 1) if groups else 0
        if groups and padded - used - lengths[index] <= MAX_PADDING * padded:
            groups[-1].append(index)
            used += lengths[index]
        else:
            groups.append([index])
            longest = used = lengths[index]
    return groups


class GenericLoss:
    """Loss through ``model.forward``, with logits only at positions that some example of the group is trained at."""

    name = "generic"

    def __init__(self, model: Any) -> None:
        self.model = model
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        # SFTTrainer replaces forward on the instance; the signature that counts is the class's own.
        self.keeps_logits = "logits_to_keep" in inspect.signature(type(base).forward).parameters

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return the summed negative log-likelihood of a flat batch (nats, scalar)."""
        import torch

        lengths = batch["lengths"].tolist()
        starts = [sum(lengths[:index]) for index in range(len(lengths))]
        total = torch.zeros((), dtype=torch.float32, device=batch["input_ids"].device)
        for group in length_groups(lengths):
            total = total + self._group_loss(batch, [(starts[i], lengths[i]) for i in group])
        return total

    def _group_loss(self, batch: dict[str, torch.Tensor], spans: list[tuple[int, int]]) -> torch.Tensor:
        import torch

        width = max(length for _, length in spans)
        shape = (len(spans), width)
        device = batch["input_ids"].device
        ids = torch.zeros(shape, dtype=torch.long, device=device)
        mask = torch.zeros(shape, dtype=torch.long, device=device)
        targets = torch.full(shape, IGNORED, dtype=torch.long, device=device)
        for row, (start, length) in enumerate(spans):
            ids[row, :length] = batch["input_ids"][start : start + length]
            targets[row, :length] = batch["labels"][start : start + length]
            mask[row, :length] = 1
        arguments: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        columns = (targets != IGNORED).any(dim=0).nonzero().squeeze(-1)
        if columns.numel() == 0:
            return torch.zeros((), dtype=torch.float32, device=device)
        if self.keeps_logits:
            arguments["logits_to_keep"] = columns
            targets = targets[:, columns]
        logits = self.model(**arguments).logits
        return summed_loss(logits, targets)


def summed_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the summed negative log-likelihood (nats, scalar) of targets (B, N) that are not ignored.

    Args:
        logits: (B, N, vocabulary).
        targets: (B, N).
    """
    from torch.nn import functional

    trained = targets != IGNORED
    return functional.cross_entropy(logits[trained].float(), targets[trained], reduction="sum")


def whole_batch_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the summed loss of a flat batch by exactly one call of a model, whatever is in the batch.

    Where weights are divided among processes, each call brings them together: all must call equally often.
    """
    import torch

    examples = torch.split(batch["input_ids"], batch["lengths"].tolist())
    labels = torch.split(batch["labels"], batch["lengths"].tolist())
    pad = torch.nn.utils.rnn.pad_sequence
    mask = pad([torch.ones_like(ids) for ids in examples], batch_first=True)
    ids = pad(list(examples), batch_first=True)
    targets = pad(list(labels), batch_first=True, padding_value=IGNORED)
    return summed_loss(model(input_ids=ids, attention_mask=mask, use_cache=False).logits, targets)
