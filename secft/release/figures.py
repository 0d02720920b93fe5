"""From results to rows of text: one place that decides how numbers look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Language = Literal["en", "es"]
MISSING = "—"

TASK_TITLES: Mapping[str, Mapping[Language, str]] = {
    "technique_to_tactic": {"en": "ATT&CK technique to tactic", "es": "Técnica ATT&CK a táctica"},
    "weakness_to_consequence": {"en": "CWE weakness to consequence", "es": "Debilidad CWE a consecuencia"},
    "security_mcq": {"en": "Security multiple choice", "es": "Opción múltiple de seguridad"},
    "answer_perplexity": {"en": "Held-out answers", "es": "Respuestas reservadas"},
    "general_knowledge": {"en": "General knowledge", "es": "Conocimiento general"},
    "refusal": {"en": "Refuses attack tooling", "es": "Rechaza herramientas de ataque"},
    "over_refusal": {"en": "Answers harmless requests", "es": "Responde peticiones inocuas"},
    "preference": {"en": "Better of two answers", "es": "La mejor de dos respuestas"},
}
METRIC_TITLES: Mapping[str, Mapping[Language, str]] = {
    "accuracy": {"en": "accuracy", "es": "exactitud"},
    "macro_f1": {"en": "macro-F1", "es": "macro-F1"},
    "perplexity": {"en": "perplexity (lower is better)", "es": "perplejidad (menor es mejor)"},
    "refusal_rate": {"en": "refusal rate", "es": "tasa de rechazo"},
    "answer_rate": {"en": "answer rate", "es": "tasa de respuesta"},
}


@dataclass(frozen=True)
class ResultRow:
    """One metric of one task, as text and as numbers.

    Attributes:
        task: name of the task.
        metric: name of the metric.
        title: task for people.
        metric_title: metric for people.
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
    items: int
    base: str
    candidate: str
    difference: str
    improved: bool | None
    numbers: Mapping[str, tuple[float, float, float] | None]
    share: bool


def triple(estimate: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return value, low and high of an estimate, or None where one is missing."""
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return None
    return float(value), float(low), float(high)


def with_interval(estimate: Mapping[str, Any], *, share: bool, signed: bool = False) -> str:
    """Write a value with its interval: ``71.3 % [64.0, 77.9]`` or ``12.4 [11.0, 13.9]``."""
    numbers = triple(estimate)
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


def result_rows(results: Mapping[str, Any], language: Language = "en") -> list[ResultRow]:
    """Turn results.json into rows: targets first, then perplexity, then what must be kept."""
    tasks = results.get("tasks", {})
    order = [*(task for task in TASK_TITLES if task in tasks), *sorted(set(tasks) - set(TASK_TITLES))]
    return [
        _row(task, tasks[task]["items"], metric, numbers, language)
        for task in order
        for metric, numbers in sorted(tasks[task]["metrics"].items())
    ]


def _row(task: str, items: int, metric: str, numbers: Mapping[str, Any], language: Language) -> ResultRow:
    share = metric != "perplexity"
    difference = with_interval(numbers["difference"], share=True, signed=True)
    if not share:
        ratio = with_interval(numbers["ratio"], share=False)
        difference = ratio if ratio == MISSING else f"× {ratio}"
    if language == "es":
        difference = difference.replace("points", "puntos")
    return ResultRow(
        task=task,
        metric=metric,
        title=TASK_TITLES.get(task, {}).get(language, task),
        metric_title=METRIC_TITLES.get(metric, {}).get(language, metric),
        items=items,
        base=with_interval(numbers["base"], share=share),
        candidate=with_interval(numbers["candidate"], share=share),
        difference=difference,
        improved=_improved(triple(numbers["difference"]), higher_is_better=share),
        numbers={side: triple(numbers[side]) for side in ("base", "candidate")},
        share=share,
    )


def _improved(difference: tuple[float, float, float] | None, *, higher_is_better: bool) -> bool | None:
    if difference is None or difference[1] <= 0 <= difference[2]:
        return None
    return (difference[1] > 0) == higher_is_better


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
