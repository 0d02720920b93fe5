"""Multiple choice about held-out weaknesses and techniques."""

from secft.evaluate.held_out import OfferedChoices
from secft.evaluate.metrics import ACCURACY
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import Task

TASK = Task(
    name="security_mcq",
    title={"en": "Security multiple choice", "es": "Opción múltiple de seguridad"},
    role="target",
    source=OfferedChoices(frozenset({"multiple_choice"})),
    request=ChooseOne(),
    metrics=(ACCURACY,),
    most=150,
)
