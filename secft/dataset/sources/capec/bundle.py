"""A STIX 2.1 bundle of CAPEC as simple tables."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.input_files import read_json_input
from secft.dataset.sources.reading.json_values import mappings, string
from secft.dataset.sources.reading.stix import newest_objects
from secft.errors import InputError
from secft.security.identifiers import is_id

EXPECTED = "a STIX 2.1 bundle of CAPEC (JSON, plain or gzipped, https://github.com/mitre/cti/tree/master/capec)"
_NUMBERS = re.compile(r"[0-9]{1,9}")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _NUMBERS.findall(text)]


def external_ids(record: dict[str, Any], source: str) -> list[str]:
    """Return the ids that an object has in another source, for example ``cwe``."""
    references = mappings(record, "external_references")
    return [string(item, "external_id") for item in references if item.get("source_name") == source]


@dataclass(frozen=True)
class Bundle:
    """What is needed of CAPEC.

    Attributes:
        patterns: all attack patterns, in the order of the file.
        version: version of CAPEC.
        names: STIX id -> id in CAPEC, of the patterns in use.
        courses: STIX id -> mitigation.
        mitigates: STIX id of a pattern -> those of its mitigations.
    """

    patterns: list[dict[str, Any]]
    version: str
    names: dict[str, str]
    courses: dict[str, dict[str, Any]]
    mitigates: dict[str, list[str]]

    @staticmethod
    def own_ids(record: dict[str, Any]) -> list[str]:
        """Return the ids in CAPEC of a pattern; a good one has one."""
        return [name for name in external_ids(record, "capec") if is_id(name, "capec")]

    def order(self, ref: str) -> tuple[int, str]:
        """Return a sorting key of a pattern: its number in CAPEC."""
        return int(self.names.get(ref, "CAPEC-0").removeprefix("CAPEC-")), ref

    def mitigations(self, ref: str) -> list[dict[str, Any]]:
        """Return the mitigations of a pattern, in the order of their names (coa-66-0, coa-66-1)."""
        found = [self.courses[name] for name in dict.fromkeys(self.mitigates.get(ref, [])) if name in self.courses]
        return sorted(found, key=lambda item: (_numbers(string(item, "name")), string(item, "id")))


def _live(record: dict[str, Any]) -> bool:
    return string(record, "x_capec_status") not in ("Deprecated", "Obsolete") and record.get("revoked") is not True


def read_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises:
        InputError: not JSON, not a bundle, or a bundle without attack patterns.
    """
    bundle = read_json_input(path, EXPECTED)
    if not isinstance(bundle, dict) or bundle.get("type") != "bundle" or not isinstance(bundle.get("objects"), list):
        kind = bundle.get("type") if isinstance(bundle, dict) else type(bundle).__name__
        raise InputError(f"{path}: the STIX type is {kind!r} instead of 'bundle' with objects; expected {EXPECTED}.")
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in newest_objects(bundle):
        tables[string(item, "type")].append(item)
    patterns = tables["attack-pattern"]
    if not patterns:
        raise InputError(f"{path}: the bundle holds no attack-pattern; expected {EXPECTED}.")
    mitigates: dict[str, list[str]] = defaultdict(list)
    for item in tables["relationship"]:
        if item.get("relationship_type") == "mitigates" and item.get("revoked") is not True:
            mitigates[string(item, "target_ref")].append(string(item, "source_ref"))
    return Bundle(
        patterns=patterns,
        version=max((string(item, "x_capec_version") for item in patterns), key=_numbers) or "unknown",
        names={
            string(item, "id"): Bundle.own_ids(item)[0] for item in patterns if _live(item) and Bundle.own_ids(item)
        },
        courses={string(item, "id"): item for item in tables["course-of-action"] if item.get("revoked") is not True},
        mitigates=dict(mitigates),
    )
