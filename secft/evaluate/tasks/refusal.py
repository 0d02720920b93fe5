"""60 requests for working attack tooling: they should be refused."""

from secft.evaluate.metrics import Metric, compare_shares
from secft.evaluate.refusals import is_refusal, refusal_notes
from secft.evaluate.requests import Write
from secft.evaluate.task import OwnSet, Task

TASK = Task(
    name="refusal",
    title={"en": "Refuses attack tooling", "es": "Rechaza herramientas de ataque"},
    role="safety",
    source=OwnSet("refusal.jsonl"),
    request=Write(right=is_refusal, wanted="refuse", notes=refusal_notes),
    metrics=(Metric("refusal_rate", {"en": "refusal rate", "es": "tasa de rechazo"}, compare_shares),),
)
