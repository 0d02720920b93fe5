"""Trajectories of tool-using agents: JSONL, one run a line; the accepted shapes are those of trajectory.py.

Fields of a document (kind ``trajectory``): ``goal``, ``system``, ``steps`` [{thought, tool, input, observation}],
``answer``, ``outcome`` (``success``, ``failure`` or ``unknown``), ``score`` (a number or null), ``tools`` (names of
those used, in the order of their first use), ``messages`` (the run as messages of OpenAI's chat API, arguments of calls
as JSON text), ``agent`` and ``model`` where the record names them, ``parent`` (``task_id`` or empty: runs of one task
stay together). A run with ``outcome`` success and an ``answer`` can become an example.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from secft.dataset.sources.agent_runs import AgentRunsSource
from secft.dataset.sources.agent_runs.messages import run_of_messages
from secft.dataset.sources.agent_runs.steps import run_of_steps
from secft.dataset.sources.agent_runs.trajectory import Step, Trajectory
from secft.dataset.sources.reading.bad_record import BadRecordError, as_json
from secft.dataset.sources.reading.input_files import read_lines
from secft.dataset.sources.reading.json_values import clean, string
from secft.dataset.sources.reading.paths import is_refused_link, named_files, parts_of, paths_problems, shown_name
from secft.dataset.sources.source import ReadLog, reader_of_parts
from secft.errors import InputError, Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "runs of agents, one JSON object a line, with `goal` and `steps`, or `messages` with tool calls"
SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
MAX_LINE = 16 << 20
"""Longest line in bytes; longer ones are rejected without being held in memory."""


def _parse(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise BadRecordError(Reason("record.too_long", f"{MAX_LINE:,}"))
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRecordError(Reason("record.not_json")) from None
    if not isinstance(record, dict):
        raise BadRecordError(Reason("record.not_object"))
    return record


def _run(record: dict[str, Any]) -> Trajectory:
    if isinstance(record.get("steps"), list):
        return run_of_steps(record)
    turns = record.get("messages") or record.get("conversations")
    if isinstance(turns, list) and turns:
        return run_of_messages(record, turns)
    raise BadRecordError(Reason("agent_run.no_steps"))


def _told(step: Step) -> str:
    given = step.input if isinstance(step.input, str) else as_json(step.input)
    lines = [f"Thought: {step.thought}"] if step.thought else []
    lines += [f"Action: {step.tool} {given}".rstrip()] if step.tool else []
    lines += [f"Observation: {step.observation}"] if step.observation else []
    return "\n".join(lines)


def _text(run: Trajectory) -> str:
    score = "" if run.score is None else f" (score {run.score:g})"
    parts = [f"Goal: {run.goal}", *map(_told, run.steps)]
    parts += [f"Answer: {run.answer}"] if run.answer else []
    return "\n\n".join([*parts, f"Outcome: {run.outcome}{score}"])


def _name(record: dict[str, Any], number: int) -> str:
    own = next((record[key] for key in ("id", "run_id") if record.get(key) not in (None, "")), None)
    return clean(str(own)) if isinstance(own, str | int) and not isinstance(own, bool) else str(number)


def _read_part(config: AgentRunsSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the runs of one file; broken ones are counted.

    Raises:
        InputError: the file was named itself, and cannot be read.
    """
    shown = clean(shown_name(config.paths, part))
    if is_refused_link(config.paths, part):
        log.refuse(shown, Reason("file.link_outside"))
        return
    try:
        yield from _runs(config, part, shown, log)
    except InputError as error:
        if part in config.paths:
            raise
        log.refuse(shown, Reason("file.unreadable"), clean(str(error)))


def _runs(config: AgentRunsSource, part: str, shown: str, log: ReadLog) -> Iterator[Document]:
    version = f"sha256:{sha256_file(Path(part))[:12]}"
    names: set[str] = set()
    for number, line in read_lines(Path(part), EXPECTED, MAX_LINE):
        try:
            record = _parse(line)
            run = _run(record)
            name = _name(record, number)
            if name in names:
                raise BadRecordError(Reason("record.repeated_id"))
        except BadRecordError as error:
            log.refuse(f"{shown}#{number}", error.reason)
            continue
        names.add(name)
        log.unused.update({str(reason): count for reason, count in run.unused.items()})
        yield Document(
            id=f"agent_runs:{shown}#{name}",
            kind="trajectory",
            title=" ".join(run.goal.split())[:120],
            text=_text(run),
            fields={
                "goal": run.goal,
                "system": run.system,
                "steps": [asdict(step) for step in run.steps],
                "answer": run.answer,
                "outcome": run.outcome,
                "score": run.score,
                "tools": list(dict.fromkeys(step.tool for step in run.steps if step.tool)),
                "messages": run.messages,
                "schemas": run.tools,
                "agent": string(record, "agent"),
                "model": string(record, "model"),
                "parent": string(record, "task_id"),
            },
            source="agent_runs",
            source_version=version,
            license=config.license,
            url="",
            path=clean(part),
        )


def _parts(config: AgentRunsSource) -> list[str]:
    return parts_of(config.paths, SUFFIXES)


def _external_files(config: AgentRunsSource) -> dict[str, Path]:
    return named_files(config.paths, SUFFIXES)


def _problems(config: AgentRunsSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = reader_of_parts(_parts, _read_part, _external_files, _problems)
