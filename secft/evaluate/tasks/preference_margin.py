"""Held-out pairs of answers: training should make the better one gain more likelihood than the worse one."""

from secft.evaluate.held_out import AnswerPairs
from secft.evaluate.metrics import MARGINS
from secft.evaluate.requests import PairLikelihood
from secft.evaluate.task import Task

TASK = Task(
    name="preference_margin",
    title={"en": "Prefers the better answer", "es": "Prefiere la mejor respuesta"},
    role="target",
    source=AnswerPairs(),
    request=PairLikelihood(),
    metrics=(MARGINS,),
    most=150,
)
