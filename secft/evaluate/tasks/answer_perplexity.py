"""How surprised a model is by held-out answers in sentences, of any kind."""

from secft.evaluate.held_out import Answers
from secft.evaluate.metrics import PERPLEXITY
from secft.evaluate.requests import HeldOutAnswer
from secft.evaluate.task import Task

TASK = Task(
    name="answer_perplexity",
    title={"en": "Held-out answers", "es": "Respuestas reservadas"},
    role="target",
    source=Answers(),
    request=HeldOutAnswer(),
    metrics=(PERPLEXITY,),
    most=150,
    # Perplexity falls by style alone; a skill says more, where the dataset teaches one.
    chosen="last",
)
