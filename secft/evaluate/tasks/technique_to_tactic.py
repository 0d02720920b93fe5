"""ATT&CK technique -> tactic, on held-out techniques."""

from secft.evaluate.metrics import ACCURACY, MACRO_F1
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import HeldOut, Task

TASK = Task(
    name="technique_to_tactic",
    title={"en": "ATT&CK technique to tactic", "es": "Técnica ATT&CK a táctica"},
    role="target",
    source=HeldOut(frozenset({"tactic"}), with_choices=True),
    request=ChooseOne(),
    metrics=(ACCURACY, MACRO_F1),
    most=150,
)
