"""dry_run=true: what would be done, on how much, what a training example looks like, and what this machine lacks.

The data stages are cheap and are really made (in a temporary place, unless they exist), so that the numbers of the
plan are the numbers of the run. Nothing is left behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from secft.artifact import Artifact, ArtifactStore
from secft.chat.knock import silence
from secft.config.roots import RunConfig
from secft.config.schemas.synthesis import HybridSynthesis
from secft.dataset.store import DocumentStore
from secft.dataset.synthesise import asks_a_model, is_taught, template_part, writing_settings
from secft.dataset.teacher.write import plan_requests
from secft.errors import InputError, ModelNotFoundError, Problem, stopping
from secft.estimate import estimate
from secft.planning.checks import BEFORE_TRAINING, Check, inspect
from secft.planning.measured import measured_table
from secft.planning.report import launch_lines, memory_table, problem_lines, training_table
from secft.planning.samples import sampled_rows, shown_samples
from secft.planning.situation import Situation, settled
from secft.stage import Stage, run_stage, stage_facts
from secft.stages.dataset import DATASET, DatasetSettings, approximate_dataset, headline
from secft.stages.documents import DOCUMENTS
from secft.stages.examples import EXAMPLES

CHARACTERS_PER_TOKEN = 4
PLANNED = ("documents", "examples", "dataset")
"""The stages that a plan makes, if need be, to know its numbers."""


@dataclass
class Plan:
    """What a run would do.

    Attributes:
        stages: (stage, reuse or run, what is known about it).
        artifacts: what the plan made or found.
        train_tokens: tokens of the training split, or None where they are not known.
        unknown: why numbers are approximate or not known, or an empty string.
        failed: data stages that the run could not make either.
    """

    stages: list[tuple[str, str, str]] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    train_tokens: int | None = None
    unknown: str = ""
    failed: list[Problem] = field(default_factory=list)


def print_plan(
    config: RunConfig, stages: Sequence[Stage[Any]], checks: Sequence[Check], lacking: Sequence[Problem]
) -> bool:
    """Print the plan of a run on standard output.

    Args:
        config: the whole configuration.
        stages: of its pipeline.
        checks: of its pipeline.
        lacking: what is known already to keep the run from being started.

    Returns:
        Whether the run could be started.
    """
    console = Console(highlight=False)
    config, decided = settled(config)
    with tempfile.TemporaryDirectory(prefix="secft-plan-") as temporary:
        plan = make_plan(config, stages, Path(temporary))
        console.print(_stage_table(plan))
        if plan.unknown:
            console.print(f"Numbers are approximate or unknown: {escape(plan.unknown)}", style="yellow")
        dataset = plan.artifacts.get("dataset")
        situation = Situation(config, dataset.path / DATASET if dataset else None)
        _print_samples(console, situation, plan)
        found = [*lacking, *plan.failed, *inspect(checks, situation, BEFORE_TRAINING)]
        steps = situation.steps
    needs = estimate(situation.setup, steps.tokens if steps else plan.train_tokens, epochs_counted=steps is not None)
    console.print()
    console.print(training_table(situation.setup, needs, steps))
    console.print(memory_table(needs, situation.machine))
    if (table := measured_table(situation)) is not None:
        console.print(table)
    if situation.start:
        begun = situation.start
        told = f"Goes on with the adapter {begun.run or begun.path} (rank {begun.rank}), and is compared with it."
        console.print(told, markup=False, soft_wrap=True)
    for line in (*decided, *launch_lines(situation.setup, Path(config.paths.backends))):
        console.print(line, markup=False, soft_wrap=True)
    for part in problem_lines(found):
        console.print(part)
    return not stopping(found)


def make_plan(config: RunConfig, stages: Sequence[Stage[Any]], temporary: Path) -> Plan:
    """Find or make the data stages and say of each stage whether it would be skipped.

    Args:
        config: the whole configuration.
        stages: of its pipeline.
        temporary: where missing data stages are made.
    """
    plan = Plan()
    store = ArtifactStore(Path(config.paths.cache) / "stages")
    scratch = ArtifactStore(temporary)
    for stage in stages:
        if any(name not in plan.artifacts for name in stage.needs):
            plan.stages.append((stage.name, "run", ""))
            continue
        try:
            found = store.find(
                stage.name, stage_facts(stage, stage.settings(config), plan.artifacts, config.seed)["fingerprint"]
            )
            if not found and stage.name == "examples" and asks_a_model(config.synthesis):
                plan.failed += [problem for problem in [silence(config.llm)] if problem is not None]
                plan.stages.append((stage.name, "run", _plan_questions(config, plan, stage, scratch)))
                continue
            made = found or (
                run_stage(stage, config, plan.artifacts, scratch).artifact if stage.name in PLANNED else None
            )
        except InputError as error:
            if stage.name in PLANNED and not isinstance(error, ModelNotFoundError):
                plan.failed.append(Problem(f"stage {stage.name}", str(error).rstrip("."), code="data"))
            plan.stages.append((stage.name, "run", _approximate(config, plan, stage.name, error, temporary)))
            continue
        if made:
            plan.artifacts[stage.name] = made
            if stage.name == "dataset":
                plan.train_tokens = int(made.summary["splits"]["train"]["tokens"])
        told = str(made.summary.get("headline", "")) if made else ""
        plan.stages.append((stage.name, "reuse" if found else "run", told))
    return plan


def _plan_questions(config: RunConfig, plan: Plan, stage: Stage[Any], scratch: ArtifactStore) -> str:
    """Say what a model would be asked, without asking; go on with the examples that need no model, if there are any."""
    writing = writing_settings(config.synthesis)
    documents = DocumentStore.build(plan.artifacts["documents"].path / DOCUMENTS, scratch.root / "index")
    questions = [
        prompt.fill(passage)
        for _, passage, prompt in plan_requests(
            documents, writing, config.seed, taught=is_taught(config.curation.split, config.seed)
        )
    ]
    characters = sum(len(message["content"]) for question in questions for message in question.messages)
    asked, told = characters // CHARACTERS_PER_TOKEN, len(questions) * config.llm.max_tokens
    cost = (asked * config.llm.input_price + told * config.llm.output_price) / 1e6
    if questions:
        plan.unknown = f"no model is asked in a plan; pairs of {config.llm.model or config.llm.name} are not counted."
    if isinstance(config.synthesis, HybridSynthesis):
        templates = replace(config, synthesis=template_part(config.synthesis))
        plan.artifacts[stage.name] = run_stage(stage, templates, plan.artifacts, scratch).artifact
    if not questions:
        return "no model is asked: no document has a passage to ask about"
    judged = " and as many again for the judge" if writing.judge is not None else ""
    price = f", at most ${cost:.2f}" if cost else ""
    return (
        f"ask {config.llm.model or config.llm.name} {len(questions):,} questions{judged}: about {asked:,} tokens "
        f"asked, at most {told:,} answered{price}"
    )


def _approximate(config: RunConfig, plan: Plan, stage: str, error: InputError, temporary: Path) -> str:
    """Count a dataset without the model's tokenizer; other stages stay unknown."""
    plan.unknown = plan.unknown or str(error).splitlines()[0]
    if stage != "dataset" or not isinstance(error, ModelNotFoundError):
        return ""
    summary = approximate_dataset(DatasetSettings.of(config), plan.artifacts, temporary / "approximate")
    plan.train_tokens = int(summary["splits"]["train"]["tokens"])
    return f"about {headline(summary)}"


def _stage_table(plan: Plan) -> Table:
    table = Table("stage", "would", "what", title="Plan", title_justify="left")
    for stage, action, told in plan.stages:
        table.add_row(stage, action, told, style="dim" if action == "reuse" else "")
    table.add_row("register", "run", "only if the gates pass")
    return table


def _print_samples(console: Console, situation: Situation, plan: Plan) -> None:
    dataset, examples = plan.artifacts.get("dataset"), plan.artifacts.get("examples")
    if dataset:
        rows = sampled_rows(dataset.path / DATASET / "train.jsonl")
    else:
        rows = sampled_rows(examples.path / EXAMPLES) if examples else []
    for task, text in shown_samples(situation, rows):
        console.print(f"\n[bold]Training example: {escape(task)}[/bold] (trained tokens are marked)")
        console.print(text)
