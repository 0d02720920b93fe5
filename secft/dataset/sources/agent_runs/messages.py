"""Runs of agents as conversations: shape 2 of trajectory.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secft.dataset.sources.agent_runs.trajectory import (
    ANSWER_KEYS,
    MAX_STEPS,
    Step,
    Trajectory,
    check_steps,
    first,
    goal_of,
    outcome_of,
)
from secft.dataset.sources.reading.bad_record import BadRecordError, text_of
from secft.dataset.sources.reading.chat.calls import tools_of
from secft.dataset.sources.reading.chat.conversation import Conversation
from secft.reasons import Reason
from secft.records import Message


def run_of_messages(record: Mapping[str, Any], turns: list[Any]) -> Trajectory:
    """Return the run of a record that holds turns.

    Raises:
        BadRecordError: it is broken.
    """
    if len(turns) > 3 * MAX_STEPS:
        raise BadRecordError(Reason("agent_run.too_many_steps", f"{MAX_STEPS:,}"))
    system = text_of(record.get("system"))
    talk = Conversation(only_text=True)
    if system and not (isinstance(turns[0], Mapping) and turns[0].get("role") in ("system", "developer")):
        talk.add({"role": "system", "content": system})
    for turn in turns:
        talk.add(turn)
    messages = talk.messages
    opening: dict[str, str] = {entry["role"]: entry["content"] for entry in reversed(messages)}
    goal = goal_of(record) or opening.get("user", "")
    if not goal:
        raise BadRecordError(Reason("agent_run.no_goal"))
    steps = _steps(messages)
    check_steps(steps)
    last = messages[-1]
    said = last["content"] if last["role"] == "assistant" and "tool_calls" not in last else ""
    answer = said or text_of(first(record, ANSWER_KEYS))
    if answer and not said and not talk.unfinished:
        messages.append({"role": "assistant", "content": answer})
    run = Trajectory(goal, opening.get("system", ""), steps, answer, *outcome_of(record), messages)
    run.unused, run.tools = talk.unused, tools_of(record.get("tools") or record.get("functions"))
    return run


def _steps(messages: list[Message]) -> list[Step]:
    """Return the calls of a conversation with what was said before them and what came back."""
    found: list[Step] = []
    open_steps: list[tuple[str, str, Step]] = []
    for message in messages:
        for place, call in enumerate(message.get("tool_calls", [])):
            function = call["function"]
            step = Step("" if place else message["content"], function["name"], function["arguments"])
            found.append(step)
            open_steps.append((call.get("id", ""), function["name"], step))
        if message["role"] == "tool":
            whose = (message.get("tool_call_id", ""), message["name"])
            entry = next(entry for entry in open_steps if entry[:2] == whose)
            open_steps.remove(entry)
            entry[2].observation = message["content"]
    return found
