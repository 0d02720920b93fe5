"""How good a pretrained model is: its loss on held-out text beside that of smoothed trigrams, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secft.files import read_json
from secft.train.backends.nanogpt.batches import open_tokens
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.meta import read_meta
from secft.train.backends.nanogpt.model import GPT
from secft.train.backends.nanogpt.ngram import Trigrams
from secft.train.backends.nanogpt.weights import load_weights

Losses = NDArray[np.float64]
MOST_TOKENS = 2_000_000
SAMPLE_TOKENS = 400
SAMPLES = 3


@dataclass(frozen=True)
class TextMeasurement:
    """What a finished training predicts of held-out text.

    Attributes:
        own: shape (windows,), mean loss of the model in nats a token; NaN where it is not finite.
        trigrams: shape (windows,), that of trigrams counted on the training text, over the same tokens.
        block: tokens of a window.
        vocabulary: tokens that there are.
        characters: a token is a character.
        samples: what the model writes from an empty line; none without a table of characters, or of a model whose
            loss is not finite.
    """

    own: Losses
    trigrams: Losses
    block: int
    vocabulary: int
    characters: bool
    samples: list[str]


def measure(directory: Path, data: Path, seed: int) -> TextMeasurement:
    """Compare a finished training with trigrams counted on the same training text.

    Args:
        directory: of the training: ``job.json`` and ``weights``.
        data: what it was trained on; it may have moved since.
        seed: of the samples.
    """
    job = PretrainJob.read(directory / "job.json")
    model = load_weights(directory / "weights").eval()
    vocabulary = model.shape.vocab_size
    held_out = np.asarray(open_tokens(data / "val.bin")[:MOST_TOKENS])
    own = window_losses(model, held_out, job.block_size, job.batch_size)
    counted = Trigrams(np.asarray(open_tokens(data / "train.bin")), vocabulary).losses(held_out)
    # Token t of window w is token w * block + t + 1 of the file; the very first has no trigram.
    places = np.arange(own.size)[:, None] * job.block_size + np.arange(1, job.block_size + 1)
    theirs = np.nanmean(np.concatenate([[np.nan, np.nan], counted])[places], axis=1)
    characters = read_json(data / "manifest.json")["vocabulary"].get("level") == "character"
    samples = _samples(model, data, seed) if np.isfinite(own).all() else []
    return TextMeasurement(own, theirs, job.block_size, vocabulary, characters, samples)


@torch.no_grad()
def window_losses(model: GPT, tokens: NDArray[Any], block: int, batch: int) -> Losses:
    """Return the mean loss in nats a token of each window of the text, one after the other; NaN if not finite."""
    count = (tokens.size - 1) // block
    losses = []
    for first in range(0, count, batch):
        starts = np.arange(first, min(first + batch, count)) * block
        rows = torch.from_numpy(tokens[starts[:, None] + np.arange(block + 1)].astype(np.int64))
        logits = model(rows[:, :-1]).float()
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, 1:], reduction="none")
        losses.append(each.mean(dim=1).double().numpy())
    found = np.concatenate(losses)
    return np.where(np.isfinite(found), found, np.nan)


def _samples(model: GPT, data: Path, seed: int) -> list[str]:
    """Let the model write; only characters can be shown without a tokenizer."""
    if not (data / "meta.pkl").is_file():
        return []
    meta = read_meta(data / "meta.pkl")
    if "itos" not in meta:
        return []
    names = meta["itos"]
    start = meta["stoi"].get("\n", 0)
    written = []
    for number in range(SAMPLES):
        tokens = model.generate(torch.tensor([[start]]), SAMPLE_TOKENS, 0.8, seed + number)
        written.append("".join(names[int(token)] for token in tokens[0]).strip())
    return written
