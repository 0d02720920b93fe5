"""Tickets that end in one sentence, a chain of neighbours, and Chinese: what was deleted as if it were copied."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secft.__main__ import main
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.dedup import Text, near_duplicates
from secft.files import read_json, read_jsonl

CASES = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases" / "data"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no directory ../shared/cases/data beside the checkout")


def texts_of(name: str) -> list[Text]:
    return [Text(row["id"], "", row["assistant"]) for row in read_jsonl(CASES / "22-dedup-chain-cjk" / name)]


@needs_cases
def test_a_chain_keeps_what_is_not_like_the_kept_ones() -> None:
    texts = texts_of("chain.jsonl")
    kept = near_duplicates(texts, len(texts), DedupConfig())
    by_key = {text.key: set(zip(*[text.text.split()[start:] for start in range(3)], strict=False)) for text in texts}
    for key, first in kept.left_out.items():
        assert len(by_key[key] & by_key[first]) / len(by_key[key] | by_key[first]) >= 0.8
    assert len(kept.left_out) < 0.7 * len(texts)


@needs_cases
def test_chinese_texts_that_differ_in_a_character_are_found() -> None:
    texts = texts_of("cjk.jsonl")
    kept = near_duplicates(texts, len(texts), DedupConfig())
    assert set(kept.left_out.values()) == {"0"}
    assert len(kept.left_out) >= 6


@needs_cases
def test_tickets_that_end_in_one_sentence_are_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = (CASES / "19-shared-footer" / "tickets.jsonl").resolve()
    monkeypatch.chdir(tmp_path)
    settings = ["model=tiny", "source=[jsonl]", f"source.jsonl.path={tickets}", "synthesis=none"]
    assert main(["dataset", "build", *settings]) == 0
    manifest = read_json(tmp_path / "data" / "none" / "jsonl-v1" / "manifest.json")
    funnel = {step["step"]: step for step in manifest["funnel"]}
    assert funnel["decontamination"]["seen"] - funnel["decontamination"]["kept"] <= 10
    assert manifest["splits"]["train"]["examples"] > 300


def test_a_question_of_a_few_words_is_no_copy_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers that differ in a number only, in a standard sentence, are not near-duplicates of each other's tickets."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {"user": f"What became of ticket {n} about host {name}?",
         "assistant": f"Host {name} was isolated and imaged, its owner {name} was told. "
                      "If the problem persists please open a ticket with the operations center and attach the logs."}
        for n, name in enumerate(f"{a}{b}{c}" for a in "bcdf" for b in "aeiou" for c in "klmnp")
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ["model=tiny", "source=[jsonl]", "source.jsonl.path=rows.jsonl", "synthesis=none", "dedup=exact"]
    assert main(["dataset", "build", *settings]) == 0
    manifest = read_json(tmp_path / "data" / "none" / "jsonl-v1" / "manifest.json")
    assert manifest["splits"]["train"]["examples"] > 55
