"""The plan as people read it: stages, samples, length, memory, launch, findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from secft.errors import Problem, stopping, warnings_of
from secft.estimate import TrainingEstimate
from secft.planning.steps import Steps
from secft.train.backends import BACKENDS
from secft.train.backends.record import in_environment
from secft.train.checks import Machine
from secft.train.distributed.plan import launch_plan
from secft.train.methods import support_of
from secft.train.objectives import method_of, objective_of
from secft.train.setup import TrainingSetup

OPTIMIZER_TITLES = {
    "auto": "AdamW, moments in fp32",
    "adamw": "AdamW, moments in fp32",
    "adamw_8bit": "AdamW, moments in 8 bits (bitsandbytes)",
    "paged_adamw_8bit": "AdamW, moments in 8 bits, in main memory where the GPU is full (bitsandbytes)",
}


def training_table(setup: TrainingSetup, needs: TrainingEstimate, steps: Steps | None) -> Table:
    """Return what is trained, how long, and with which batches."""
    trainer = setup.trainer
    table = Table("training", "", title=f"Training on {escape(needs.device)}", title_justify="left")
    table.add_row("method", f"{trainer.name} by {setup.backend.name}, objective {objective_of(trainer).name}")
    table.add_row("base model", escape(f"{setup.model.id or setup.model.name}, licence {setup.model.license}"))
    table.add_row("base weights", f"{needs.base_parameters / 1e6:,.0f} M")
    table.add_row("trained weights", f"{needs.trained_parameters / 1e6:,.2f} M")
    table.add_row("optimizer", OPTIMIZER_TITLES[trainer.optimizer])
    table.add_row("micro batch", f"{trainer.micro_batch_size} x {trainer.max_length} tokens")
    if steps is not None:
        table.add_row("global batch", f"{steps.global_batch:,} rows")
        packed = f", packed into {steps.rows:,} rows" if trainer.packing else ""
        table.add_row("examples", f"{steps.examples:,}{packed}")
        table.add_row("steps", f"{steps.steps:,}")
        share = f" ({steps.trained / steps.tokens:.0%} trained)" if steps.tokens else ""
        table.add_row("tokens", f"{steps.tokens:,}{share}")
    table.add_row("time there (rough)", duration(needs.seconds))
    if "CUDA" not in needs.device:
        table.add_row("time on a data-centre GPU", duration(needs.gpu_seconds))
    return table


def memory_table(needs: TrainingEstimate, machine: Machine) -> Table:
    """Return what each device would hold."""
    table = Table("memory of each device", "estimate", "share of it", title_justify="left")
    for part, size in needs.memory_bytes.items():
        table.add_row(f"memory: {part}", f"{size / 2**30:.2f} GiB", f"{size / machine.memory:.1%}")
    style = "bold red" if needs.total_bytes > machine.memory else "bold"
    table.add_row("memory: all", f"{needs.total_bytes / 2**30:.2f} GiB", f"{needs.total_bytes / machine.memory:.1%}",
                  style=style)  # fmt: skip
    return table


def duration(seconds: float | None) -> str:
    """Return a time for people."""
    if seconds is None:
        return "not known here"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def launch_lines(setup: TrainingSetup, environments: Path) -> list[str]:
    """Return how the training is started."""
    name = setup.backend.name
    script = support_of(method_of(setup.trainer), name).script
    program = in_environment(script) if script else BACKENDS[name].program
    command = " ".join(part.replace("<environment>", (environments / name).as_posix()) for part in program)
    return [*launch_plan(setup), *([f"  command: {command}"] if setup.distributed.name == "single" else [])]


def problem_lines(found: Sequence[Problem]) -> list[RenderableType]:
    """Return everything that was found, in one list: what stops the run first."""
    problems, warnings = stopping(found), warnings_of(found)
    lines: list[RenderableType] = []
    if problems:
        lines.append(f"\n[bold red]{len(problems)} thing(s) keep this run from being started:[/bold red]")
        lines += [f"  - {escape(str(problem))}" for problem in problems]
    if warnings:
        lines.append(f"\n[yellow]{len(warnings)} warning(s):[/yellow]")
        lines += [f"  - {escape(text)}" for text in warnings]
    return lines or ["\n[green]Checked: nothing speaks against this run.[/green]"]
