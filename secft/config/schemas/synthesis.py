"""How documents become examples."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting

TEMPLATE_TASKS = (
    "explain",
    "mitigate",
    "classify",
    "consequence",
    "tactic",
    "detect",
    "multiple_choice",
    "refuse",
    "assist",
    "weakness",
    "technique",
    "severity",
    "false_positives",
    "log_source",
    "write_rule",
    "implement",
    "check",
    "guidance",
    "triage",
    "agent_answer",
    "general",
)
"""What `synthesis=template` can write; docs/outputs.md tells what each one looks like."""

LLM_TASKS = ("question_answer", "scenario", "detection", "remediation", "multi_turn", "preference")
"""What a model can be asked to write; each has a prompt file."""


@dataclass
class SynthesisConfig:
    """How documents become examples."""

    name: str = setting(about="Which synthesiser is used.", choices=("template", "llm", "hybrid", "none"))


@dataclass
class TemplateSynthesis(SynthesisConfig):
    """Deterministic, varied instruction pairs from the structured fields of documents."""

    name: str = "template"
    tasks: list[str] = setting(
        list(TEMPLATE_TASKS), about="Which kinds of examples are written.", choices=TEMPLATE_TASKS
    )
    system_prompt: str = setting(
        "You are a security analyst. Answer precisely and only for defence.",
        about="The system message of every example and of every evaluation item.",
    )
    max_answer_characters: int = setting(700, about="Answers are cut at a sentence before this length.", low=80)


@dataclass
class NoSynthesis(SynthesisConfig):
    """The documents already are chat records (`source=jsonl`): they are passed on as they are."""

    name: str = "none"


@dataclass
class WritingConfig:
    """What the model of the `llm` group is asked to write, and what is accepted."""

    tasks: list[str] = setting(
        ["question_answer", "detection", "remediation"],
        about="Which kinds are asked for.",
        choices=LLM_TASKS,
    )
    passages: int | None = setting(460, about="Passages asked about, spread over the sources; null is all.", low=1)
    passage_characters: int = setting(600, about="Longest passage shown; whole sentences only.", low=100)
    answers: str = setting(
        "quoted",
        about="Who words the answers: the passage itself (safe with a small model), or the model that is asked.",
        choices=("quoted", "free"),
    )
    prompts: str | None = setting(None, about="Folder with prompt files of your own; null means the ones of secft.")
    grounded: float = setting(
        0.9, about="Share of an answer's content words that must stand in its passage.", low=0, high=1
    )
    claims: str = setting(
        "judge",
        about="How free answers are checked: a model reads passage and claim, one by one; or by their words alone.",
        choices=("judge", "rules"),
    )
    judge_model: str | None = setting(
        None, about="Model of the same server that checks claims and scores pairs; null is the one that writes."
    )
    judge: float | None = setting(
        None, about="Lowest score (1 to 5) that the model gives as a judge; null asks no judge.", low=1, high=5
    )


@dataclass
class LlmSynthesis(SynthesisConfig):
    """Pairs written by the model of the `llm` group, each checked against its passage."""

    name: str = "llm"
    system_prompt: str = setting(
        "You are a security analyst. Answer precisely and only for defence.",
        about="The system message of all.",
    )
    writing: WritingConfig = setting(WritingConfig(), about="What is asked, and what is accepted.")


@dataclass
class HybridSynthesis(TemplateSynthesis):
    """Templates, and pairs written by the model of the `llm` group."""

    name: str = "hybrid"
    share: float = setting(
        0.05,
        about="Share of the training split that the model is to have written; a run tells whether it was reached.",
        low=0,
        high=1,
    )
    writing: WritingConfig = setting(WritingConfig(), about="What is asked, and what is accepted.")
