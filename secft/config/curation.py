"""Cleaning, rules, balance and split."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


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
