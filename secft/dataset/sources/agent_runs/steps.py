"""Runs of agents as goal, steps and answer: shape 1 of trajectory.py."""

from __future__ import annotations

from collections.abc import Mapping
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
from secft.reasons import Reason

_THOUGHT = ("thought", "reasoning")
_TOOL = ("tool", "action", "tool_name", "name")
_INPUT = ("input", "args", "arguments", "action_input", "parameters")
_OBSERVATION = ("observation", "result", "output")
_FINISH = ("finish", "final_answer", "final answer", "submit_answer")


def run_of_steps(record: Mapping[str, Any]) -> Trajectory:
    """Return the run of a record whose ``steps`` is a list.

    Raises:
        BadTrajectoryError: it is broken.
    """
    goal, answer = goal_of(record), text(first(record, ANSWER_KEYS))
    if not goal:
        raise BadTrajectoryError(Reason("agent_run.no_goal"))
    if len(record["steps"]) > MAX_STEPS:
        raise BadTrajectoryError(Reason("agent_run.too_many_steps", f"{MAX_STEPS:,}"))
    steps = [_step(step) for step in record["steps"]]
    if steps and steps[-1].tool.lower() in _FINISH:
        said = steps.pop()
        answer = answer or text(said.input) or said.observation
    check_steps(steps)
    run = Trajectory(goal, text(record.get("system")), steps, answer, *outcome_of(record))
    run.messages = _messages_of_steps(run)
    return run


def _step(value: Any) -> Step:
    if not isinstance(value, dict):
        raise BadTrajectoryError(Reason("agent_run.step_not_object"))
    action, given = first(value, _TOOL), first(value, _INPUT)
    if isinstance(action, dict):
        given = first(action, _INPUT) if given is None else given
        action = first(action, _TOOL)
    if action is not None and not isinstance(action, str):
        raise BadTrajectoryError(Reason("agent_run.tool_name"))
    step = Step(
        text(first(value, _THOUGHT)),
        text(action),
        "" if given is None else normal(given),
        text(first(value, _OBSERVATION)),
    )
    if not (step.tool or step.thought):
        raise BadTrajectoryError(Reason("agent_run.empty_step"))
    return step


def _messages_of_steps(run: Trajectory) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": run.system}] if run.system else []
    messages.append({"role": "user", "content": run.goal})
    for number, step in enumerate(run.steps, start=1):
        said: dict[str, Any] = {"role": "assistant", "content": step.thought}
        messages.append(said)
        if step.tool:
            identifier = f"call_{number}"
            said["tool_calls"] = [call_message(identifier, step.tool, step.input)]
            messages.append({"role": "tool", "tool_call_id": identifier, "content": step.observation})
    if run.answer:
        messages.append({"role": "assistant", "content": run.answer})
    return messages
