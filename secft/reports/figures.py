"""From results to rows of text: one place that decides how numbers look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from secft.documents.document import Words
from secft.documents.results import EvaluationResults, Measured, MetricResult, TaskResult

Language = Literal["en", "es"]
MISSING = "—"
ROLES = ("target", "general", "safety")
CHANCE = {"en": "chance {:.1f} %", "es": "azar {:.1f} %"}
MAJORITY = {"en": "most frequent answer {:.1f} %", "es": "respuesta más frecuente {:.1f} %"}


@dataclass(frozen=True)
class ResultRow:
    """One metric of one task, as text and as numbers.

    Attributes:
        task: name of the task.
        metric: name of the metric.
        title: task for people.
        metric_title: metric for people.
        chance: what guessing would give, to be put behind the metric, or an empty string.
        items: number of items.
        base: value with interval.
        candidate: value with interval.
        difference: paired difference with interval; for perplexity the ratio.
        improved: True or False where the interval of the difference excludes no change, else None.
        numbers: base and candidate: (value, low, high), or None where not computed.
        share: whether the metric lies between 0 and 1.
    """

    task: str
    metric: str
    title: str
    metric_title: str
    chance: str
    items: int
    base: str
    candidate: str
    difference: str
    improved: bool | None
    numbers: Mapping[str, tuple[float, float, float] | None]
    share: bool


def with_interval(estimate: Measured | None, *, share: bool, signed: bool = False) -> str:
    """Write a value with its interval: ``71.3 % [64.0, 77.9]`` or ``12.4 [11.0, 13.9]``."""
    numbers = estimate.numbers if estimate else None
    if numbers is None:
        return MISSING
    if share:
        value, low, high = (decimal(100 * number, 1, signed=signed) for number in numbers)
        return f"{value} {'points' if signed else '%'} [{low}, {high}]"
    value, low, high = (decimal(number, 2, signed=signed) for number in numbers)
    return f"{value} [{low}, {high}]"


def decimal(number: float, digits: int, *, signed: bool = False) -> str:
    """Write a number with a fixed number of digits and never as a negative zero."""
    return format(round(number, digits) + 0.0, f"{'+' if signed else ''}.{digits}f")


def result_rows(results: EvaluationResults, language: Language = "en") -> list[ResultRow]:
    """Turn results into rows: shares of targets first, then other targets, then what must be kept."""

    def place(item: tuple[str, TaskResult]) -> tuple[int, bool, str]:
        task, result = item
        return ROLES.index(result.role), not (result.main and result.main.share), task

    return [
        _row(task, result, name, metric, language)
        for task, result in sorted(results.tasks.items(), key=place)
        for name, metric in sorted(result.metrics.items())
    ]


def difference_text(metric: MetricResult) -> str:
    """Write the paired difference of a metric, or its ratio where it has one, with the interval."""
    if metric.ratio is None:
        return with_interval(metric.difference, share=metric.share, signed=True)
    ratio = with_interval(metric.ratio, share=False)
    return ratio if ratio == MISSING else f"× {ratio}"


def _row(task: str, result: TaskResult, name: str, metric: MetricResult, language: Language) -> ResultRow:
    difference = difference_text(metric)
    if language == "es":
        difference = difference.replace("points", "puntos")
    change = metric.difference.numbers
    certain = change is not None and not change[1] <= 0 <= change[2]
    trivial = [
        words[language].format(100 * share)
        for words, share in ((CHANCE, result.chance), (MAJORITY, result.majority))
        if share is not None and name == result.primary
    ]
    return ResultRow(
        task=task,
        metric=name,
        title=result.title.get(language, task),
        metric_title=metric.title.get(language, name),
        chance=f" ({', '.join(trivial)})" if trivial else "",
        items=result.items,
        base=with_interval(metric.base, share=metric.share),
        candidate=with_interval(metric.candidate, share=metric.share),
        difference=difference,
        improved=(change[1] > 0) == metric.higher_is_better if change and certain else None,
        numbers={"base": metric.base.numbers, "candidate": metric.candidate.numbers},
        share=metric.share,
    )


@dataclass(frozen=True)
class Column:
    """One column of the table of results, in every report.

    Attributes:
        title: in the languages of reports.
        cell: (row, language) -> text.
        number: it is aligned to the right.
    """

    title: Words
    cell: Callable[[ResultRow, Language], str]
    number: bool = True


CHANGES: Mapping[bool | None, Words] = {
    True: {"en": "better", "es": "mejor"},
    False: {"en": "worse", "es": "peor"},
    None: {"en": "no clear change", "es": "sin cambio claro"},
}
COLUMNS: tuple[Column, ...] = (
    Column({"en": "task", "es": "tarea"}, lambda row, language: row.title, number=False),
    Column({"en": "metric", "es": "métrica"}, lambda row, language: row.metric_title + row.chance, number=False),
    Column({"en": "items", "es": "elementos"}, lambda row, language: str(row.items)),
    Column({"en": "base", "es": "base"}, lambda row, language: row.base),
    Column({"en": "candidate", "es": "candidato"}, lambda row, language: row.candidate),
    Column({"en": "paired difference", "es": "diferencia pareada"}, lambda row, language: row.difference),
    Column({"en": "change", "es": "cambio"}, lambda row, language: CHANGES[row.improved][language], number=False),
)
"""The columns of the table of results, in their order."""


@dataclass(frozen=True)
class ResultTable:
    """The table of results, ready for a template.

    Attributes:
        head: (title, whether it is a number) of each column.
        rows: (cells, whether the row is better, worse or neither).
    """

    head: list[tuple[str, bool]]
    rows: list[tuple[list[str], bool | None]]


def result_table(rows: Sequence[ResultRow], language: Language = "en") -> ResultTable:
    """Return the table that card, evidence and report show."""
    head = [(column.title[language], column.number) for column in COLUMNS]
    return ResultTable(head, [([column.cell(row, language) for column in COLUMNS], row.improved) for row in rows])


def clock(seconds: float) -> str:
    """Write a duration: ``1 h 02 min``, ``8 min 03 s`` or ``4.2 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def leaves(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """List a configuration as (dotted key, value) pairs, without what is None."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows += leaves(value, f"{prefix}{key}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            rows.append((f"{prefix}{key}", ", ".join(map(str, value)) or MISSING))
        elif value is not None:
            rows.append((f"{prefix}{key}", str(value)))
    return rows
