"""Whether base model, tokenizer and adapter fit each other, without loading weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secft.config.schemas.training import AdaptedTrainer, LoraConfig, TrainerConfig
from secft.errors import InputError, Problem, did_you_mean
from secft.models.facts import EMBEDDINGS, HEADS, read_facts
from secft.train.checks.weights import embedding_rows, linear_modules
from secft.train.objectives import adapter_of

ALL_LINEAR = "all-linear"
SHOWN = 5


def target_problems(trainer: TrainerConfig, model_dir: Path) -> list[Problem]:
    """Report names of modules for the adapter that no module of the model has.

    Peft takes a name for a module whose dotted name is it, or ends with a dot and it; it is silent about a name that
    matches nothing as long as another one matches.
    """
    if not isinstance(trainer, AdaptedTrainer) or adapter_of(trainer).whole:
        return []
    if ends := tied_problems(trainer.lora, model_dir) or head_problems(trainer.lora):
        return ends
    key = "trainer.lora.target_modules"
    wanted = trainer.lora.target_modules
    if not wanted:
        return [Problem(key, "names no module", [], "all-linear, or module names", code="target modules")]
    saved = trainer.lora.modules_to_save
    if wanted == [ALL_LINEAR] and not saved:
        return []
    try:
        modules = linear_modules(model_dir)
    except InputError as error:
        return [Problem("model", str(error), model_dir.name, code="weights")]
    known = sorted({name.rpartition(".")[2] for name in modules})
    return [
        Problem(key, "matches no module of the model", name, ", ".join([ALL_LINEAR, *known]),
                    did_you_mean(name, [ALL_LINEAR, *known]), code="target modules")
        for key, name in [*((key, name) for name in wanted if wanted != [ALL_LINEAR]),
                          *(("trainer.lora.modules_to_save", name) for name in saved)]
        if not any(module == name or module.endswith(f".{name}") for module in modules)
    ]  # fmt: skip


def tied_problems(lora: LoraConfig, model_dir: Path) -> list[Problem]:
    """Report embeddings or an output layer that are one matrix and would be trained as two.

    Beside its base the adapter would change one of both; merged into it, both, and the model would be another one.
    """
    try:
        if not read_facts(model_dir).tied_embeddings:
            return []
    except InputError:
        return []  # told with the model itself
    names = {name.removesuffix(".weight") for name in (*EMBEDDINGS, *HEADS)}
    reason = "is one matrix with the other end of the model (tied embeddings): merged, the change would reach both"
    return [
        Problem(f"trainer.lora.{key}", reason, name, remedy="Leave it out.", code="target modules")
        for key in ("target_modules", "modules_to_save")
        for name in getattr(lora, key)
        if name.rpartition(".")[2] in names
    ]


def head_problems(lora: LoraConfig) -> list[Problem]:
    """Report an adapter on the output layer: losses are computed from its own weights, and the adapter is not seen."""
    heads = {name.removesuffix(".weight") for name in HEADS}
    reason, remedy = "is the output layer, which takes no adapter", "Train it whole: trainer.lora.modules_to_save=[{}]."
    return [
        Problem("trainer.lora.target_modules", reason, name, remedy=remedy.format(name), code="target modules")
        for name in lora.target_modules
        if name.rpartition(".")[2] in heads
    ]


def vocabulary_problems(model_dir: Path, tokens: dict[str, int], highest_used: int, name: str) -> list[Problem]:
    """Report token ids for which the model has no embedding.

    Args:
        model_dir: the base model.
        tokens: token -> id, the whole vocabulary of the tokenizer with added tokens.
        highest_used: highest id in the training data, -1 if unknown.
        name: of the model, for the message.
    """
    rows = embeddings_of(model_dir)
    if rows is None:
        return []
    beyond = sorted((token for token, number in tokens.items() if number >= rows), key=lambda token: tokens[token])
    if not beyond and highest_used < rows:
        return []
    used = highest_used >= rows
    names = f"{', '.join(map(repr, beyond[:SHOWN]))}{' ...' if len(beyond) > SHOWN else ''}"
    reason = f"its tokenizer has {len(beyond):,} ids that its {rows:,} embeddings do not cover ({names})" + (
        "; training data uses them" if used else "; training data does not use them"
    )
    remedy = "Take the tokenizer that belongs to these weights, or resize the embeddings of the base model."
    return [Problem("model", reason, name, remedy=remedy, code="vocabulary", stops=used)]


def embeddings_of(model_dir: Path) -> int | None:
    """Return how many token ids a model knows: the rows of its embeddings, or what its config.json says."""
    try:
        rows = embedding_rows(model_dir)
    except InputError:
        rows = None
    if rows is not None:
        return rows
    size = config_of(model_dir).get("vocab_size")
    return size if isinstance(size, int) else None


def config_of(model_dir: Path, name: str = "config.json") -> dict[str, Any]:
    """Return a JSON file of a model's directory; empty if it is absent or broken."""
    try:
        values = json.loads((model_dir / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
