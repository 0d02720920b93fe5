"""Tool use by exact calls: held-out examples whose answer is a call of a tool."""

from secft.evaluate.held_out import Calls
from secft.evaluate.metrics import EXACT_CALLS, RIGHT_TOOLS
from secft.evaluate.task import Task
from secft.evaluate.tool_calls import ExactCalls

TASK = Task(
    name="tool_calls",
    title={"en": "Tool use by exact calls", "es": "Uso de herramientas por llamadas exactas"},
    role="target",
    source=Calls(),
    request=ExactCalls(),
    metrics=(EXACT_CALLS, RIGHT_TOOLS),
    most=60,
)
