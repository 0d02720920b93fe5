"""Runs of agents as goal, steps and answer: shape 1 of trajectory.py."""

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
from secft.dataset.sources.reading.bad_record import BadRecordError, normal, text_of
from secft.dataset.sources.reading.chat.calls import tools_of
from secft.reasons import Reason
from secft.records import Message, tool_call

_THOUGHT = ("thought", "reasoning")
_TOOL = ("tool", "action", "tool_name", "name")
_INPUT = ("input", "args", "arguments", "action_input", "parameters")
_OBSERVATION = ("observation", "result", "output")
_FINISH = ("finish", "final_answer", "final answer", "submit_answer")


def run_of_steps(record: Mapping[str, Any]) -> Trajectory:
    """Return the run of a record whose ``steps`` is a list.

    Raises:
        BadRecordError: it is broken.
    """
    goal, answer = goal_of(record), text_of(first(record, ANSWER_KEYS))
    if not goal:
        raise BadRecordError(Reason("agent_run.no_goal"))
    if len(record["steps"]) > MAX_STEPS:
        raise BadRecordError(Reason("agent_run.too_many_steps", f"{MAX_STEPS:,}"))
    steps = [_step(step) for step in record["steps"]]
    if steps and steps[-1].tool.lower() in _FINISH:
        said = steps.pop()
        answer = answer or text_of(said.input) or said.observation
    check_steps(steps)
    run = Trajectory(goal, text_of(record.get("system")), steps, answer, *outcome_of(record))
    run.messages, run.tools = _messages_of_steps(run), tools_of(record.get("tools"))
    return run


def _step(value: Any) -> Step:
    if not isinstance(value, dict):
        raise BadRecordError(Reason("agent_run.step_not_object"))
    action, given = first(value, _TOOL), first(value, _INPUT)
    if isinstance(action, dict):
        given = first(action, _INPUT) if given is None else given
        action = first(action, _TOOL)
    if action is not None and not isinstance(action, str):
        raise BadRecordError(Reason("agent_run.tool_name"))
    step = Step(
        text_of(first(value, _THOUGHT)),
        text_of(action),
        "" if given is None else normal(given),
        text_of(first(value, _OBSERVATION)),
    )
    if not (step.tool or step.thought):
        raise BadRecordError(Reason("agent_run.empty_step"))
    return step


def _messages_of_steps(run: Trajectory) -> list[Message]:
    messages: list[Message] = [{"role": "system", "content": run.system}] if run.system else []
    messages.append({"role": "user", "content": run.goal})
    thoughts: list[str] = []
    for number, step in enumerate(run.steps, start=1):
        thoughts += [step.thought] if step.thought else []
        if not step.tool:
            continue
        identifier = f"call_{number}"
        given = step.input if isinstance(step.input, dict) else {"input": step.input} if step.input != "" else {}
        call = tool_call(step.tool, given, identifier)
        messages.append({"role": "assistant", "content": "\n\n".join(thoughts), "tool_calls": [call]})
        messages.append({"role": "tool", "content": step.observation, "name": step.tool, "tool_call_id": identifier})
        thoughts = []
    said = "\n\n".join([*thoughts, run.answer] if run.answer else thoughts)
    if said:
        messages.append({"role": "assistant", "content": said})
    return messages
