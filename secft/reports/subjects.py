"""What the examples of a run are about, in words, by the sources and tasks that its dataset has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secft.columns import shares_text
from secft.documents.dataset_manifest import DatasetManifest

_OF_SOURCE = {
    "cwe": "weaknesses",
    "attack": "techniques",
    "capec": "attack patterns",
    "cve": "vulnerabilities",
    "kev": "vulnerabilities",
    "osv": "vulnerabilities",
    "sigma": "detection rules",
    "oscal": "controls",
    "xccdf": "checks of configurations",
    "owasp": "sections of guides",
    "pdf": "sections of documents",
    "web": "sections of pages",
    "tool_logs": "findings of scanners",
    "agent_runs": "runs of agents",
    "jsonl": "records of its owner",
    "parquet": "records of its owner",
}
_USE_OF_TASK = {
    "explain": "explaining {subjects}",
    "consequence": "naming consequences",
    "tactic": "naming tactics",
    "classify": "naming entries by their description",
    "weakness": "naming weaknesses",
    "technique": "naming techniques",
    "severity": "judging severities",
    "mitigate": "suggesting mitigations",
    "detect": "suggesting detections",
    "implement": "implementing controls",
    "check": "checking controls",
    "false_positives": "telling false alarms of rules",
    "write_rule": "writing detection rules",
    "triage": "telling what findings mean and how they are fixed",
    "guidance": "answering from guides",
    "agent_answer": "answering from the results of tools",
    "chat": "conversations like those it was trained on",
}
ADDED = frozenset({"assist", "general", "refuse"})
"""Tasks of texts that secft adds itself."""
BROUGHT = frozenset({"chat", "agent_answer"})
"""Tasks whose conversations are those of the records; no template writes them."""
_MOST = 6


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def subjects(dataset: DatasetManifest) -> str:
    """Return what the examples are about, such as ``weaknesses and techniques``."""
    names = [source for source in _OF_SOURCE if source in dataset.sources]
    return _joined(list(dict.fromkeys(_OF_SOURCE[name] for name in names))) or "subjects"


def uses(dataset: DatasetManifest) -> str:
    """Return what a model that learned the tasks of a dataset helps with."""
    told = [words.format(subjects=subjects(dataset)) for task, words in _USE_OF_TASK.items() if task in dataset.counts]
    return ", ".join(told[:_MOST]) or f"questions about {subjects(dataset)}"


def by_templates(counts: Mapping[str, object]) -> bool:
    """Return whether rows of some task may be written by templates or a model about documents."""
    return bool(set(counts) - ADDED - BROUGHT)


def languages_text(dataset: DatasetManifest) -> str:
    """Return the languages with their shares, or that they are not known."""
    return shares_text(dataset.languages) or ", ".join(dataset.language)
