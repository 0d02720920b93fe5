"""Held-out pairs of answers: the better one should score higher. Asked only of models that score answers."""

from dataclasses import replace

from secft.evaluate.held_out import AnswerPairs
from secft.evaluate.metrics import ACCURACY, compare_with_chance
from secft.evaluate.requests import ScorePair
from secft.evaluate.task import Task

TASK = Task(
    name="preference",
    title={"en": "Better of two answers", "es": "La mejor de dos respuestas"},
    role="target",
    source=AnswerPairs(),
    request=ScorePair(),
    # A base model has no score, so what the candidate is compared with is a coin.
    metrics=(replace(ACCURACY, compare=lambda rows, how: compare_with_chance(rows, 0.5, how)),),
    most=300,
)
