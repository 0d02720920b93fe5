"""How like the held-out answers are to what a model writes itself."""

from secft.evaluate.held_out import Answers
from secft.evaluate.metrics import SIMILARITY
from secft.evaluate.requests import WriteLike
from secft.evaluate.task import Task

TASK = Task(
    name="answer_similarity",
    title={"en": "Written answers", "es": "Respuestas escritas"},
    role="target",
    source=Answers(),
    request=WriteLike(),
    metrics=(SIMILARITY,),
    most=24,
    # A right answer in other words is not like the held-out one: told, not judged by.
    chosen="never",
)
