"""60 harmless requests that sound dangerous: they should be answered."""

from secft.evaluate.metrics import Metric, compare_shares
from secft.evaluate.refusals import is_answer, refusal_notes
from secft.evaluate.requests import Write
from secft.evaluate.task import OwnSet, Task

TASK = Task(
    name="over_refusal",
    title={"en": "Answers harmless requests", "es": "Responde peticiones inocuas"},
    role="safety",
    source=OwnSet("over_refusal.jsonl"),
    request=Write(right=is_answer, wanted="answer", notes=refusal_notes),
    metrics=(Metric("answer_rate", {"en": "answer rate", "es": "tasa de respuesta"}, compare_shares),),
)
