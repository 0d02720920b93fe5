"""``python -m secft runs``: what ran, what passed, where it is, how two differ; and removing what is not needed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secft.columns import columns, plain_text, size
from secft.command import PROGRAM, Command, Verb, json_flag, print_json
from secft.config.roots import PlacesConfig, Root
from secft.documents.document import as_json
from secft.errors import InputError
from secft.reports.figures import clock, result_rows, result_table
from secft.runs.found import FoundRun, find_runs, named
from secft.runs.numbers import (
    compared_numbers,
    differing_settings,
    headline,
    not_comparable,
    numbers,
    shared_stages,
)
from secft.runs.removal import Removal, changed_papers, plan_removal, registered_as, remove

NAMES = "name of a run, a part of it that only one has, or latest"
STATES = ("running", "passed", "failed", "inconclusive", "interrupted", "stopped", "pruned", "error", "unreadable")


def list_runs(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print all runs, newest first."""
    outputs = Path(config.paths.outputs)
    runs = [run for run in find_runs(outputs) if arguments.status in (None, run.status)]
    if arguments.last is not None:
        runs = runs[: max(arguments.last, 0)]
    if arguments.json:
        return print_json([_facts(run) for run in runs])
    if not runs:
        print(plain_text(f"There is no run in {outputs} (paths.outputs)."))
        return 0
    header = ("run", "started", "pipeline", "model", "trainer", "status", "verdict", "numbers", "next")
    print(plain_text(columns(header, [_cells(run) for run in runs])))
    return 0


def _cells(run: FoundRun) -> list[str]:
    started = run.started[:16].replace("T", " ")
    verdict = (run.record.verdict if run.record else None) or ""
    model, trainer = run.option("model"), run.option("trainer")
    return [run.name, started, run.pipeline, model, trainer, run.status, verdict, headline(run), run.next_step]


def _facts(run: FoundRun) -> dict[str, Any]:
    record = run.record
    return {
        "run": run.name,
        "directory": str(run.path),
        "started": run.started or None,
        "ended": record.ended if record else None,
        "pipeline": run.pipeline,
        **{group: run.option(group) for group in ("model", "trainer", "backend")},
        "status": run.status,
        "verdict": record.verdict if record else None,
        "registered": record.registered if record else None,
        "dataset": record.dataset if record else None,
        "error": record.error if record else None,
        "command": record.command if record else None,
        "next": run.next_step or None,
        "numbers": numbers(run),
    }


