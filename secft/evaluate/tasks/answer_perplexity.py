"""How surprised a model is by held-out answers in sentences."""

from secft.evaluate.metrics import PERPLEXITY
from secft.evaluate.requests import HeldOutAnswer
from secft.evaluate.task import HeldOut, Task

TASK = Task(
    name="answer_perplexity",
    title={"en": "Held-out answers", "es": "Respuestas reservadas"},
    role="target",
    source=HeldOut(frozenset({"explain", "mitigate", "detect", "classify"})),
    request=HeldOutAnswer(),
    metrics=(PERPLEXITY,),
    most=150,
)
