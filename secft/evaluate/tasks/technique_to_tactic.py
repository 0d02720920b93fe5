"""ATT&CK technique -> tactic, on held-out techniques."""

from secft.evaluate.held_out import OfferedChoices
from secft.evaluate.metrics import ACCURACY, MACRO_F1
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import Task

TASK = Task(
    name="technique_to_tactic",
    title={"en": "ATT&CK technique to tactic", "es": "Técnica ATT&CK a táctica"},
    role="target",
    source=OfferedChoices(frozenset({"tactic"})),
    request=ChooseOne(),
    metrics=(ACCURACY, MACRO_F1),
    most=150,
)
