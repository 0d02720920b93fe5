from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.evaluate.item import from_example
from secft.evaluate.metrics import Bootstrap
from secft.evaluate.prompts import prepare
from secft.evaluate.tasks import TASKS
from secft.evaluate.tool_calls import written_calls
from secft.models.loading import load_tokenizer
from secft.records import tool_call

CALL = tool_call("nmap", {"host": "lab", "ports": [22, 80]})
TARGET = '<tool_call>{"name": "nmap", "arguments": {"host": "lab", "ports": [22, 80]}}</tool_call><|im_end|>'
TASK = TASKS["tool_calls"]


def answered(text: str, calls: Any = (CALL,), target: str = TARGET) -> tuple[bool, bool]:
    found = TASK.request.read({"filtered_resps": [text], "doc": {"calls": list(calls), "target": target}})
    return found["correct"], found["named"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<tool_call>\n{"arguments": {"ports": [22, 80], "host": "lab"}, "name": "nmap"}\n</tool_call>', (True, True)),
        ('I look. {"name": "nmap", "parameters": {"host": "lab", "ports": [22, 80]}}', (True, True)),
        ('[{"name": "nmap", "arguments": "{\\"host\\": \\"lab\\", \\"ports\\": [22, 80]}"}]', (True, True)),
        ('{"name": "nmap", "arguments": {"host": "lab", "ports": [22]}}', (False, True)),
        ('{"name": "curl", "arguments": {"host": "lab", "ports": [22, 80]}}', (False, False)),
        ('{"name": "nmap", "arguments": {"host": "lab", "ports": [22, 80]', (False, False)),
        (TARGET + '{"name": "x", "arguments": {}}', (False, False)),
        ("Ports 22 and 80.", (False, False)),
        ("", (False, False)),
    ],
)  # fmt: skip
def test_right_is_the_same_call(text: str, expected: tuple[bool, bool]) -> None:
    assert answered(text) == expected


def test_parallel_calls_may_come_in_any_order() -> None:
    calls = [tool_call("a", {"x": 1}), tool_call("b", {})]
    target = "".join(
        json.dumps({"name": c["function"]["name"], **{"arguments": c["function"]["arguments"]}}) for c in calls
    )
    assert answered('{"name": "b", "arguments": {}}\n{"name": "a", "arguments": {"x": 1}}', calls, target) == (
        True,
        True,
    )
    assert answered('{"name": "b", "arguments": {}}', calls, target) == (False, False)


def test_other_forms_are_compared_by_the_text_of_the_template() -> None:
    target = "<tool_call>\n<function=nmap>\n<parameter=host>\nlab\n</parameter>\n</function>\n</tool_call><|im_end|>"
    assert answered(target.removesuffix("<|im_end|>"), target=target) == (True, True)
    assert answered(target.replace("lab", "dmz"), target=target) == (False, True)
    assert answered("<tool_call>", target=target) == (False, False)


def test_deep_or_broken_text_is_no_call() -> None:
    assert written_calls("{" * 50_000) == []
    assert written_calls('{"name": 7, "arguments": {}} {"a": {"name": "x", "arguments": []}}') == []


def test_items_ask_with_the_tools_and_the_metrics_tell_both(base_dir: Path) -> None:
    tokenizer = load_tokenizer(base_dir)
    tool = {"type": "function", "function": {"name": "nmap", "description": "Scan."}}
    messages = [{"role": "user", "content": "Scan it."}, {"role": "assistant", "content": "", "tool_calls": [CALL]}]
    about = {"id": "a", "entity": "a", "family": "a", "task": "chat", "choices": [], "answer": -1}
    row = prepare(tokenizer, from_example({**about, "messages": messages, "tools": [tool]}))
    assert '{"name": "nmap", "description": "Scan."}' in row["context"]
    assert row["target"] == TARGET
    assert TASK.request.gold(row)["gold"] == TARGET.removesuffix("<|im_end|>")
    right, wrong = {"correct": True, "named": True}, {"correct": False, "named": True}
    rows = [{"family": str(n), "base": wrong, "candidate": right} for n in range(9)]
    result = TASK.compare(rows, Bootstrap(resamples=200))
    assert result.metrics["exact_calls"].difference.value == 1
    assert result.metrics["right_tools"].difference.value == 0
