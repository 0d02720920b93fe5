"""Task ``agent_answer``: the goal of a successful run of an agent, and its final answer."""

from __future__ import annotations

from random import Random

from secft.dataset.templates.passage import passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip
from secft.records import Document


def agent_answer(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Turn a successful run into a conversation; failed and undecided runs teach nothing."""
    fields = document.fields
    if fields["outcome"] != "success":
        return Skip("the run failed" if fields["outcome"] == "failure" else "the outcome of the run is unknown")
    if not fields["goal"]:
        return Skip("the run names no goal")
    if not fields["answer"]:
        return Skip("the run has no final answer")
    answer = passage(fields["answer"], setting.max_answer)
    return [DraftExample(fields["goal"], answer, ("answer",))] if answer else Skip("no sentence of the answer fits")
