"""The shipped experiments compose, say what they are, and hold no settings that a file of options has already."""

from __future__ import annotations

import pytest

from secft.config.compose import compose_job, read_config
from secft.config.options import EXPERIMENT, about_option, options
from secft.config.places import found

NEEDED = {
    "own_chats": ["source.jsonl.paths=[x.jsonl]"],
    "preferences": ["source.jsonl.paths=[x.jsonl]"],
    "tool_logs": ["source.tool_logs.paths=[x/]"],
    "log_pretraining": ["trainer.files=[x.log]"],
    "quick": [],
}


def test_five_are_shipped() -> None:
    assert options(EXPERIMENT) == sorted(NEEDED)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_an_experiment_composes_with_what_its_head_names(name: str) -> None:
    composed = compose_job([f"+experiment={name}", *NEEDED[name]])
    assert not composed.problems
    assert about_option(EXPERIMENT, name)
    path = found(f"experiment/{name}")
    assert path is not None
    assert all(text.partition("=")[0] in path.read_text(encoding="utf-8") for text in NEEDED[name])


def test_an_experiment_chooses_and_the_command_line_has_the_last_word() -> None:
    config = read_config(["+experiment=preferences", "source.jsonl.paths=[x.jsonl]"])
    assert (config.trainer.name, config.synthesis.name, list(config.source)) == ("dpo", "none", ["jsonl"])
    assert config.trainer.pairs.corrupt is False  # type: ignore[attr-defined]
    changed = read_config(["experiment=preferences", "source.jsonl.paths=[x.jsonl]", "trainer=kto", "model=tiny"])
    assert (changed.trainer.name, changed.model.name) == ("kto", "tiny")
    added = read_config(["+experiment=own_chats", "+source=cwe", "source.jsonl.paths=[x.jsonl]"])
    assert list(added.source) == ["jsonl", "cwe"]


def test_experiments_are_swept_over() -> None:
    from secft.config.compose import compose_sweep

    jobs = compose_sweep(["+experiment=quick,log_pretraining", "trainer.max_steps=3"])
    assert [job.config.backend.name for job in jobs if job.config] == ["trl", "nanogpt"]
