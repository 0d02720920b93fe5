"""Advisories: OSV's JSON, PyPA's YAML, RustSec's Markdown; versions, proofs of concept, counted refusals."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.dataset import collect
from secft.dataset.sources.osv import OsvSource
from secft.dataset.sources.osv.details import read_details
from secft.errors import InputError
from tests.samples import each_place, is_full

from ..conftest import read, write


def record(identifier: str = "GHSA-aaaa-bbbb-cccc", **more: Any) -> dict[str, Any]:
    return {
        "schema_version": "1.6.0",
        "id": identifier,
        "modified": "2030-01-02T03:04:05Z",
        "published": "0001-01-01T00:00:00Z",
        "aliases": ["GHSA-zzzz-bbbb-cccc", "CVE-2030-1234", "CVE-2030-1234"],
        "summary": "Path traversal in `acme`",
        "details": "### Impact\nFiles leak.\n\n```py\nsafe()\n```\n\n### PoC\n```sh\ncurl evil\n```\n\n"
        "### Patches\nUpdate.",
        "severity": [
            {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"},
            {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"},
            {"type": "Ubuntu", "score": "low"},
        ],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "acme"},
                "ranges": [
                    {"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}, {"fixed": "abc"}]},
                    {
                        "type": "ECOSYSTEM",
                        "events": [
                            {"introduced": "0"},
                            {"fixed": "1.2"},
                            {"introduced": "2.0"},
                            {"last_affected": "2.3"},
                            {"introduced": "3.0"},
                        ],
                    },
                ],
                "versions": ["1.0", "1.1"],
            },
            {"package": {"ecosystem": "PyPI", "name": "acme-core"}, "versions": ["7", "8"]},
        ],
        "references": [{"type": "FIX", "url": "https://example.org"}, "odd"],
        "database_specific": {"cwe_ids": ["CWE-22", "x"], "severity": "HIGH"},
        **more,
    }


RUSTSEC = """```toml
[advisory]
id = "RUSTSEC-2030-0001"
package = "acme"
date = "2030-01-02"
url = "https://example.org/a"
references = ["https://example.org/b", "https://example.org/a"]
aliases = ["CVE-2030-1"]
cvss = "CVSS:3.1/AV:N"
categories = ["memory-corruption"]
informational = "unsound"

[versions]
patched = [">= 1.2"]
unaffected = ["< 0.3"]
```

# Data race in `acme`

