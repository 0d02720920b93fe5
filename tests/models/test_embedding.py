from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from secft.models.embedding import DIMENSIONS, embed, embedding_parameters, missing_packages

needs_model = pytest.mark.skipif(bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())}")

TEXTS = [
    "An attacker sends a phishing mail with a malicious attachment.",
    "The adversary e-mails a document that carries malware to the victim.",
    "Rotate the credentials of the service account every ninety days.",
    "",
    "SQL injection is prevented by parameterised queries. " * 80,
]


@needs_model
def test_vectors_are_unit_length_and_mean_what_they_should() -> None:
    vectors = embed(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.6 > 0.3 > cosines[0, 2]


@needs_model
def test_pooling_is_that_of_the_authors() -> None:
    """A short text: mean of the last hidden states over all tokens, scaled to length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from secft.models.embedding import model_directory

    directory = model_directory()
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    model = AutoModel.from_pretrained(directory, local_files_only=True).eval()
    with torch.inference_mode():
        hidden = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0].mean(dim=0)
    expected = (hidden / hidden.norm()).numpy()
    assert np.abs(embed([TEXTS[0]])[0] - expected).max() < 1e-5


@needs_model
def test_order_changes_nothing_and_batches_hardly_anything() -> None:
    texts = [f"{text} {number}" for number in range(20) for text in TEXTS[:3]]
    shuffled = texts[:]
    random.Random(5).shuffle(shuffled)
    vectors = dict(zip(texts, embed(texts), strict=True))
    again = dict(zip(shuffled, embed(shuffled), strict=True))
    assert all(np.array_equal(vectors[text], again[text]) for text in texts)
    assert np.abs(np.stack([vectors[text] for text in texts]) - embed(texts, batch_size=3)).max() < 1e-5


@needs_model
def test_long_texts_are_read_to_the_end() -> None:
    start = "The server stores passwords in plain text. " * 60
    same_start = embed([start + "Patch the kernel against privilege escalation. " * 60, start * 2])
    assert same_start[0] @ same_start[1] < 0.95


def test_nothing_in_nothing_out() -> None:
    assert embed([]).shape == (0, DIMENSIONS)


@needs_model
def test_parameters_name_the_weights() -> None:
    assert len(embedding_parameters()["weights"]) == 64


def test_import_stays_light() -> None:
    code = "import sys, secft.models.embedding as e; e.missing_packages(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
