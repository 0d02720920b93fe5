"""Choices of any kind that no other task asks: severity of findings, and those that a team brings itself."""

from secft.evaluate.held_out import OfferedChoices
from secft.evaluate.metrics import ACCURACY, MACRO_F1
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import Task

TASK = Task(
    name="choices",
    title={"en": "Offered choices", "es": "Opciones ofrecidas"},
    role="target",
    source=OfferedChoices(without=frozenset({"multiple_choice", "tactic", "consequence"})),
    request=ChooseOne(),
    metrics=(ACCURACY, MACRO_F1),
    most=150,
)
