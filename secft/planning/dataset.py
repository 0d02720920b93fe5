"""What base model and dataset make of a training: templates, rows, lengths, and whether a candidate can be measured."""

from __future__ import annotations

from pathlib import Path

from secft.base import template_choice
from secft.errors import InputError, Problem
from secft.files import read_json
from secft.models.chat_template import adapt_template
from secft.models.conversation import skills_of
from secft.models.resolve import packaged_gguf
from secft.planning.situation import Situation
from secft.planning.steps import step_problems
from secft.reasons import read_reason
from secft.train.checks.model import vocabulary_problems
from secft.train.checks.rows import (
    call_problems,
    count_rows,
    length_problems,
    objective_problems,
    row_problems,
)
from secft.train.checks.settings import empty_validation
from secft.train.checks.template import Shapes, template_problems


def template_flaws(situation: Situation) -> list[Problem]:
    """Report chat templates that do not fit: of training, of what serves the model later."""
    model, base = situation.config.model, situation.base
    if base is None:
        return []
    if model.served_template:
        served: Path | None = Path(model.served_template)
    else:
        served = packaged_gguf() if model.kind == "package" and model.path is None else None
    seen = situation.seen
    shapes = Shapes(seen.with_system > 0, seen.with_turns > 0) if seen else Shapes()
    choice = template_choice(model)

    def adapted(text: str) -> str:
        return adapt_template(text, choice).text

    found = template_problems(situation.tokenizer, base.path, model.name, served, shapes=shapes, adapt=adapted)
    return [*found, *(Problem("model", note, model.name, code="template note", stops=False) for note in base.notes)]


def row_flaws(situation: Situation) -> list[Problem]:
    """Report rows that teach nothing, that the objective cannot use, or that are too long."""
    trainer, dataset, seen = situation.config.trainer, situation.dataset, situation.seen
    if dataset is None or seen is None:
        return []
    found = [*row_problems(seen, dataset / "train.jsonl"), *objective_problems(trainer, seen)]
    found += call_problems(situation.config.model, seen, skills_of(situation.tokenizer))
    return [*found, *length_problems(trainer, seen, *dropped_for_length(dataset))]


def step_flaws(situation: Situation) -> list[Problem]:
    """Report a dataset that is smaller than a batch, and a training that ends before its first validation."""
    return step_problems(situation.setup, situation.steps) if situation.steps else []


def validation_flaws(situation: Situation) -> list[Problem]:
    """Report that early stopping has nothing to look at."""
    dataset, patience = situation.dataset, situation.config.trainer.early_stopping_patience
    if dataset is None or situation.tokenizer is None:
        return []
    validation = dataset / "validation.jsonl"
    expected = patience > 0 and situation.setup.validation_fraction > 0
    if not expected or (validation.is_file() and count_rows(validation)):
        return []
    return [empty_validation(patience, "no example fell into it")]


def vocabulary_flaws(situation: Situation) -> list[Problem]:
    """Report tokens that the model has no embedding for."""
    if situation.base is None:
        return []
    highest = situation.seen.highest_id if situation.seen else -1
    vocabulary = situation.tokenizer.get_vocab()
    return vocabulary_problems(situation.base.path, vocabulary, highest, situation.config.model.name)


def dropped_for_length(dataset: Path) -> tuple[int, int, int | None]:
    """Return how many examples curation left out because they are too long, how many it judged, and by what limit."""
    try:
        funnel = read_json(dataset / "manifest.json").get("funnel", [])
    except InputError:
        return 0, 0, None
    for step in funnel:
        if read_reason(step.get("step", "")).code == "length":
            reasons = [(read_reason(why), count) for why, count in step.get("dropped", {}).items()]
            long = [(why.value, count) for why, count in reasons if why.code == "length.long"]
            limits = [int(value) for value, _ in long if value.isdigit()]
            return sum(count for _, count in long), int(step.get("seen", 0)), min(limits, default=None)
    return 0, 0, None