def show_run(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print what one run did, measured and left behind."""
    outputs = Path(config.paths.outputs)
    run = named(arguments.name, find_runs(outputs), outputs)
    if arguments.json:
        record = as_json(run.record) if run.record else None
        return print_json({**_facts(run), "record": record, "settings": dict(run.settings)})
    print(plain_text(f"{run.name}  ({run.path})\n"))
    rows = [(title, text) for title, text in _summary(run, Path(config.paths.models)) if text]
    print(plain_text("\n".join(f"{title:<12}{text}" for title, text in rows)))
    for title, text in _sections(run):
        print(plain_text(f"\n{title}\n{text}"))
    return 0


def _summary(run: FoundRun, models: Path) -> list[tuple[str, str]]:
    record = run.record
    if record is None:
        return [("status", run.status), ("problem", "run.json is missing or cannot be read")]
    verdict = f", the gates say {record.verdict}" if record.verdict else ""
    return [
        ("status", f"{run.status}{verdict}"),
        ("started", record.started),
        ("ended", record.ended or ""),
        ("pipeline", f"{run.pipeline}: {run.option('model')}, {run.option('trainer')} by {run.option('backend')}"),
        ("command", record.command),
        ("error", record.error or ""),
        ("dataset", record.dataset or ""),
        ("registered", registered_as(run, models)),
        ("reports", ", ".join(record.reports.files) if record.reports else ""),
        ("edited", ", ".join(changed_papers(run))),
        ("continue", record.command if run.next_step == record.command else ""),
        ("repeat", f"{PROGRAM} --config-dir {run.path} --config-name config"),
    ]


def _sections(run: FoundRun) -> list[tuple[str, str]]:
    record, found = run.record, []
    if record and record.stages:
        rows = [[one.stage, "reused" if one.reused else clock(one.seconds), one.artifact] for one in record.stages]
        found.append(("Stages", columns(("stage", "time", "artifact"), rows)))
    if run.results and run.results.tasks:
        table = result_table(result_rows(run.results))
        numbered = [place for place, (_, number) in enumerate(table.head) if number]
        found.append(("Results", columns([title for title, _ in table.head], [row for row, _ in table.rows], numbered)))
    if run.decision:
        rows = [[gate.verdict, gate.name, gate.reason] for gate in run.decision.gates]
        found.append(("Gates", columns(("verdict", "gate", "why"), rows)))
    if record and record.warnings:
        found.append(("Warnings", "\n".join(f"- {text}" for text in record.warnings)))
    return found


def compare_runs(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print in which settings runs differ, and their numbers side by side."""
    outputs = Path(config.paths.outputs)
    known = find_runs(outputs)
    runs = [named(name, known, outputs) for name in (arguments.first, arguments.second, *arguments.more)]
    if len({run.name for run in runs}) < len(runs):
        raise InputError(f"{', '.join(run.name for run in runs)}: a run is compared with other ones.")
    settings, unlike = differing_settings(runs), not_comparable(runs)
    if arguments.json:
        differing = {key: dict(zip((run.name for run in runs), values, strict=True)) for key, values in settings}
        told = {"runs": [_facts(run) for run in runs], "settings": differing, "shared_stages": shared_stages(runs)}
        return print_json({**told, "not_comparable": unlike})
    print(plain_text(columns(("", *(run.name for run in runs)), _heads(runs))))
    wide = [[key, *map(_short, values)] for key, values in settings]
    text = columns(("setting", *(run.name for run in runs)), wide) if wide else "equal"
    print(plain_text(f"\nSettings that differ\n{text}"))
    shared = shared_stages(runs)
    print(f"\nMade once for all of them: {', '.join(shared) or 'nothing'}")
    print(
        plain_text(
            f"\nCandidates\n{_number_table(runs, 'candidate')}\n\nAgainst the base\n{_number_table(runs, 'base')}"
        )
    )
    for task, why in unlike.items():
        print(plain_text(f"{task}: not the same question: {why}."))
    return 0


def _heads(runs: Sequence[FoundRun]) -> list[list[str]]:
    rows = {"started": [run.started[:16].replace("T", " ") for run in runs], "status": [run.status for run in runs]}
    rows["verdict"] = [(run.record.verdict if run.record else None) or "" for run in runs]
    return [[title, *cells] for title, cells in rows.items()]


def _number_table(runs: Sequence[FoundRun], part: str) -> str:
    rows = [
        [task, metric, *(candidates if part == "candidate" else differences)]
        for task, metric, candidates, differences in compared_numbers(runs)
    ]
    if not rows:
        return "nothing was measured"
    return columns(("task", "metric", *(run.name for run in runs)), rows, range(2, 2 + len(runs)))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def remove_runs(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Remove runs; without --yes only tell what would go."""
    outputs = Path(config.paths.outputs)
    known = find_runs(outputs)
    chosen = list(
        {run.name: run for run in (named(name, known, outputs, whole=True) for name in arguments.names)}.values()
    )
    removals = plan_removal(chosen, Path(config.paths.models), edited=arguments.edited)
    for removal in removals:
        if arguments.yes and not removal.kept:
            remove(removal)
        print(plain_text(_told(removal, done=arguments.yes)))
    going = [removal for removal in removals if not removal.kept]
    if going and not arguments.yes:
        print(f"Nothing was removed. Add --yes to remove {len(going)} ({size(sum(one.bytes for one in going))}).")
    return InputError.exit_code if len(going) < len(removals) else 0


def _told(removal: Removal, *, done: bool) -> str:
    if removal.kept:
        return f"kept     {removal.run.path}: {removal.kept}"
    return f"{'removed ' if done else 'would go'} {removal.run.path}  {size(removal.bytes)}"


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    parser.add_argument("--status", choices=STATES, help="only those that ended so")
    parser.add_argument("--last", type=int, metavar="N", help="only the newest ones")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    parser.add_argument("name", metavar="RUN", help=NAMES)


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    json_flag(parser)
    parser.add_argument("first", metavar="RUN", help=NAMES)
    parser.add_argument("second", metavar="RUN", help=NAMES)
    parser.add_argument("more", metavar="RUN", nargs="*", help="more of them")


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="RUN", nargs="+", help="whole name of a run")
    parser.add_argument("--yes", action="store_true", help="remove; without it, tell what would go")
    parser.add_argument("--edited", action="store_true", help="also runs whose reports people wrote into")


COMMAND = Command(
    name="runs",
    about="what ran: list, show, compare, rm",
    root=Root("runs", PlacesConfig),
    verbs={
        "list": Verb(
            "all runs, newest first: status, verdict, main numbers, what to do next", list_runs, _list_arguments
        ),
        "show": Verb("stages, results, gates, warnings of one run, and how to continue it", show_run, _show_arguments),
        "compare": Verb(
            "settings that differ, and numbers side by side with intervals", compare_runs, _compare_arguments
        ),
        "rm": Verb("remove runs; tells what would go, --yes does it", remove_runs, _remove_arguments),
    },
    notes="Registered models and artifacts of stages are never removed by it.",
)
