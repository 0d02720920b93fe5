"""The dataset card: Hugging Face metadata, then what a reviewer wants to know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from secft.columns import plain_text, shares_text
from secft.dataset.card_tables import short_tables
from secft.dataset.contents import Contents
from secft.dataset.languages import SAMPLE
from secft.dataset.rows import features
from secft.dataset.sources.table import SOURCES
from secft.dataset.split import SPLITS
from secft.papers import block, code, link, markdown
from secft.reasons import counted_text, reason_text
from secft.records import message_text

_HUB_LICENSES = {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "bsd-3-clause", "unknown", "other"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SAMPLE_CHARACTERS = 600

_TASKS = {
    "explain": "name of an entry -> what it is, what it requires or which versions it affects",
    "mitigate": "entry -> mitigations, required actions or fixed versions that the source lists",
    "detect": "entry -> ways of detection that the source lists",
    "classify": "description without its name -> id and name",
    "consequence": "weakness -> class of its first listed technical impact (8 classes)",
    "tactic": "technique or detection rule -> ATT&CK tactic (14 or 15 classes; all tactics where there are several)",
    "multiple_choice": "four options, wrong ones from the most similar entries",
    "refuse": "request for attack tooling -> refusal with a defence",
    "assist": "harmless request, often one that sounds dangerous -> help",
    "weakness": "vulnerability, attack pattern or finding -> ids of CWE that its source assigns",
    "technique": "detection rule or attack pattern -> ids of ATT&CK techniques that it is mapped to",
    "severity": "CVSS vector or finding -> severity (5 classes)",
    "false_positives": "detection rule -> harmless activity that sets it off",
    "log_source": "detection rule -> the log source that it needs",
    "write_rule": "description and log source -> detection section of a Sigma rule",
    "implement": "control -> how to implement it",
    "check": "control -> how to check it",
    "guidance": "heading of a section of a guide -> its text",
    "triage": "finding of a scanner -> what it means and how to fix it",
    "agent_answer": "successful run of an agent -> its calls, and its answer from their results",
    "general": "everyday questions, against forgetting",
    "chat": "conversations that were brought along",
}


def hub_licenses(licenses: Sequence[str]) -> dict[str, Any]:
    """Return the licence part of the metadata: Hub identifiers, and ``other`` with names for what has none."""
    known = sorted({name.lower() for name in licenses if name.lower() in _HUB_LICENSES})
    others = sorted({name for name in licenses if name.lower() not in _HUB_LICENSES})
    identifiers = [*known, *(["other"] if others and "other" not in known else [])]
    metadata: dict[str, Any] = {"license": identifiers[0] if len(identifiers) == 1 else identifiers}
    return {**metadata, "license_name": "; ".join(others)} if others else metadata


def metadata(manifest: Mapping[str, Any], contents: Contents) -> dict[str, Any]:
    """Return the metadata of the card."""
    total = sum(map(contents.rows, SPLITS))
    files = [{"split": split, "path": f"{split}.parquet"} for split in SPLITS if contents.rows(split)]
    tasks = ["text-generation", "question-answering"]
    if contents.choices:
        tasks.append("multiple-choice")
    return {
        **hub_licenses(manifest["licenses"]),
        **({"language": list(manifest["language"])} if manifest["language"] else {}),
        "task_categories": tasks,
        "size_categories": [next((name for limit, name in _SIZES if total < limit), "1M<n<10M")],
        "tags": ["cybersecurity", *sorted(manifest["sources"]), "secft"],
        "pretty_name": manifest["name"],
        "configs": [{"config_name": "default", "data_files": files}],
        "dataset_info": {"features": features(contents.layout)},
    }


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; pipes and line breaks in cells are made harmless."""

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(header), line(["---"] * len(header)), *map(line, rows)])


def _sources(manifest: Mapping[str, Any], contents: Contents) -> str:
    rows = []
    for name, source in manifest["sources"].items():
        dropped = counted_text(source.get("dropped", {})) or "-"
        url = str(source.get("url", ""))
        values = [
            markdown(source.get("version", "")),
            source.get("documents", ""),
            markdown(source.get("license", "")),
            link(url, url) if url else "",
        ]
        tagged = "".join(f"; tagged {tag}: {count}" for tag, count in source.get("tagged", {}).items())
        scrubbed = "".join(f"; replaced &lt;{kind}&gt;: {count}" for kind, count in source.get("scrubbed", {}).items())
        unused = "".join(f"; not used: {reason_text(why)}: {count}" for why, count in source.get("unused", {}).items())
        rows.append([markdown(name), *values, plain_text(dropped + tagged + scrubbed + unused)])
    own = contents.own
    if own is not None:
        details = [own["source_version"], len(contents.own_entities), own["license"]]
        rows.append([own["source"], *details, "original texts of secft", "-"])
    return table(["source", "version", "documents", "licence", "where from", "records left out"], rows)


def _counts(manifest: Mapping[str, Any]) -> str:
    rows = [
        [task, *(counts[split] for split in SPLITS), sum(counts.values()), _TASKS.get(task, "")]
        for task, counts in manifest["counts"].items()
    ]
    splits = manifest["splits"]
    total = ["**all**", *(splits[split]["examples"] for split in SPLITS)]
    tokens = ["tokens", *(f"{splits[split]['tokens']:,}" for split in SPLITS)]
    rows.append([*total, sum(splits[split]["examples"] for split in SPLITS), ""])
    rows.append([*tokens, f"{sum(splits[split]['tokens'] for split in SPLITS):,}", f"by {manifest['tokenizer']}"])
    return table(["task", *SPLITS, "all", "what"], rows)


