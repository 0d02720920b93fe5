"""Runs of agents as messages of OpenAI's chat API: shape 2 of trajectory.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.sources.agent_runs.trajectory import (
    ANSWER_KEYS,
    MAX_STEPS,
    BadTrajectoryError,
    Step,
    Trajectory,
    call_message,
    check_steps,
    first,
    goal_of,
    normal,
    outcome_of,
    text,
)
from secft.dataset.sources.reading.json_values import clean
from secft.reasons import Reason

_ROLES = {"developer": "system", "function": "tool"}


def _content(value: Any) -> str:
    """Return a message's content: a string, or the texts of a list of parts."""
    if value is None or isinstance(value, str):
        return text(value)
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        return "\n\n".join(text(part["text"]) for part in value)
    raise BadTrajectoryError(Reason("agent_run.content"))


def _calls(message: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Return (id, tool, input) of a message's calls."""
    calls = message.get("tool_calls") or []
    if isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if not isinstance(calls, list):
        raise BadTrajectoryError(Reason("agent_run.calls_not_list"))
    found = []
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise BadTrajectoryError(Reason("agent_run.unnamed_call"))
        found.append((text(call.get("id")), text(name), _arguments(function.get("arguments"))))
    return found


def _arguments(value: Any) -> Any:
    """Return arguments as the object that they are, or as they stand."""
    if not isinstance(value, str):
        return "" if value is None else normal(value)
    try:
        return normal(json.loads(value))
    except (ValueError, RecursionError):
        return clean(value)


@dataclass
class _Conversation:
    """Messages as they are read, one after another."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    open: dict[str, Step] = field(default_factory=dict)

    def add(self, message: Any) -> None:
        """Take in one message.

        Raises:
            BadTrajectoryError: it is broken, or out of place.
        """
        if not isinstance(message, dict):
            raise BadTrajectoryError(Reason("agent_run.message_not_object"))
        said = str(message.get("role"))
        role, content = _ROLES.get(said, said), _content(message.get("content"))
        if role == "tool":
            self._result(message, content)
        elif role == "assistant":
            self._reply(message, content)
        elif role in ("system", "user"):
            self.messages.append({"role": role, "content": content})
        else:
            raise BadTrajectoryError(Reason("agent_run.role"))

    def _reply(self, message: Mapping[str, Any], content: str) -> None:
        entry: dict[str, Any] = {"role": "assistant", "content": content}
        calls = []
        for place, (given, tool, arguments) in enumerate(_calls(message)):
            identifier = given or f"call_{len(self.steps) + 1}"
            if identifier in self.open:
                raise BadTrajectoryError(Reason("agent_run.repeated_call"))
            self.steps.append(Step("" if place else content, tool, arguments))
            self.open[identifier] = self.steps[-1]
            calls.append(call_message(identifier, tool, arguments))
        if calls:
            entry["tool_calls"] = calls
        self.messages.append(entry)

    def _result(self, message: Mapping[str, Any], content: str) -> None:
        identifier = text(message.get("tool_call_id"))
        if not identifier and self.open:
            identifier = next(iter(self.open))  # results without an id come in the order of the calls
        step = self.open.pop(identifier, None)
        if step is None:
            raise BadTrajectoryError(Reason("agent_run.result_without_call"))
        step.observation = content
        self.messages.append({"role": "tool", "tool_call_id": identifier, "content": content})


def run_of_messages(record: Mapping[str, Any]) -> Trajectory:
    """Return the run of a record whose ``messages`` is a list.

    Raises:
        BadTrajectoryError: it is broken.
    """
    if len(record["messages"]) > 3 * MAX_STEPS:
        raise BadTrajectoryError(Reason("agent_run.too_many_steps", f"{MAX_STEPS:,}"))
    talk = _Conversation()
    for message in record["messages"]:
        talk.add(message)
    opening = {entry["role"]: entry["content"] for entry in reversed(talk.messages)}
    goal = goal_of(record) or opening.get("user", "")
    if not goal:
        raise BadTrajectoryError(Reason("agent_run.no_goal"))
    check_steps(talk.steps)
    last = talk.messages[-1]
    said = last["content"] if last["role"] == "assistant" and "tool_calls" not in last else ""
    answer = said or text(first(record, ANSWER_KEYS))
    return Trajectory(goal, opening.get("system", ""), talk.steps, answer, *outcome_of(record), talk.messages)
