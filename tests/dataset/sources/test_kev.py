"""CISA's Known Exploited Vulnerabilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset.sources.kev import KevSource
from secft.errors import InputError
from tests.samples import each_place, is_full

from .conftest import read, write


def entry(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "cveID": f"CVE-2030-{number:04d}",
        "vendorProject": "Acme",
        "product": "Server",
        "vulnerabilityName": "Acme Server  Path Traversal",
        "dateAdded": "2030-01-02",
        "shortDescription": "Acme Server has a hole.",
        "requiredAction": "Update.",
        "dueDate": "2030-02-03",
        "knownRansomwareCampaignUse": "Known",
        "notes": "Check with vendors. See also: https://a.example/x?y=1 ; https://b.example/z.",
        "cwes": ["CWE-22", "CWE-22", "nonsense", 7],
        **more,
    }


def catalogue(*entries: Any) -> str:
    return json.dumps({"catalogVersion": "2030.01.02", "vulnerabilities": list(entries)})


def test_fields_and_text(tmp_path: Path) -> None:
    (document,), _ = read(KevSource(path=write(tmp_path / "kev.json", catalogue(entry()))))
    assert (document.id, document.kind, document.title) == (
        "KEV:CVE-2030-0001",
        "vulnerability",
        "Acme Server Path Traversal",
    )
    assert (document.source_version, document.license) == ("2030.01.02", "CC0-1.0")
    assert document.fields == {
        "cve": "CVE-2030-0001",
        "cves": ["CVE-2030-0001"],
        "parent": "CVE-2030-0001",
        "vendor": "Acme",
        "product": "Server",
        "description": "Acme Server has a hole.",
        "required_action": "Update.",
        "date_added": "2030-01-02",
        "due_date": "2030-02-03",
        "known_ransomware_use": "Known",
        "cwes": ["CWE-22"],
        "notes": "Check with vendors.",
        "references": ["https://a.example/x?y=1", "https://b.example/z"],
    }
    assert document.text == (
        "Acme Server has a hole.\n\nAffected: Acme Server (CVE-2030-0001).\n\n"
        "Exploited in the wild: added to the catalogue on 2030-01-02. Known to be used in ransomware campaigns.\n\n"
        "Required action, due on 2030-02-03: Update.\n\nCheck with vendors."
    )


def test_every_refusal_has_a_reason(tmp_path: Path) -> None:
    path = write(
        tmp_path / "kev.json",
        catalogue(
            entry(),
            entry(),
            "text",
            entry(2, cveID="CVE-1"),
            entry(3, requiredAction=""),
            entry(4, dueDate="soon"),
            entry(5, knownRansomwareCampaignUse=None, notes=None, cwes=None),
        ),
    )
    found, log = read(KevSource(path=path))
    assert [document.id for document in found] == ["KEV:CVE-2030-0001", "KEV:CVE-2030-0005"]
    assert found[1].fields["known_ransomware_use"] == "Unknown"
    assert log.tally.dropped == {
        "record.repeated_id": 1,
        "record.not_object": 1,
        "kev.no_cve": 1,
        "kev.missing_value": 1,
        "kev.date": 1,
    }
    assert {"record": "KEV:CVE-2030-0003", "reason": "kev.missing_value", "detail": "requiredAction"} in (log.refused)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"vulnerabilities": []}', '{"vulnerabilities": {"a": 1}}'])
def test_bad_files_are_named(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "kev.json", content)
    with pytest.raises(InputError, match="expected CISA's catalogue") as caught:
        read(KevSource(path=path))
    assert path in str(caught.value)


@each_place("kev/known_exploited_vulnerabilities.json")
def test_a_published_catalogue(place: Path) -> None:
    content = json.loads(place.read_text())
    found, log = read(KevSource(path=str(place)))
    assert len(found) == content["count"] == len(content["vulnerabilities"]) == (1404 if is_full(place) else 16)
    assert not log.refused
    rows = content["vulnerabilities"]
    assert sum(len(document.fields["cwes"]) for document in found) == sum(len(row["cwes"]) for row in rows)
    assert sum(document.fields["known_ransomware_use"] == "Known" for document in found) == sum(
        row["knownRansomwareCampaignUse"] == "Known" for row in rows
    )
    assert sum(len(document.fields["references"]) for document in found) >= len(rows)
    assert not [document.id for document in found if "http" in document.fields["notes"]]
    actions = {row["cveID"]: row["requiredAction"].split() for row in rows}
    assert all(document.fields["required_action"].split() == actions[document.fields["cve"]] for document in found)
