"""The tiny random model."""

from __future__ import annotations

from pathlib import Path

from secft.models.resolve import resolve_model


def test_tiny_depends_on_its_seed_only(tmp_path: Path) -> None:
    first, again = resolve_model("tiny", "random", seed=3), resolve_model("tiny", "random", seed=3)
    assert first == again
    assert first.digest != resolve_model("tiny", "random", seed=4).digest


def test_tiny_is_a_working_llama() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tiny = resolve_model("tiny", "random")
    model = AutoModelForCausalLM.from_pretrained(tiny.path)
    tokenizer = AutoTokenizer.from_pretrained(tiny.path)
    logits = model(torch.tensor([tokenizer("What is CWE-79?")["input_ids"]])).logits
    assert torch.isfinite(logits).all()
    assert tiny.parameters == sum(p.numel() for p in model.parameters())
