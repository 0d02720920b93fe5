"""Scores of models whose layers see a window: as plain transformers gives them, one text at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.tiny_models import build

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
ANSWERS = ["Yes, always.", "No.", "Only behind a proxy that checks it"]


@pytest.mark.parametrize("family", ["gemma2", "gemma3", "mistral03"])
@pytest.mark.parametrize("question", ["Is it?", "Is it safe to show input without encoding? " * 4])
def test_scores_are_those_of_each_text_alone(family: str, question: str, tmp_path: Path) -> None:
    import torch

    from secft.chat.local.model import LocalModel
    from secft.models.loading import InferenceHardware, load_model, load_tokenizer

    place = build(family, tmp_path / family)
    model, tokenizer = load_model(place, InferenceHardware("cpu", "fp32")), load_tokenizer(place)
    local = LocalModel(model, tokenizer, batch_size=4)
    assert local.window == (None if family == "mistral03" else 32)
    found = local.log_likelihoods([(f"{start}{question}", answer) for start in ("", "Well. ") for answer in ANSWERS])
    expected = []
    for start in ("", "Well. "):
        for answer in ANSWERS:
            text = f"{start}{question}{answer}"
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            ids = torch.tensor([encoded["input_ids"]])
            begin = len(start) + len(question)
            scored = [k for k, (low, high) in enumerate(encoded["offset_mapping"]) if low >= begin and high > low]
            with torch.no_grad():
                steps = model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(dim=-1)
            expected.append(sum(float(steps[k - 1, ids[0, k]]) for k in scored))
    assert [score for score, _ in found] == pytest.approx(expected, abs=2e-3)
