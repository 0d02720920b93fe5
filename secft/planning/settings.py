"""What is wrong in a configuration on any machine: impossible pairs and sums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secft.config.schemas.llm import LlamaCppLlm
from secft.config.schemas.synthesis import HybridSynthesis, LlmSynthesis
from secft.dataset.sources.own_records.chat_record import brings_records
from secft.dataset.teacher.write import unanswerable_tasks
from secft.errors import Problem
from secft.evaluate.gates import GateCheck, checks_of
from secft.evaluate.tasks import SUITE
from secft.naming import ALLOWED, fault_of
from secft.planning.situation import Situation
from secft.train.distributed.choice import distributed_problems, open_problems
from secft.train.objectives import objective_of
from secft.train.objectives.pretrain import PretrainTrainer


def synthesis_problems(situation: Situation) -> list[Problem]:
    """Report sources and a synthesis that do not fit."""
    source, synthesis = situation.config.source, situation.config.synthesis
    if not source:
        return [Problem("source", "no source is selected", remedy="Add source=[cwe,attack].")]
    others = sorted(key for key in source if not brings_records(source[key]))
    if synthesis.name == "none" and others:
        return [
            Problem(
                "synthesis", f"the source {others[0]} gives documents, not chat records", "none", "template",
                remedy="Use synthesis=template, or source=[jsonl] with records of your own.",
            )
        ]  # fmt: skip
    if synthesis.name == "llm" and not others:
        reason = "chat records are examples already; there is nothing to write about"
        return [Problem("synthesis", reason, synthesis.name, "hybrid, template, none", remedy="Leave it out.")]
    if not isinstance(synthesis, LlmSynthesis | HybridSynthesis):
        return []
    writing = synthesis.writing
    if writing.prompts is not None and not Path(writing.prompts).is_dir():
        return [Problem("synthesis.writing.prompts", "no such folder", writing.prompts)]
    if writing.answers == "free" and isinstance(situation.config.llm, LlamaCppLlm) and not situation.config.llm.path:
        reason = "asks for answers in own words, and the embedded model can neither write nor judge them"
        remedy = "Use synthesis.writing.answers=quoted, or another model (llm=openai, llm=gemini, llm.path=FILE.gguf)."
        return [Problem("synthesis.writing.answers", reason, "free", remedy=remedy)]
    reason, remedy = f"has no prompt for answers={writing.answers}", "Use synthesis.writing.answers=free."
    return [Problem("synthesis.writing.tasks", reason, task, remedy=remedy) for task in unanswerable_tasks(writing)]


def name_problems(situation: Situation) -> list[Problem]:
    """Report names that cannot be the names of directories."""
    config = situation.config
    names = {
        "name": config.name,
        "dataset.name": config.dataset.name,
        "dataset.provider": config.dataset.provider,
        "model.name": config.model.name or None,
        "llm.name": config.llm.name,
    }
    faults = {key: fault_of(name) for key, name in names.items() if name is not None}
    return [Problem(key, fault, names[key], ALLOWED, code="name") for key, fault in faults.items() if fault]


def split_problems(situation: Situation) -> list[Problem]:
    """Report a split that leaves nothing to train on."""
    split = situation.config.curation.split
    if split.test_fraction + split.validation_fraction < 1:
        return []
    reason = "with curation.split.validation_fraction nothing would be left to train on"
    return [Problem("curation.split.test_fraction", reason, split.test_fraction, "a sum below 1")]


def length_problems(situation: Situation) -> list[Problem]:
    """Report lengths that contradict each other."""
    model, trainer, found = situation.config.model, situation.config.trainer, []
    if 0 < model.context_length < trainer.max_length:
        limit = f"at most {model.context_length}, the context of {model.name}"
        found.append(Problem("trainer.max_length", "is longer than the model reads", trainer.max_length, limit))
    longest = situation.config.curation.max_tokens
    if longest is not None and longest > trainer.max_length:
        limit = f"at most trainer.max_length = {trainer.max_length}"
        found.append(Problem("curation.max_tokens", "lets through what training would drop", longest, limit))
    return found


def gate_problems(situation: Situation) -> list[Problem]:
    """Report tasks that are gated and not evaluated; a model that scores answers is judged by other ones."""
    config = situation.config
    unknown = set(config.eval.tasks) - set(SUITE)  # told by the choices; what is meant is evaluated, perhaps
    if objective_of(config.trainer).scores or unknown:
        return []
    missing = [check for check in checks_of(config.gates, None) if check.task not in config.eval.tasks]
    return [_unevaluated(check, config.eval.tasks) for check in missing]


def _unevaluated(check: GateCheck, tasks: Sequence[str]) -> Problem:
    key, evaluated = f"gates.{check.kind.asked_by}", ", ".join(tasks)
    if check.kind.remedy:
        reason = f"needs {check.task}, which is not evaluated (eval.tasks: {evaluated})"
        return Problem(key, reason, True, remedy=f"Add {check.task} to eval.tasks, or {check.kind.remedy}.")
    return Problem(key, "is gated but not evaluated", check.task, evaluated, remedy="Add it to eval.tasks.")


def distributed_settings(situation: Situation) -> list[Problem]:
    """Report ways of dividing a training that contradict each other."""
    return [*open_problems(situation.config.distributed), *distributed_problems(situation.setup)]


def pretraining_problems(situation: Situation) -> list[Problem]:
    """Report what is wrong with a training from random weights."""
    trainer = situation.config.trainer
    if not isinstance(trainer, PretrainTrainer):
        reason = f"trains from random weights, and trainer={trainer.name} does not"
        return [Problem("backend", reason, "nanogpt", remedy="Use trainer=pretrain, or another backend.")]
    missing = [name for name in trainer.files if not Path(name).exists()]
    found = [Problem("trainer.files", "no such file or folder", name) for name in missing]
    if not trainer.files and not situation.config.source:
        remedy = "Give trainer.files=[/var/log/auth.log], or a source such as source=[tool_logs]."
        found.append(Problem("trainer.files", "there is neither a file nor a source of texts", [], remedy=remedy))
    if trainer.shape.width % trainer.shape.heads:
        reason = f"is no multiple of {trainer.shape.heads} heads"
        found.append(Problem("trainer.shape.width", reason, trainer.shape.width))
    if trainer.level == "tokenizer" and trainer.tokenizer is None:
        remedy = "Give trainer.tokenizer=<tokenizer.json>, or trainer.level=character."
        found.append(Problem("trainer.tokenizer", "names no tokenizer", None, remedy=remedy))
    return found
