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
from rich.text import Text

from secft.artifact import Artifact, ArtifactStore
from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.config.synthesis import HybridSynthesis
from secft.dataset.store import DocumentStore
from secft.dataset.synthesise import asks_a_model, template_part, writing_settings
from secft.dataset.teacher.write import plan_requests
from secft.environment import cuda_devices
from secft.errors import InputError, ModelNotFoundError, Problem
from secft.estimate import Estimate, estimate
from secft.files import read_jsonl
from secft.pipeline import STAGES
from secft.stage import Stage, run_stage, stage_facts
from secft.work.data import DATASET, DOCUMENTS, EXAMPLES, approximate_dataset, headline

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
    """

    stages: list[tuple[str, str, str]] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    train_tokens: int | None = None
    unknown: str = ""


def print_plan(config: RunConfig, lacking: Sequence[Problem]) -> None:
    """Print the plan of a run on standard output.

    Args:
        config: the whole configuration.
        lacking: what this machine lacks for it.
    """
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="secft-plan-") as temporary:
        plan = make_plan(config, Path(temporary))
        console.print(_stage_table(plan))
        if plan.unknown:
            console.print(f"Numbers are approximate or unknown: {escape(plan.unknown)}", style="yellow")
        example = _first_example(plan)
        if example:
            console.print("\n[bold]One training example[/bold] (trained tokens are marked)")
            console.print(rendered_example(config, example))
        console.print()
        console.print(_estimate_table(config, estimate(config, plan.train_tokens)))
    if lacking:
        console.print(f"\n[bold red]This machine lacks {len(lacking)} thing(s) for this run:[/bold red]")
        for problem in lacking:
            console.print(f"  - {escape(str(problem))}")


def make_plan(config: RunConfig, temporary: Path) -> Plan:
    """Find or make the data stages and say of each stage whether it would be skipped.

    Args:
        config: the whole configuration.
        temporary: where missing data stages are made.
    """
    plan = Plan()
    store = ArtifactStore(Path(config.paths.cache) / "stages")
    scratch = ArtifactStore(temporary)
    for stage in STAGES:
        if any(name not in plan.artifacts for name in stage.needs):
            plan.stages.append((stage.name, "run", ""))
            continue
        try:
            found = store.find(stage.name, stage_facts(stage, config, plan.artifacts)["fingerprint"])
            if not found and stage.name == "examples" and asks_a_model(config.synthesis):
                plan.stages.append((stage.name, "run", _plan_questions(config, plan, stage, scratch)))
                continue
            made = found or (
                run_stage(stage, config, plan.artifacts, scratch, lambda: None).artifact
                if stage.name in PLANNED
                else None
            )
        except InputError as error:
            plan.stages.append((stage.name, "run", _approximate(config, plan, stage.name, error, temporary)))
            continue
        if made:
            plan.artifacts[stage.name] = made
            if stage.name == "dataset":
                plan.train_tokens = int(made.summary["splits"]["train"]["tokens"])
        told = str(made.summary.get("headline", "")) if made else ""
        plan.stages.append((stage.name, "reuse" if found else "run", told))
    return plan


def _plan_questions(config: RunConfig, plan: Plan, stage: Stage, scratch: ArtifactStore) -> str:
    """Say what a model would be asked, without asking; go on with the examples that need no model, if there are any."""
    writing = writing_settings(config.synthesis)
    documents = DocumentStore.build(plan.artifacts["documents"].path / DOCUMENTS, scratch.root / "index")
    questions = [prompt.fill(passage) for _, passage, prompt in plan_requests(documents, writing, config.seed)]
    characters = sum(len(message["content"]) for question in questions for message in question.messages)
    asked, told = characters // CHARACTERS_PER_TOKEN, len(questions) * config.llm.max_tokens
    cost = (asked * config.llm.input_price + told * config.llm.output_price) / 1e6
    plan.unknown = f"no model is asked in a plan; pairs of {config.llm.model or config.llm.name} are not counted."
    if isinstance(config.synthesis, HybridSynthesis):
        templates = replace(config, synthesis=template_part(config.synthesis))
        plan.artifacts[stage.name] = run_stage(stage, templates, plan.artifacts, scratch, lambda: None).artifact
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
    summary = approximate_dataset(config, plan.artifacts, temporary / "approximate")
    plan.train_tokens = int(summary["splits"]["train"]["tokens"])
    return f"about {headline(summary)}"


def rendered_example(config: RunConfig, messages: list[Any]) -> Text:
    """Return a conversation as the model reads it, trained parts marked; plain turns without the tokenizer."""
    try:
        base = find_base_model(config.model)
    except InputError:
        turns = "\n".join(f"{message['role']}: {message['content']}" for message in messages)
        return Text(f"{turns}\n(the tokenizer of {config.model.name} is not here: not rendered)")
    from transformers import AutoTokenizer  # heavy: only when an example is shown

    from secft.train.template import decode_trained, tokenise_example

    tokenizer = AutoTokenizer.from_pretrained(base.path, local_files_only=True)
    text = Text()
    for part, trained in decode_trained(tokenizer, tokenise_example(tokenizer, "example", messages)):
        # Marks as well as colour: a plan is also read in a file or by somebody who does not see colours.
        text.append(f"[[{part}]]" if trained else part, style="black on green" if trained else "")
    return text


def _stage_table(plan: Plan) -> Table:
    table = Table("stage", "would", "what", title="Plan", title_justify="left")
    for stage, action, told in plan.stages:
        table.add_row(stage, action, told, style="dim" if action == "reuse" else "")
    table.add_row("register", "run", "only if the gates pass")
    return table


def _first_example(plan: Plan) -> list[Any] | None:
    dataset, examples = plan.artifacts.get("dataset"), plan.artifacts.get("examples")
    if dataset:
        rows = read_jsonl(dataset.path / DATASET / "train.jsonl")
    elif examples:
        rows = read_jsonl(examples.path / EXAMPLES)
    else:
        return None
    first = next(rows, None)
    return list(first["messages"]) if first else None


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not known here"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def _estimate_table(config: RunConfig, needs: Estimate) -> Table:
    table = Table("training", "estimate (rough)", title=f"Estimate for {needs.device}", title_justify="left")
    table.add_row("base weights", f"{needs.base_parameters / 1e6:,.0f} M")
    table.add_row("trained weights", f"{needs.trained_parameters / 1e6:,.2f} M")
    for part, size in needs.memory_bytes.items():
        table.add_row(f"memory: {part}", f"{size / 2**30:.2f} GiB")
    table.add_row("memory: all", f"{needs.total_bytes / 2**30:.2f} GiB")
    rows = f"{config.trainer.micro_batch_size} x {config.trainer.max_length} tokens"
    table.add_row("micro batch", rows)
    table.add_row("time here", _duration(needs.seconds))
    if not cuda_devices():
        table.add_row("time on a data-centre GPU", _duration(needs.gpu_seconds))
    return table
