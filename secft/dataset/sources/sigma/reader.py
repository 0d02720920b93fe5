"""Sigma detection rules: YAML files, folders, archives, or JSONL with one rule or one file a line.

Fields of a document (kind ``rule``): ``description``, ``logsource`` {category, product, service, definition},
``detection`` (YAML text, as its author wrote it), ``condition`` [text], ``fields`` (of the log, that the rule looks
at), ``falsepositives`` [text], ``level``, ``status``, ``techniques`` (T1059.001), ``tactics`` (credential-access),
``software`` and ``groups`` (ids of ATT&CK), ``cves``, ``tags`` (all), ``related`` [{id, type}], ``parent`` (the rule
that it is derived from, or empty), ``rule`` (its id), ``author``, ``date``, ``modified``, ``references`` and
``file``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.archives import Packed, packed_suffixes, read_part
from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.reading.paths import named_files, parts_of, paths_problems
from secft.dataset.sources.reading.safe_yaml import BadYaml, load_yaml
from secft.dataset.sources.sigma import SigmaSource
from secft.dataset.sources.sigma.parts import attack_fields, day, detection_text, log_fields
from secft.dataset.sources.source import ReadLog, reader_of_parts
from secft.dataset.text import paragraphs, squeeze
from secft.errors import Problem
from secft.files import sha256_file
from secft.reasons import Reason
from secft.records import Document
from secft.security.identifiers import cve_tags

EXPECTED = "Sigma rules (YAML with title, logsource and detection, or JSONL with one rule a line)"
HOME = "https://sigmahq.io/"
SUFFIXES = (".yml", ".yaml")
_FILES = packed_suffixes(SUFFIXES)
_RETIRED = ("deprecated", "unsupported")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HUB = re.compile(r"(?:^|/)(rules(?:-[a-z-]+)?/[\w./-]+)$")


def _rules(packed: Packed) -> list[tuple[Any, str]]:
    """Return the rules of a text with their own YAML: (rule, YAML or an empty string).

    Raises:
        BadYaml: the text is no YAML, or out to harm.
    """
    if packed.record is not None:
        return [(packed.record, "")]
    text = packed.text
    documents = load_yaml(text)
    return [(document, text if len(documents) == 1 else "") for document in documents if document is not None]


def _fault(rule: Any) -> Reason | None:
    """Return why something is not a rule in use, or None."""
    if not isinstance(rule, dict):
        return Reason("sigma.not_rule")
    if "correlation" in rule:
        return Reason("sigma.correlation")
    if "action" in rule and "logsource" not in rule:
        return Reason("sigma.collection")
    if not string(rule, "title") or not mapping(rule, "detection") or not mapping(rule, "logsource"):
        return Reason("sigma.incomplete")
    if not _UUID.fullmatch(string(rule, "id").lower()):
        return Reason("record.no_id")
    if string(rule, "status").lower() in _RETIRED:
        return Reason("record.status", string(rule, "status").lower())
    return None if string(rule, "description") else Reason("record.no_description")


def _conditions(detection: dict[str, Any]) -> list[str]:
    single = string(detection, "condition")
    return [squeeze(item) for item in ([single] if single else strings(detection, "condition"))]


def _related(rule: dict[str, Any]) -> list[dict[str, str]]:
    found = [{"id": string(item, "id").lower(), "type": string(item, "type")} for item in mappings(rule, "related")]
    return [item for item in found if _UUID.fullmatch(item["id"])]


def _fields(rule: dict[str, Any], own: str) -> dict[str, Any]:
    detection, logsource = mapping(rule, "detection"), mapping(rule, "logsource")
    related = _related(rule)
    tags = strings(rule, "tags")
    return {
        "description": paragraphs(string(rule, "description")),
        "logsource": {key: string(logsource, key) for key in ("category", "product", "service", "definition")},
        "detection": detection_text(detection, own),
        "condition": _conditions(detection),
        "fields": log_fields(detection),
        "falsepositives": strings(rule, "falsepositives"),
        "level": string(rule, "level").lower(),
        "status": string(rule, "status").lower(),
        **attack_fields(tags),
        "cves": cve_tags(tags),
        "tags": tags,
        "related": related,
        "parent": next((f"sigma:{item['id']}" for item in related if item["type"] == "derived"), ""),
        "rule": string(rule, "id").lower(),
        "author": string(rule, "author"),
        "date": day(rule.get("date")),
        "modified": day(rule.get("modified")),
        "references": strings(rule, "references"),
    }


def _listed(head: str, items: list[str]) -> str:
    return "\n".join([head, *(f"- {squeeze(item)}" for item in items)]) if items else ""


def _text(fields: dict[str, Any]) -> str:
    source = ", ".join(f"{key} {value}" for key, value in fields["logsource"].items() if value and key != "definition")
    parts = [
        fields["description"],
        f"Log source: {source}." if source else "",
        fields["logsource"]["definition"],
        f"```yaml\n{fields['detection']}\n```",
        _listed("False positives:", fields["falsepositives"]),
        f"Level: {fields['level']}." if fields["level"] else "",
        f"ATT&CK: {', '.join(fields['tactics'] + fields['techniques'])}."
        if fields["tactics"] or fields["techniques"]
        else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _document(rule: dict[str, Any], own: str, name: str, config: SigmaSource, part: str, version: str) -> Document:
    fields = {**_fields(rule, own), "file": name}
    hub = _HUB.search(name)
    return Document(
        id=f"sigma:{fields['rule']}",
        kind="rule",
        title=squeeze(string(rule, "title")),
        text=_text(fields),
        fields=fields,
        source="sigma",
        source_version=version,
        license=config.license,
        url=f"https://github.com/SigmaHQ/sigma/blob/master/{hub[1]}" if hub else "",
        path=part,
    )


def _read_part(config: SigmaSource, part: str, log: ReadLog) -> Iterator[Document]:
    """Yield the rules in use of one file.

    Raises:
        InputError: the file was named itself, and cannot be read.
    """
    seen: set[str] = set()
    version = ""
    for packed in read_part(config.paths, part, SUFFIXES, EXPECTED, log):
        version = version or f"sha256:{sha256_file(Path(part))[:12]}"
        try:
            rules = _rules(packed)
        except BadYaml as error:
            log.refuse(packed.name, Reason("record.not_yaml"), str(error))
            continue
        if not rules:
            log.refuse(packed.name, Reason("sigma.not_rule"))
        for rule, own in rules:
            reason = _fault(rule)
            identifier = "" if reason else string(rule, "id").lower()
            if reason or identifier in seen:
                log.refuse(packed.name, reason or Reason("record.repeated_id"))
                continue
            seen.add(identifier)
            yield _document(rule, own, packed.name, config, part, version)


def _parts(config: SigmaSource) -> list[str]:
    return parts_of(config.paths, _FILES)


def _external_files(config: SigmaSource) -> dict[str, Path]:
    return named_files(config.paths, _FILES)


def _problems(config: SigmaSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = reader_of_parts(_parts, _read_part, _external_files, _problems)
