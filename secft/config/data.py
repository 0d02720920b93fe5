"""From documents to a frozen dataset: synthesis, deduplication, curation, naming."""

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
    "general",
)
"""What `synthesis=template` can write; docs/outputs.md tells what each one looks like."""


@dataclass
class SynthesisConfig:
    """How documents become examples."""

    name: str = setting(about="Which synthesiser is used.", choices=("template", "none"))


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
class DedupConfig:
    """How near-duplicates are found and removed."""

    name: str = setting(
        "minhash", about="Exact removal, or exact and near-duplicates.", choices=("minhash", "exact", "none")
    )
    threshold: float = setting(0.8, about="Jaccard similarity from which two texts are duplicates.", above=0, high=1)
    permutations: int = setting(128, about="Hash functions in a MinHash signature.", low=16, high=1024)
    shingle_words: int = setting(3, about="Words in a shingle.", low=1, high=20)
    seed: int = setting(1, about="Seed of the hash functions.", low=0)


@dataclass
class SplitConfig:
    """How examples are divided; all examples of one weakness or technique stay together."""

    by: str = setting(
        "entity",
        about="What stays together: an entity, or a family (a technique and its sub-techniques, a weakness's parent).",
        choices=("entity", "family"),
    )
    test_fraction: float = setting(0.28, about="Entities held out for evaluation.", low=0, high=0.9)
    validation_fraction: float = setting(0.01, about="Entities held out for the validation loss.", low=0, high=0.5)


@dataclass
class CurationConfig:
    """Cleaning, length rules, decontamination, balance and split."""

    name: str = setting("standard", about="Which curation is used.", choices=("standard",))
    min_answer_tokens: int = setting(1, about="Shorter answers are dropped (tokens of the model).", low=1)
    max_tokens: int | None = setting(
        None, about="Longer conversations are dropped (tokens of the model); null means trainer.max_length.", low=16
    )
    decontamination_words: int = setting(
        13,
        about="A training example that shares this many words in a row with a test answer is dropped; 0 is off.",
        low=0,
        high=100,
    )
    max_examples_per_task: dict[str, int] = setting(
        {
            "classify": 150,
            "consequence": 600,
            "detect": 100,
            "explain": 150,
            "mitigate": 120,
            "multiple_choice": 250,
            "refuse": 70,
            "assist": 640,
            "tactic": 1000,
        },
        about="Seeded cap on the training examples of a task, balanced over its labels; the default fits ten minutes "
        "of two CPU cores.",
    )
    split: SplitConfig = setting(SplitConfig(), about="Fractions of the splits.")


@dataclass
class DatasetConfig:
    """Name of the frozen dataset: data/<provider>/<name>-vN."""

    name: str | None = setting(None, about="Null means the names of the sources, joined.")
    provider: str | None = setting(None, about="Who wrote the examples; null means the name of the synthesis.")
