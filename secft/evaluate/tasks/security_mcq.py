"""Multiple choice about held-out weaknesses and techniques."""

from secft.evaluate.metrics import ACCURACY
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import HeldOut, Task

TASK = Task(
    name="security_mcq",
    title={"en": "Security multiple choice", "es": "Opción múltiple de seguridad"},
    role="target",
    source=HeldOut(frozenset({"multiple_choice"}), with_choices=True),
    request=ChooseOne(),
    metrics=(ACCURACY,),
    most=150,
)
