"""150 everyday questions: what fine-tuning must not make the model forget."""

from secft.evaluate.metrics import ACCURACY
from secft.evaluate.requests import ChooseOne
from secft.evaluate.task import OwnSet, Task

TASK = Task(
    name="general_knowledge",
    title={"en": "General knowledge", "es": "Conocimiento general"},
    role="general",
    source=OwnSet("general_knowledge.jsonl"),
    request=ChooseOne(),
    metrics=(ACCURACY,),
)
