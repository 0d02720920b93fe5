"""The table of methods and backends: complete, true to the installed trl, and the same in the documents."""

from __future__ import annotations

import importlib.metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

from secft.train.backends import BACKENDS
from secft.train.methods import as_rows, backends_of, mark, methods_of, refusal, supported, table
from secft.train.objectives import METHODS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "backends.md"


def test_every_pair_has_a_reason() -> None:
    for _, cells in table():
        assert [backend for backend, _ in cells] == list(BACKENDS)
        for _, support in cells:
            assert support.note
            assert support.supported or not support.gpu_only


def test_document_says_what_the_code_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert ["method", *BACKENDS] in rows
    written = [row for row in rows if row[0] in METHODS]
    marks = [
        [method, *(f"{mark(support).replace('-', 'no')}: {support.note}" for _, support in cells)]
        for method, cells in table()
    ]
    assert written == marks
    assert [row[0] for row in as_rows()] == list(METHODS)


def test_unknown_names_are_not_supported_and_are_told() -> None:
    assert not supported("lora", "torchtune")
    assert not supported("sorcery", "trl")
    assert "There are: trl, axolotl" in refusal("lora", "torchtune")
    assert "There are: full, lora" in refusal("sorcery", "trl")


def test_refusal_names_the_pairs_that_exist() -> None:
    assert refusal("dpo", "axolotl", cuda=False) == ""
    told = refusal("grpo", "llama_factory")
    assert "backend=llama_factory does not do grpo" in told
    assert "grpo is done by: trl, unsloth" in told
    assert "backend=llama_factory does: full, lora" in told
    told = refusal("dpo", "unsloth", cuda=False)
    assert "on a CUDA device only" in told
    assert "dpo is done by: trl, axolotl, llama_factory;" in told
    assert "backend=unsloth does: full, lora, qlora, dora, continue" in told
    assert refusal("dpo", "unsloth", cuda=True) == ""
    assert "ppo is done by: axolotl;" in refusal("ppo", "trl")


def test_every_backend_does_something() -> None:
    assert methods_of("nanogpt") == ["pretrain"]
    assert all(backends_of(method) for method in METHODS)


@pytest.mark.parametrize(
    ("method", "module", "trainer"),
    [
        ("lora", "trainer/sft_trainer.py", "SFTTrainer"),
        ("dpo", "trainer/dpo_trainer.py", "DPOTrainer"),
        ("kto", "trainer/kto_trainer.py", "KTOTrainer"),
        ("grpo", "trainer/grpo_trainer.py", "GRPOTrainer"),
        ("reward", "trainer/reward_trainer.py", "RewardTrainer"),
        ("orpo", "experimental/orpo/orpo_trainer.py", "ORPOTrainer"),
        ("simpo", "experimental/cpo/cpo_trainer.py", "CPOTrainer"),
        ("ppo", "experimental/ppo/ppo_trainer.py", "PPOTrainer"),
    ],
)
def test_trl_column_is_true_to_the_installed_trl(method: str, module: str, trainer: str) -> None:
    specification = find_spec("trl")
    if specification is None or specification.submodule_search_locations is None:
        pytest.skip("trl is not installed")
    path = Path(next(iter(specification.submodule_search_locations))) / module
    there = path.is_file() and f"class {trainer}(" in path.read_text(encoding="utf-8")
    assert there == supported(method, "trl"), f"trl {importlib.metadata.version('trl')}"
