"""A setting that a pipeline does not read is a problem where somebody chose it, and only there."""

from __future__ import annotations

import pytest

from secft.config.compose import read_config
from secft.pipelines import FINETUNE
from secft.planning.unread import unread_problems

USUAL = {"model": {"name": "a", "path": None}, "gates": {"name": "s", "inner": {"x": 1, "y": 2}}, "seed": 7}


def keys(config: object, unread: dict[str, str], read: tuple[str, ...] = ()) -> list[str]:
    return [problem.key for problem in unread_problems(config, USUAL, "baking", unread, read)]


def test_only_what_differs_is_a_problem() -> None:
    unread = {"model": "it has none", "gates": "it has none", "seed": "nothing is random"}
    assert keys(USUAL, unread) == []
    assert keys({**USUAL, "seed": 8}, unread) == ["seed"]
    assert keys({**USUAL, "gates": {"name": "s", "inner": {"x": 1, "y": 3}}}, unread) == ["gates.inner.y"]
    assert keys({**USUAL, "gates": {"name": "s", "inner": {"x": 1, "y": 3}}}, unread, ("gates.inner.y",)) == []


def test_another_option_is_one_problem_with_the_reason() -> None:
    (problem,) = unread_problems(
        {**USUAL, "model": {"name": "b", "path": "x", "more": 1}}, USUAL, "baking", {"model": "no dough"}
    )
    assert (problem.key, problem.value, problem.code) == ("model", "b", "unread")
    assert "is not read by baking: no dough" in str(problem)


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("eval.tasks=[refusal]", "held-out pairs (preference) only"),
        ("eval.samples=2", "writes none"),
        ("gates.target_tasks=[security_mcq]", "more often than chance"),
        ("gates.safety_margin=0.3", "more often than chance"),
        ("gates.perplexity_must_fall=false", "more often than chance"),
    ],
)
def test_what_a_model_that_scores_answers_is_not_judged_by_is_refused(override: str, why: str) -> None:
    problems = FINETUNE.problems(read_config(["trainer=reward", override]), machine=False)
    (problem,) = [problem for problem in problems if problem.code == "unread"]
    assert problem.key == override.split("=")[0]
    assert "is not read by trainer=reward" in str(problem)
    assert why in str(problem)


@pytest.mark.parametrize("override", ["seed=7", "gates.target_margin=0.1", "eval.confidence=0.9", "eval.batch_size=2"])
def test_what_a_model_that_scores_answers_is_judged_by_is_taken(override: str) -> None:
    assert FINETUNE.problems(read_config(["trainer=reward", override]), machine=False) == []
