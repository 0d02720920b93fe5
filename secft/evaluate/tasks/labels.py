"""Labels: short answers that occur again and again, such as the class of a ticket or the weakness of a finding."""

from secft.evaluate.held_out import Labels
from secft.evaluate.metrics import ACCURACY, MACRO_F1
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import Task

TASK = Task(
    name="labels",
    title={"en": "Labels", "es": "Etiquetas"},
    role="target",
    source=Labels(),
    request=ChooseOne(),
    metrics=(ACCURACY, MACRO_F1),
    most=150,
)
