"""Rows by objective, and worse answers that are really worse."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from secft.config.schemas.training import PairsConfig
from secft.errors import InputError
from secft.records import tool_call
from secft.security.identifiers import IN_ANSWERS
from secft.train.corruption import Rivals, same, swap_facts, worse_answers
from secft.train.objectives import OBJECTIVES
from secft.train.views import (
    CONVERSATIONS,
    JUDGED,
    PAIRS,
    QUESTIONS,
    TEXTS,
    PairCounts,
    RowKind,
    counts_of_view,
    write_view,
)
from tests.train.conftest import write_rows


def row(number: int, task: str = "explain", said: str = "", **changes: Any) -> dict[str, Any]:
    text = said or f"Weakness number {number} lets attackers read memory of kind {number}."
    entity = changes.get("entity", f"CWE-{number}")
    return {
        "id": f"cwe:{entity}:{task}:{number}",
        "task": task,
        "entity": entity,
        "family": f"family-{number // 3}",
        "messages": [
            {"role": "user", "content": changes.pop("question", f"{task} {entity}")},
            {"role": "assistant", "content": text},
        ],
        "choices": [],
        "answer": -1,
        "rejected": "",
        **changes,
    }


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    choice = row(50, "tactic", "Execution", choices=["Execution", "Impact", "Discovery"], answer=0)
    owned = row(51, "triage", "Isolate the host.", rejected="Ignore the alert.")
    return write_rows(tmp_path / "train.jsonl", [*(row(n) for n in range(9)), choice, owned])


def test_pairs_take_the_datasets_own_first_then_choices_then_other_entities(split: Path, tmp_path: Path) -> None:
    pairs = {r["id"]: r for r in read(write_view(split, PAIRS, PairsConfig(corrupt=True), tmp_path / "views", 0))}
    assert pairs["cwe:CWE-51:triage:51"]["rejected"][0]["content"] == "Ignore the alert."
    assert pairs["cwe:CWE-50:tactic:50"]["rejected"][0]["content"] in ("Impact", "Discovery")
    other = pairs["cwe:CWE-1:explain:1"]["rejected"][0]["content"]
    assert other.startswith("Weakness number")
    assert "number 1 " not in other
    assert pairs["cwe:CWE-1:explain:1"]["prompt"] == [{"role": "user", "content": "explain CWE-1"}]


def test_without_corruption_only_the_datasets_own_pairs_are_left(split: Path, tmp_path: Path) -> None:
    made = read(write_view(split, OBJECTIVES["reward"].rows, PairsConfig(corrupt=False), tmp_path / "views", 0))
    assert [r["id"] for r in made] == ["cwe:CWE-51:triage:51"]
    bare = write_rows(tmp_path / "bare.jsonl", [row(1), row(2)])
    with pytest.raises(InputError, match=r"trainer\.pairs\.corrupt=true"):
        write_view(bare, PAIRS, PairsConfig(corrupt=False), tmp_path / "views", 0)


def test_an_answer_that_is_just_as_right_is_never_the_worse_one() -> None:
    shared = "Use parameterised queries."
    rows = [
        row(1, "mitigate", shared),
        row(2, "mitigate", "use  parameterised queries"),  # the same words
        row(3, "mitigate", "Escape output."),
        row(4, "mitigate", "Rotate keys.", entity="CWE-1"),  # the same entity
        row(5, "mitigate", "Validate input.", question="mitigate CWE-1"),  # the same question
    ]
    rivals = Rivals.of(rows, 0)
    worse = set(worse_answers(rows[0], rivals, 0))
    assert "Escape output." in worse
    assert not {same(text) for text in worse} & {same(rows[n]["messages"][-1]["content"]) for n in (0, 1, 3, 4)}


def test_a_choice_that_is_right_elsewhere_for_the_entity_is_not_wrong() -> None:
    names = ["Persistence", "Privilege Escalation", "Impact"]
    first = row(1, "tactic", "Persistence", choices=names, answer=0, entity="T1053")
    second = row(2, "tactic", "Privilege Escalation", choices=names, answer=1, entity="T1053")
    rivals = Rivals.of([first, second], 0)
    assert list(worse_answers(first, rivals, 0)) == ["Impact"]


def test_the_same_bytes_whatever_the_order_of_rows(split: Path, tmp_path: Path) -> None:
    rows = read(split)
    random.Random(3).shuffle(rows)
    turned = write_rows(tmp_path / "turned.jsonl", rows)
    views = [
        write_view(path, PAIRS, PairsConfig(corrupt=True, max_pairs=6), tmp_path / "views", 5)
        for path in (split, turned)
    ]
    one, two = (sorted(path.read_text().splitlines()) for path in views)
    assert one == two
    assert len(one) == 6
    other_seed = write_view(split, PAIRS, PairsConfig(corrupt=True, max_pairs=6), tmp_path / "views", 6)
    assert sorted(other_seed.read_text().splitlines()) != one


def test_views_are_named_by_content_and_written_once(split: Path, tmp_path: Path) -> None:
    first = write_view(split, PAIRS, PairsConfig(corrupt=True), tmp_path / "views", 0)
    stamp = first.stat().st_mtime_ns
    assert write_view(split, OBJECTIVES["simpo"].rows, PairsConfig(corrupt=True), tmp_path / "views", 0) == first
    assert first.stat().st_mtime_ns == stamp
    with split.open("a") as handle:
        handle.write(json.dumps(row(60)) + "\n")
    assert write_view(split, PAIRS, PairsConfig(corrupt=True), tmp_path / "views", 0) != first
    assert write_view(split, CONVERSATIONS, PairsConfig(corrupt=True), tmp_path / "views", 0) == split


def test_more_pairs_of_an_example_differ(split: Path, tmp_path: Path) -> None:
    made = read(write_view(split, PAIRS, PairsConfig(corrupt=True, per_example=3), tmp_path / "views", 0))
    first = [r["rejected"][0]["content"] for r in made if r["id"].startswith("cwe:CWE-1:explain:1")]
    assert len(set(first)) == len(first) == 3


def test_kto_rows_judge_each_answer_alone(split: Path, tmp_path: Path) -> None:
    made = read(write_view(split, JUDGED, PairsConfig(corrupt=True, per_example=2), tmp_path / "views", 0))
    about = [r for r in made if r["id"].startswith("cwe:CWE-2:")]
    assert [r["label"] for r in about] == [True, False, False]
    assert len({r["id"] for r in made}) == len(made)


def test_questions_are_those_whose_answers_can_be_checked(tmp_path: Path) -> None:
    plain = row(1, "general", "Be kind to colleagues.")
    named = row(2, "classify", "T1059.001: PowerShell")
    choice = row(3, "tactic", "Impact", choices=["Impact", "Execution"], answer=0)
    split = write_rows(tmp_path / "train.jsonl", [plain, named, choice])
    made = read(write_view(split, QUESTIONS, PairsConfig(corrupt=True), tmp_path / "views", 0))
    assert [(r["answer"], r["choices"]) for r in made] == [
        ("T1059.001: PowerShell", []),
        ("Impact", ["Impact", "Execution"]),
    ]


def test_texts_have_no_roles_and_no_template(split: Path, tmp_path: Path) -> None:
    made = read(write_view(split, TEXTS, PairsConfig(corrupt=True), tmp_path / "views", 0))
    assert made[0]["text"] == "explain CWE-0\nWeakness number 0 lets attackers read memory of kind 0."


@pytest.mark.parametrize(
    "answer",
    [
        "CWE-79 is a child of CWE-74.",
        "T1059.001: PowerShell",
        "Wait 15 minutes.",
        "Passwords must be stored hashed.",
        "It cannot be undone.",
        "Keys should not be shared.",
    ],
)
def test_swapped_facts_say_something_else(answer: str) -> None:
    for number in range(5):
        other = swap_facts(answer, Rivals(), "explain", number)
        assert other is not None
        assert other != answer
        assert not set(IN_ANSWERS.findall(other)) & set(IN_ANSWERS.findall(answer))
        assert swap_facts(answer, Rivals(), "explain", number) == other


def test_identifiers_are_swapped_for_known_ones() -> None:
    rivals = Rivals.of([row(1, "classify", "CWE-89: SQL injection"), row(2, "classify", "CWE-22: Path traversal")], 0)
    swapped = swap_facts("CWE-89: SQL injection", rivals, "classify", 7)
    assert swapped == "CWE-22: SQL injection"


def test_what_is_worse_than_a_refusal_is_never_another_refusal() -> None:
    refusals = [row(n, "refuse", f"I won't help with T100{n}. Defend with rule {n}.") for n in range(4)]
    helpful = [row(n, "assist", f"Look at log {n} first.") for n in range(10, 14)]
    rivals = Rivals.of([*refusals, *helpful], 0)
    for refusal in refusals:
        worse = list(worse_answers(refusal, rivals, 0))
        assert worse
        assert all(text.startswith("Look at log") for text in worse)
    assert list(worse_answers(refusals[0], Rivals.of(refusals, 0), 0)) == []


CALL = tool_call("nmap", {"host": "lab"})
TOOLS = [{"type": "function", "function": {"name": "nmap"}}]


def test_calls_stay_in_pairs_and_are_not_corrupted(tmp_path: Path) -> None:
    called = row(1)
    called["messages"][-1] = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    owned = {**row(2), "rejected_calls": [CALL], "tools": TOOLS}
    path = write_rows(tmp_path / "train.jsonl", [called, owned, *(row(n) for n in range(3, 6))])
    pairs = {r["id"]: r for r in read(write_view(path, PAIRS, PairsConfig(corrupt=True), tmp_path / "views", 0))}
    assert "cwe:CWE-1:explain:1" not in pairs
    assert pairs["cwe:CWE-2:explain:2"]["rejected"] == [{"role": "assistant", "content": "", "tool_calls": [CALL]}]
    assert pairs["cwe:CWE-2:explain:2"]["tools"] == TOOLS
    judged = read(write_view(path, JUDGED, PairsConfig(corrupt=True), tmp_path / "views", 0))
    assert {r["id"] for r in judged if r.get("tools")} == {"cwe:CWE-2:explain:2+", "cwe:CWE-2:explain:2-"}
    (whole,) = CONVERSATIONS.conversations(called)
    assert whole[-1]["tool_calls"] == [CALL]


def test_own_pairs_are_never_replaced_by_made_ones(tmp_path: Path) -> None:
    rows = [row(n, rejected=f"Own worse answer {n}.") for n in range(9)]
    path = write_rows(tmp_path / "train.jsonl", rows)
    for corrupt in (True, False):
        pairs = read(write_view(path, PAIRS, PairsConfig(corrupt=corrupt), tmp_path / f"views-{corrupt}", 0))
        assert [pair["rejected"][0]["content"] for pair in pairs] == [one["rejected"] for one in rows]


def labelled(number: int, label: bool) -> dict[str, Any]:
    return {**row(number, "judged", f"Answer {number}."), "label": label}


def test_answers_with_a_label_reach_kto_and_a_bad_one_nothing_else(tmp_path: Path) -> None:
    rows = [labelled(1, True), labelled(2, False), row(3), row(4, rejected="Worse.")]
    path = write_rows(tmp_path / "train.jsonl", rows)

    def view(kind: RowKind, **settings: Any) -> list[dict[str, Any]]:
        return read(write_view(path, kind, PairsConfig(**settings), tmp_path / "views", 0))

    judged = {one["id"]: (one["completion"][0]["content"], one["label"]) for one in view(JUDGED)}
    assert judged == {
        "cwe:CWE-4:explain:4+": (rows[3]["messages"][-1]["content"], True),
        "cwe:CWE-4:explain:4-": ("Worse.", False),
        "cwe:CWE-1:judged:1": ("Answer 1.", True),
        "cwe:CWE-2:judged:2": ("Answer 2.", False),
    }
    assert [one["id"] for one in view(CONVERSATIONS)] == [one["id"] for one in rows if one.get("label") is not False]
    for kind in (PAIRS, TEXTS, QUESTIONS):
        assert "Answer 2." not in json.dumps(view(kind, corrupt=True)), "a bad answer is never a right one"


def test_a_view_tells_where_its_worse_answers_come_from(split: Path, tmp_path: Path) -> None:
    for kind in (PAIRS, JUDGED):
        made = write_view(split, kind, PairsConfig(corrupt=True), tmp_path / "views", 0)
        own = write_view(split, kind, PairsConfig(), tmp_path / "views", 0)
        counts, only_own = counts_of_view(made), counts_of_view(own)
        assert counts == PairCounts(given=1, made=10)
        assert counts.text().startswith("10 of 11 worse answers (91 %) are not the dataset's own")
        assert only_own == PairCounts(given=1, made=0)
        assert only_own.text() == "All 1 worse answers are the dataset's own"
        assert not [row for path in (made, own) for row in read(path) if "made" in row]
    assert counts_of_view(split) is None
    assert PairCounts(999, 1).text().startswith("1 of 1,000 worse answers (<1 %)")
