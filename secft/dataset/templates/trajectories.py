"""Task ``agent_answer``: a successful run of an agent as the conversation that it was.

Calls and results stay where they were: an answer without the results that it rests on would teach invention.
"""

from __future__ import annotations

from random import Random

from secft.dataset.templates.writing import DraftExample, Setting, Skip
from secft.reasons import Reason
from secft.records import Document


def agent_answer(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Turn a successful, finished run into a conversation; failed, undecided and unfinished runs teach nothing."""
    fields = document.fields
    if fields["outcome"] != "success":
        failed = fields["outcome"] == "failure"
        return Skip(Reason("template.failed_run") if failed else Reason("template.unknown_outcome"))
    if not fields["answer"]:
        return Skip(Reason("template.no_answer"))
    messages = tuple(fields["messages"])
    last = messages[-1]
    if last["role"] != "assistant" or last.get("tool_calls"):
        return Skip(Reason("template.unfinished_run"))
    parts = ("messages", "tools") if fields["schemas"] else ("messages",)
    return [DraftExample(fields["goal"], fields["answer"], parts, messages=messages, tools=tuple(fields["schemas"]))]
