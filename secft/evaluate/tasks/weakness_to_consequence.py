"""CWE weakness -> class of its primary technical impact, on held-out weaknesses."""

from secft.evaluate.held_out import OfferedChoices
from secft.evaluate.metrics import ACCURACY, MACRO_F1
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import Task

TASK = Task(
    name="weakness_to_consequence",
    title={"en": "CWE weakness to consequence", "es": "Debilidad CWE a consecuencia"},
    role="target",
    source=OfferedChoices(frozenset({"consequence"})),
    request=ChooseOne(),
    metrics=(ACCURACY, MACRO_F1),
    most=150,
)
