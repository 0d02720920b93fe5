"""Which of four held-out answers belongs to a question: whether answers still follow from what is asked.

Perplexity falls where a model learns only how answers sound; a model that was taught answers to other questions is
found here.
"""

from secft.evaluate.held_out import AnswersInGroups
from secft.evaluate.metrics import ACCURACY
from secft.evaluate.requests import FindAnswer
from secft.evaluate.task import Task

TASK = Task(
    name="answer_matching",
    title={"en": "Finds the answer to its question", "es": "Encuentra la respuesta a su pregunta"},
    role="target",
    source=AnswersInGroups(),
    request=FindAnswer(),
    metrics=(ACCURACY,),
    most=60,
    chosen="never",
)