It is [unsound](http://x).

## Proof of Concept

```rust
boom();
```

## Fix

Update.
"""


def one(tmp_path: Path, content: object, name: str = "a.json") -> Any:
    text = content if isinstance(content, str) else json.dumps(content)
    (document,), _ = read(OsvSource(paths=[write(tmp_path / name, text)]))
    return document


def test_fields_and_text(tmp_path: Path) -> None:
    document = one(tmp_path, record())
    fields = document.fields
    assert (document.id, document.kind, document.title) == (
        "GHSA-aaaa-bbbb-cccc",
        "vulnerability",
        "Path traversal in acme",
    )
    assert (document.source_version[:7], document.license) == ("sha256:", "CC-BY-4.0")
    assert fields["affected"] == [
        {
            "ecosystem": "PyPI",
            "package": "acme",
            "ranges": [
                {"introduced": "0", "fixed": "1.2", "last_affected": ""},
                {"introduced": "2.0", "fixed": "", "last_affected": "2.3"},
                {"introduced": "3.0", "fixed": "", "last_affected": ""},
            ],
            "versions": [],
            "patched": [],
            "unaffected": [],
            "commits": ["abc"],
        },
        {
            "ecosystem": "PyPI",
            "package": "acme-core",
            "ranges": [],
            "versions": ["7", "8"],
            "patched": [],
            "unaffected": [],
            "commits": [],
        },
    ]
    assert (fields["cves"], fields["parent"]) == (["CVE-2030-1234"], "CVE-2030-1234")
    assert (fields["cvss"], fields["severity_label"], fields["cwes"]) == ("CVSS:4.0/AV:N", "high", ["CWE-22"])
    assert (fields["published"], fields["modified"], fields["omitted_sections"]) == ("", "2030-01-02", 1)
    assert fields["details"] == "Impact\n\nFiles leak.\n\n```py\nsafe()\n```\n\nPatches\n\nUpdate."
    assert "curl evil" not in json.dumps([document.text, fields])
    assert document.text.endswith(
        "Affected packages:\n- acme (PyPI): before 1.2, from 2.0 up to and including 2.3, from 3.0 on\n"
        "- acme-core (PyPI): versions 7, 8\n\nSeverity: high, CVSS:4.0/AV:N.\n\n"
        "Also known as GHSA-zzzz-bbbb-cccc, CVE-2030-1234.\n\nWeaknesses: CWE-22."
    )


def test_rustsec(tmp_path: Path) -> None:
    document = one(tmp_path, RUSTSEC, "acme.md")
    fields = document.fields
    assert (document.id, document.title, document.license) == ("RUSTSEC-2030-0001", "Data race in acme", "CC0-1.0")
    assert fields["details"] == "It is unsound.\n\nFix\n\nUpdate."
    assert fields["omitted_sections"] == 1
    assert fields["affected"][0]["patched"] == [">= 1.2"]
    assert fields["references"] == [
        {"type": "WEB", "url": "https://example.org/a"},
        {"type": "WEB", "url": "https://example.org/b"},
    ]
    assert (fields["informational"], fields["cvss"], fields["published"]) == ("unsound", "CVSS:3.1/AV:N", "2030-01-02")
    assert "- acme (crates.io): patched in >= 1.2; not affected < 0.3" in document.text


def test_yaml_and_json_agree(tmp_path: Path) -> None:
    left = one(tmp_path, record())
    right = one(tmp_path, yaml.safe_dump(record()), "a.yaml")
    assert {**right.fields, "file": ""} == {**left.fields, "file": ""}
    dated = one(tmp_path, "id: PYSEC-1-2\ndetails: x\nmodified: 2030-01-02T00:00:00Z\n", "b.yaml")
    assert dated.fields["modified"] == "2030-01-02"


@pytest.mark.parametrize(
    ("details", "left", "omitted"),
    [
        ("Plain __init__ text with C:\\*\nlines.\n\nTwo.", "Plain __init__ text with C:\\*\nlines.\n\nTwo.", 0),
        ("# A\na\n# Steps to reproduce\nb\n## c\nd\n# Mitigation of the exploit\ne",
         "A\n\na\n\nMitigation of the exploit\n\ne", 1),
        ("**Proof of concept**\n\n```\nx\n```\n\n**Fix**\n\ny", "Fix\n\ny", 1),
        ("a\n\nPoC:\n\n```\nx\n```\n", "a", 1),
        ("a\n\nPoC: run this\n\n```\nx\n```\n\n`b`", "a\n\n`b`", 1),
        ("## Exploitability\na\n## Exploit\nb", "Exploitability\n\na", 1),
        ("An exploit is public. A proof of concept exists.", "An exploit is public. A proof of concept exists.", 0),
        ("", "", 0),
    ],
)  # fmt: skip
def test_proofs_of_concept_are_left_out(details: str, left: str, omitted: int) -> None:
    assert read_details(details) == (left, omitted)


def test_every_refusal_has_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "advisories"
    cases: dict[str, str | bytes] = {
        "good.json": json.dumps(record("GO-2030-0001")),
        "list.json": json.dumps([record("GO-2030-0002"), record("GO-2030-0002"), 7]),
        "server.json": json.dumps({"vulns": [record("GO-2030-0003", summary=None, details="Words \ud800.")]}),
        "old.json": json.dumps(record("GO-2030-0004", withdrawn="2030-01-01T00:00:00Z")),
        "id.json": json.dumps(record("../../etc")),
        "none.json": json.dumps(record("GO-2030-0005", summary="", details=" ")),
        "odd.json": json.dumps(record("GO-2030-0006", affected={"a": 1}, aliases="x", severity=7, references=None)),
        "brackets.json": json.dumps(record("GO-2030-0010", details="# A\n" + "[" * 10_001)),
        "long.json": json.dumps(record("GO-2030-0011", details="a" * 1_100_000)),
        "broken.json": '{"id": ',
        "deep.json": "[" * 100_000,
        "bomb.yaml": "[" * 100_000,
        "README.md": "# Words",
        "toml.md": "```toml\na = \n```\n\n# x",
        "empty.md": "```toml\n[other]\n```\n\n# x",
        "blank.json": "",
        "lines.jsonl": json.dumps(record("GO-2030-0007")) + "\n{\n" + json.dumps({"path": "a.md", "text": RUSTSEC}),
        "notes.txt": "not read",
        "packed.jsonl.gz": gzip.compress(json.dumps(record("GO-2030-0008")).encode()),
    }
    for name, content in cases.items():
        write(folder / name, content)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("GO-2030-0009.json", json.dumps(record("GO-2030-0009")))
        archive.writestr("../GO-2030-0010.json", json.dumps(record("GO-2030-0010")))
    found, log = read(OsvSource(paths=[str(folder)]))
    assert [document.id for document in found] == [
        *(f"GO-2030-000{number}" for number in (1, 2, 3, 6, 7, 8, 9)),
        "RUSTSEC-2030-0001",
    ]
    assert log.tally.dropped == {
        "record.repeated_id": 1,
        "record.not_object": 1,
        "record.withdrawn": 1,
        "record.no_id": 1,
        "osv.no_text": 1,
        "record.not_json": 3,
        "record.not_yaml": 1,
        "osv.long_details": 2,
        "osv.not_rustsec": 3,
        "file.unreadable": 1,
        "archive.unsafe_name": 1,
    }
    assert {"record": "GO-2030-0004", "reason": "record.withdrawn"} in log.refused


def test_a_named_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json: the file is empty; expected advisories"):
        read(OsvSource(paths=[write(tmp_path / "a.json", " ")]))
    assert [problem.key for problem in collect.problems({"osv": OsvSource(paths=[])})] == ["source.osv.paths"]


@each_place("osv")
def test_published_advisories(place: Path) -> None:
    rows = {
        path.name: [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        for path in place.glob("*.gz")
    }
    found, log = read(OsvSource(paths=[str(place)]))
    ids = [document.id for document in found]
    counts = {prefix: sum(name.startswith(prefix) for name in ids) for prefix in ("GO-", "PYSEC-", "RUSTSEC-")}
    go, python, rust = (rows[f"{name}.jsonl.gz"] for name in ("golang-osv", "pypa-advisories", "rustsec"))
    assert counts == {
        "GO-": sum("withdrawn" not in row for row in go),
        "PYSEC-": sum("\nwithdrawn:" not in row["text"] for row in python),
        "RUSTSEC-": sum("\nwithdrawn = " not in row["text"] and '\nid = "RUSTSEC-' in row["text"] for row in rust),
    }
    assert sum(name.startswith("OSV:CVE-") for name in ids) == len(found) - sum(counts.values())
    assert log.tally.dropped == {"record.withdrawn": sum(map(len, rows.values())) - len(found)}
    by_id = {document.id: document for document in found}
    for row in go:
        if "withdrawn" in row:
            continue
        document = by_id[row["id"]]
        events = [event for item in row["affected"] for span in item["ranges"] for event in span["events"]]
        spans = [span for item in document.fields["affected"] for span in item["ranges"]]
        for key in ("introduced", "fixed"):
            assert [span[key] for span in spans if span[key]] == [event[key] for event in events if key in event]
        assert set(document.fields["cves"]) == {name for name in row.get("aliases", []) if name.startswith("CVE-")}
    assert sum(document.fields["omitted_sections"] for document in found) >= (25 if is_full(place) else 0)
    assert not [document.id for document in found if not document.text or not document.title]
