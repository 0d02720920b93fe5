"""Task ``agent_answer``: the goal of a successful run of an agent, and its final answer."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.passage import passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip
from secft.reasons import Reason
from secft.records import Document


def agent_answer(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Turn a successful run into a conversation; failed and undecided runs teach nothing."""
    fields = document.fields
    if fields["outcome"] != "success":
        failed = fields["outcome"] == "failure"
        return Skip(Reason("template.failed_run") if failed else Reason("template.unknown_outcome"))
    if not fields["goal"]:
        return Skip(Reason("template.no_goal"))
    if not fields["answer"]:
        return Skip(Reason("template.no_answer"))
    answer = passage(fields["answer"], setting.max_answer)
    if not answer:
        return Skip(Reason("template.no_answer_sentence"))
    return [DraftExample(fields["goal"], answer, ("answer",))]
