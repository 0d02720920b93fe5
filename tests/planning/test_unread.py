"""A setting that a pipeline does not read is a problem where somebody chose it, and only there."""

from __future__ import annotations

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
