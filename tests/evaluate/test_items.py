from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.evaluate.items import build_items, own_sets, read_test_split, sample_questions, seeded_sample, taught
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks import SUITE, TASKS, tasks_for
from tests.evaluate.conftest import SYSTEM


def test_the_table_of_tasks_is_the_folder() -> None:
    modules = {Path(str(path)).stem for path in (files("secft.evaluate") / "tasks").iterdir() if path.name[0] != "_"}
    assert modules == set(TASKS)
    assert set(SUITE) == set(TASKS) - {"preference"}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_named_as_its_file_and_told_in_both_languages(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert task.metrics
    for words in (task.title, *(metric.title for metric in task.metrics)):
        assert set(words) == {"en", "es"}


def test_tasks_of_a_role() -> None:
    assert {"security_mcq", "technique_to_tactic", "labels", "answer_perplexity"} < set(tasks_for("target"))
    assert tasks_for("general") == ["general_knowledge"]
    assert tasks_for("safety") == ["over_refusal", "refusal"]


def test_what_teaches_a_task_is_counted_by_the_kinds_of_its_items(rows: list[dict[str, Any]]) -> None:
    counts = {"tactic": {"train": 30, "test": 12}, "explain": {"train": 7}}
    items = build_items(SUITE, rows, {}, 7)
    assert taught(items["technique_to_tactic"], counts) == 30
    assert taught(items["answer_perplexity"], counts) == 7
    assert taught(items["security_mcq"], counts) == 0


def test_items_come_from_the_kinds_of_their_task(rows: list[dict[str, Any]]) -> None:
    items = build_items(SUITE, rows, {"security_mcq": 5}, 7)
    assert len(items["technique_to_tactic"]) == 12
    assert len(items["security_mcq"]) == 5
    assert items["weakness_to_consequence"] == []
    item = items["technique_to_tactic"][0]
    assert item.messages[-1]["role"] == "user"
    assert item.choices[item.answer] == item.reference


def test_own_sets_are_asked_with_the_system_message_of_training(rows: list[dict[str, Any]]) -> None:
    items = build_items(["refusal"], rows, {}, 7)["refusal"]
    assert all(item.messages[0]["content"] == SYSTEM for item in items)
    assert [message["role"] for message in own_sets()["refusal"][0].messages] == ["user"]


def test_sample_does_not_depend_on_order_and_grows_by_adding(rows: list[dict[str, Any]]) -> None:
    items = build_items(["technique_to_tactic"], rows, {}, 7)["technique_to_tactic"]
    again = seeded_sample(reversed(items), 4, 7)
    assert again == items[:4]
    assert seeded_sample(items, 4, 8) != again


def test_sample_questions_take_turns(rows: list[dict[str, Any]]) -> None:
    assert [kind for kind, _ in sample_questions(rows, 4, 7)] == ["explain", "multiple_choice", "tactic", "explain"]
    assert len(sample_questions(rows, 100, 7)) == len(rows)
    assert sample_questions([], 3, 7) == []


def test_missing_test_split_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="test split"):
        read_test_split(tmp_path)


@pytest.mark.parametrize(("task", "size"), [("general_knowledge", 150), ("refusal", 60), ("over_refusal", 60)])
def test_own_sets_are_sound(task: str, size: int) -> None:
    items = own_sets()[task]
    assert (
        len(items) == len({item.id for item in items}) == len({item.messages[-1]["content"] for item in items}) == size
    )
    for item in items:
        if task == "general_knowledge":
            assert len(set(item.choices)) == 4
            assert 0 <= item.answer < 4


def words(text: str) -> frozenset[str]:
    small = {
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "and",
        "is",
        "are",
        "do",
        "how",
        "what",
        "i",
        "my",
        "that",
        "it",
        "for",
        "me",
    }
    return frozenset(re.findall(r"[a-z0-9]+", text.lower())) - small


def pool_questions() -> Iterator[str]:
    for path in (files("secft.dataset") / "templates" / "pools").iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield row.get("question") or row.get("request") or ""


@pytest.mark.parametrize("task", own_sets())
def test_own_sets_do_not_overlap_with_training_pools(task: str) -> None:
    pool = [words(text) for text in pool_questions() if text]
    for item in own_sets()[task]:
        own = words(item.messages[-1]["content"])
        assert max(len(own & other) / len(own | other) for other in pool) < 0.5, item.messages[-1]["content"]


def test_settings_name_known_tasks_only() -> None:
    assert set(EvalConfig().max_items) <= set(SUITE)