def _funnel(manifest: Mapping[str, Any]) -> str:
    rows = []
    for step in manifest["funnel"]:
        reasons = counted_text(step["dropped"]) or "-"
        rows.append([reason_text(step["step"]), step["seen"], step["seen"] - step["kept"], step["kept"], reasons])
    return "\n\n".join([table(["step", "in", "dropped", "out", "why"], rows), *_more(manifest["funnel"])])


def _more(funnel: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what steps have to tell besides what they dropped: replacements and flags."""
    parts = []
    for step in funnel:
        for name in ("changed", "flagged"):
            details = ", ".join(f"{what.replace('<', '&lt;')}: {count}" for what, count in step.get(name, {}).items())
            parts += [f"{reason_text(step['step'])}, {name}: {details}."] if details else []
    return parts


def _samples(contents: Contents) -> str:
    blocks = []
    for task, row in sorted(contents.first.items()):
        turns = "\n\n".join(
            f"{item['role']}: {message_text(item)}" for item in row["messages"] if item["role"] != "system"
        )
        shown = turns if len(turns) <= _SAMPLE_CHARACTERS else turns[:_SAMPLE_CHARACTERS] + " ..."
        blocks.append(f"**{task}** ({code(row['id'])})\n\n{block(shown)}")
    return "\n\n".join(blocks)


def _notices(manifest: Mapping[str, Any]) -> str:
    notices = {name: SOURCES[name].notice for name in sorted(manifest["sources"]) if name in SOURCES}
    lines = [f"- {notice}" for notice in notices.values() if notice]
    return "\n".join(lines) or "See the table above."


_BY_RULES = """\
- Credentials and personal data are found by rules, so what has no known form is missed; names of people
  are kept, as sources name authors and actors. Rows are dropped for their language only where the
  configuration lists some."""
_NOT_WRITTEN = frozenset({"chat", "agent_answer", "assist", "general", "refuse"})
"""Tasks whose rows are conversations as they came, or texts of secft."""


def _limits(manifest: Mapping[str, Any]) -> str:
    """Return what a reader must know of these rows, by what is among them."""
    tasks, lines = set(manifest["counts"]), []
    if tasks - _NOT_WRITTEN:
        lines += [
            "- Answers of templates are sentences of the source, cut at a length; as good and current as it is.",
            "- Questions come from a limited number of phrasings, so they are less varied than what people ask.",
        ]
    if tasks & {"chat", "agent_answer"}:
        lines.append("- Conversations of records are taken as they are: nobody checked what they say.")
    if "consequence" in tasks:
        lines.append(
            "- The consequence class is the first technical impact that CWE lists; weaknesses often have more than one."
        )
    relatives = ": a sub-technique in test can have its parent in train" if "attack" in manifest["sources"] else ""
    lines.append(
        f"- Entities do not cross splits, but relatives may{relatives}.\n"
        "  The column `family` allows a stricter division."
    )
    return "\n".join([*lines, _BY_RULES])


def _languages(manifest: Mapping[str, Any]) -> str:
    shares = manifest["languages"]
    if not shares:
        return "Languages of the rows: not known (the extra `curation` of secft finds them)."
    return f"Languages of the rows: {shares_text(shares)} (a sample of at most {SAMPLE} rows, by fastText's lid.176)."


def _load_arguments(place: str, contents: Contents) -> str:
    # Splits without rows are left out, because datasets refuses to load them.
    files = {split: f"{place}/{split}.parquet" for split in SPLITS if contents.rows(split)}
    return f'"parquet", data_files={json.dumps(files, indent=4)}'


def _origin(manifest: Mapping[str, Any]) -> str:
    """Return what the rows are made of: published knowledge, files of the owner, or both."""
    own = [name for name in manifest["sources"] if name in _OF_THE_OWNER]
    published = ["published knowledge"] if len(own) < len(manifest["sources"]) or not own else []
    return " and ".join([*published, *([f"files of its owner ({', '.join(own)})"] if own else [])])


_OF_THE_OWNER = frozenset({"agent_runs", "jsonl", "parquet", "tool_logs", "pdf", "web"})


def dataset_card(manifest: Mapping[str, Any], contents: Contents) -> str:
    """Return the text of ``DATASET_CARD.md``.

    Args:
        manifest: the manifest, apart from the digests of files.
        contents: of the rows, for samples and sizes.
    """
    head = yaml.safe_dump(metadata(manifest, contents), sort_keys=False, allow_unicode=True, width=100)
    place = f"data/{manifest['provider']}/{manifest['name']}-vN"
    parts = [
        f"---\n{head}---\n\n# {manifest['name']}",
        f"Conversations for fine-tuning a security assistant, made by secft from {_origin(manifest)}. Each row says "
        "which document and which of its fields its answer comes from. `croissant.json` says the same to "
        "machines.",
        f"## Sources\n\n{_sources(manifest, contents)}\n\n{_notices(manifest)}",
        f"## Contents\n\n{_counts(manifest)}\n\n{_languages(manifest)}",
        f"## How rows were dropped\n\n{_funnel(manifest)}",
        "Near duplicates: " + json.dumps(manifest["dedup"], ensure_ascii=False, sort_keys=True),
        *short_tables(manifest, table),
        f"## Samples\n\n{_samples(contents)}",
        f"## Limits\n\n{_limits(manifest)}",
        "## How to load\n\nThe JSONL files hold the same rows as the Parquet files.\n\n```python\n"
        f"from datasets import load_dataset\n\ndataset = load_dataset({_load_arguments(place, contents)})\n```",
        f"## Identity\n\nContent digest (SHA-256): `{manifest['digest']}`. `manifest.json` holds the digest of every "
        "file, the configuration and the digests of the inputs.",
    ]
    return "\n\n".join(parts) + "\n"
