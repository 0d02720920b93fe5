"""Sigma detection rules: YAML files, folders, archives, or JSONL with one rule or one file a line.

Fields of a document (kind ``rule``): ``description``, ``logsource`` {category, product, service, definition},
``detection`` (YAML text, as its author wrote it), ``correlation`` (YAML text) and ``correlates`` (in words) of a
correlation of rules, which has no detection, ``condition`` [text], ``fields`` (of the log, that the rule looks at),
``falsepositives`` [text], ``level``, ``status``, ``techniques`` (T1059.001), ``tactics`` (credential-access),
``software`` and ``groups`` (ids of ATT&CK), ``cves``, ``tags`` (all), ``related`` [{id, type}], ``parent`` (the rule
that it is derived from or correlates, or empty), ``rule`` (its id, or empty), ``author``, ``date``, ``modified``,
``references`` and ``file``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.archives import Packed, packed_suffixes, read_part
from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.dataset.sources.reading.paths import named_files, parts_of, paths_problems
from secft.dataset.sources.reading.safe_yaml import BadYaml
from secft.dataset.sources.sigma import SigmaSource
from secft.dataset.sources.sigma.collection import correlation_text, correlation_words, named_rules, rules_in
from secft.dataset.sources.sigma.parts import attack_fields, day, detection_text, log_fields
from secft.dataset.sources.source import ReadLog, reader_of_parts
from secft.dataset.text import paragraphs, squeeze
from secft.errors import Problem
from secft.files import digest, sha256_file
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
    """Return the rules of a text with their own YAML, see ``rules_in``.

    Raises:
        BadYaml: the text is no YAML, or out to harm.
    """
    return [(packed.record, "")] if packed.record is not None else rules_in(packed.text)


def _fault(rule: Any) -> Reason | None:
    """Return why something is not a rule in use, or None; ids and descriptions are optional."""
    if not isinstance(rule, dict):
        return Reason("sigma.not_rule")
    if "correlation" in rule and not named_rules(mapping(rule, "correlation")):
        return Reason("sigma.correlation")
    if "action" in rule and "logsource" not in rule:
        return Reason("sigma.collection")
    if "filter" in rule and "detection" not in rule:
        return Reason("sigma.filter")
    complete = "correlation" in rule or (mapping(rule, "detection") and mapping(rule, "logsource"))
    if not string(rule, "title") or not complete:
        return Reason("sigma.incomplete")
    if rule.get("id") is not None and not _UUID.fullmatch(string(rule, "id").lower()):
        return Reason("record.no_id")
    if string(rule, "status").lower() in _RETIRED:
        return Reason("record.status", string(rule, "status").lower())
    return None


def _conditions(detection: dict[str, Any]) -> list[str]:
    single = string(detection, "condition")
    return [squeeze(item) for item in ([single] if single else strings(detection, "condition"))]


def _related(rule: dict[str, Any]) -> list[dict[str, str]]:
    found = [{"id": string(item, "id").lower(), "type": string(item, "type")} for item in mappings(rule, "related")]
    return [item for item in found if _UUID.fullmatch(item["id"])]


def _parent(rule: dict[str, Any], related: list[dict[str, str]]) -> str:
    """Return the rule that a rule is derived from, or the first one that a correlation is about."""
    derived = [item["id"] for item in related if item["type"] == "derived"]
    correlated = [name.lower() for name in named_rules(mapping(rule, "correlation"))]
    return next((f"sigma:{name}" for name in [*derived, *correlated] if _UUID.fullmatch(name)), "")


def _fields(rule: dict[str, Any], own: str, titles: dict[str, str]) -> dict[str, Any]:
    detection, logsource = mapping(rule, "detection"), mapping(rule, "logsource")
    correlation, related = mapping(rule, "correlation"), _related(rule)
    tags = strings(rule, "tags")
    return {
        "description": paragraphs(string(rule, "description")),
        "logsource": {key: string(logsource, key) for key in ("category", "product", "service", "definition")},
        "detection": detection_text(detection, own) if detection else "",
        "correlation": correlation_text(correlation) if correlation else "",
        "correlates": correlation_words(correlation, titles) if correlation else "",
        "condition": _conditions(detection),
        "fields": log_fields(detection),
        "falsepositives": strings(rule, "falsepositives"),
        "level": string(rule, "level").lower(),
        "status": string(rule, "status").lower(),
        **attack_fields(tags),
        "cves": cve_tags(tags),
        "tags": tags,
        "related": related,
        "parent": _parent(rule, related),
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
        fields["correlates"],
        f"```yaml\n{fields['detection'] or fields['correlation']}\n```",
        _listed("False positives:", fields["falsepositives"]),
        f"Level: {fields['level']}." if fields["level"] else "",
        f"ATT&CK: {', '.join(fields['tactics'] + fields['techniques'])}."
        if fields["tactics"] or fields["techniques"]
        else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _identifier(rule: dict[str, Any], seen: set[str], shared: bool) -> str:
    """Return the id of a rule's document: the rule's own, or, where it has none, a digest of what it says.

    Args:
        rule: the rule.
        seen: ids of the file so far.
        shared: the rule has its id from the whole collection; later ones are numbered.
    """
    said = [rule.get("title"), repr(rule.get("logsource")), repr(rule.get("detection") or rule.get("correlation"))]
    own = string(rule, "id").lower() or digest(said)[:20]
    numbered = (f"{own}-{number}" for number in range(2, len(seen) + 3))
    return next(name for name in numbered if name not in seen) if shared and own in seen else own


def _document(fields: dict[str, Any], identifier: str, rule: dict[str, Any], config: SigmaSource, part: str,
              version: str) -> Document:  # fmt: skip
    hub = _HUB.search(fields["file"])
    return Document(
        id=f"sigma:{identifier}",
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
        titles = {string(rule, key): string(rule, "title") for rule, _ in rules for key in ("id", "name")}
        for rule, own in rules:
            reason = _fault(rule)
            identifier = "" if reason else _identifier(rule, seen, shared=not own and len(rules) > 1)
            if reason or identifier in seen:
                log.refuse(packed.name, reason or Reason("record.repeated_id"))
                continue
            seen.add(identifier)
            fields = {**_fields(rule, own, titles), "file": packed.name}
            yield _document(fields, identifier, rule, config, part, version)


def _parts(config: SigmaSource) -> list[str]:
    return parts_of(config.paths, _FILES)


def _external_files(config: SigmaSource) -> dict[str, Path]:
    return named_files(config.paths, _FILES)


def _problems(config: SigmaSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = reader_of_parts(_parts, _read_part, _external_files, _problems)
