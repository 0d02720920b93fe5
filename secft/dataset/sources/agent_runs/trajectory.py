"""What a run of a tool-using agent is: two shapes that are read, and one normal form.

Shape 1, steps::

    {"id": "...", "goal": "...", "steps": [{"thought": "...", "tool": "nmap", "input": {...}, "observation": "..."}],
     "answer": "...", "outcome": "success"}

Also taken: ``task``, ``question`` or ``instruction`` for ``goal``; ``reasoning`` for ``thought``; ``action`` for
``tool`` (a name, or an object with name and input); ``args``, ``arguments`` or ``action_input`` for ``input``;
``result`` or ``output`` for ``observation``; ``final`` or ``final_answer`` for ``answer``, or a last step whose tool is
``finish`` or ``final_answer``.

An input that is no object becomes one: ``{"input": ...}``.

Shape 2, ``messages`` or ``conversations`` as OpenAI's chat API, Anthropic's content blocks or ShareGPT have them (see
reading/chat), and ``tools``. The goal is ``goal`` or ``task`` where given, else the first message of the user; the
answer is the last message, if the assistant says it without calling a tool.

Outcome of both: ``outcome`` or ``status`` (a word, true or false, a number, or an object with ``status``, ``success``
or ``score``), ``success`` and ``score`` or ``reward``. A score alone decides only at its ends: 1 is success, 0 failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secft.dataset.sources.reading.bad_record import BadRecordError, text_of
from secft.reasons import Reason
from secft.records import Message

MAX_STEPS = 2000
ANSWER_KEYS = ("answer", "final", "final_answer")
_GOAL = ("goal", "task", "question", "instruction")
_SUCCESS = ("success", "succeeded", "successful", "passed", "pass", "solved", "true")
_FAILURE = ("failure", "failed", "fail", "error", "unsolved", "timeout", "aborted", "cancelled", "false")


@dataclass
class Step:
    """One thing that the agent did.

    Attributes:
        thought: what it said before, or an empty string.
        tool: name of the tool; empty for a thought alone.
        input: what the tool was given: a string or an object.
        observation: what came back.
    """

    thought: str = ""
    tool: str = ""
    input: Any = ""
    observation: str = ""


@dataclass
class Trajectory:
    """A run in its normal form.

    Attributes:
        goal: what was asked for.
        system: the system message, or an empty string.
        steps: at least one of them uses a tool.
        answer: what the agent said in the end, or an empty string.
        outcome: ``success``, ``failure`` or ``unknown``.
        score: a number, where one is given.
        messages: the whole run as a conversation.
        tools: what was offered, as JSON schemas.
        unused: reason -> number of things that were not used, or not as they stood.
    """

    goal: str
    system: str
    steps: list[Step]
    answer: str
    outcome: str
    score: float | None
    messages: list[Message] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    unused: Counter[Reason] = field(default_factory=Counter)


def first(record: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Return the value of the first key that has one, or None."""
    return next((record[key] for key in keys if record.get(key) not in (None, "")), None)


def goal_of(record: Mapping[str, Any]) -> str:
    """Return the goal that a record names, or an empty string."""
    goal = first(record, _GOAL)
    if isinstance(goal, dict):
        goal = first(goal, ("description", "goal", "text"))
    return text_of(goal) if isinstance(goal, str) else ""


def check_steps(steps: list[Step]) -> None:
    """Check that an agent did something.

    Raises:
        BadRecordError: no step uses a tool.
    """
    if not any(step.tool for step in steps):
        raise BadRecordError(Reason("agent_run.no_tool"))


def _number(value: Any) -> float | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return float(value) if sound else None


def outcome_of(record: Mapping[str, Any]) -> tuple[str, float | None]:
    """Return the outcome, and the score or None."""
    said = first(record, ("outcome", "status"))
    inner = said if isinstance(said, dict) else {}
    score = _number(first({**record, **inner}, ("score", "reward")))
    words = [said, inner.get("status"), inner.get("success"), record.get("success")]
    verdict = next((word for word in map(_verdict, words) if word), "")
    if score is None:
        score = _number(said)
    if not verdict and score is not None:
        verdict = "success" if score >= 1 else "failure" if score <= 0 else ""
    return verdict or "unknown", score


def _verdict(word: Any) -> str:
    if isinstance(word, bool):
        return "success" if word else "failure"
    said = word.strip().lower() if isinstance(word, str) else ""
    return "success" if said in _SUCCESS else "failure" if said in _FAILURE else ""
