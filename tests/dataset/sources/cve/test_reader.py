from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.cve import CveSource, reader
from secft.dataset.sources.reading.json_stream import BrokenJsonError, json_records
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.records import Document


def nvd(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "cve": {
            "id": f"CVE-2030-{number:04d}",
            "published": "2030-01-01T00:00:00.000",
            "lastModified": "2030-02-01T00:00:00.000",
            "vulnStatus": "Analyzed",
            "descriptions": [{"lang": "es", "value": "Malo."}, {"lang": "en", "value": "A  bad\nthing."}],
            **more,
        }
    }


def feed(*entries: Any) -> dict[str, Any]:
    head = {"resultsPerPage": len(entries), "format": "NVD_CVE", "version": "2.0"}
    return {**head, "vulnerabilities": list(entries), "timestamp": "2030-01-01T00:00:00.000"}


def record(number: int = 1, state: str = "PUBLISHED", **cna: Any) -> dict[str, Any]:
    return {
        "dataType": "CVE_RECORD",
        "dataVersion": "5.1",
        "cveMetadata": {"cveId": f"CVE-2030-{number:04d}", "state": state, "dateUpdated": "2030-03-01T00:00:00.000Z"},
        "containers": {
            "cna": {
                "providerMetadata": {"shortName": "acme"},
                "descriptions": [{"lang": "en-US", "value": "From the CNA."}],
                **cna,
            }
        },
    }


def save(path: Path, content: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def read(*paths: str, **more: Any) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    return list(reader.READER.read(CveSource(paths=list(paths), **more), log)), log


def score(value: float, vector: str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", **more: Any) -> dict[str, Any]:
    return {"vectorString": vector, "baseScore": value, **more}


def test_an_nvd_entry(tmp_path: Path) -> None:
    vendor = "cpe:2.3:a:apache:log4j:{}:{}:*:*:*:*:*:*"
    matches = [
        {
            "vulnerable": True,
            "criteria": vendor.format("*", "*"),
            "versionStartIncluding": "2.0",
            "versionEndExcluding": "2.15.0",
        },
        {"vulnerable": True, "criteria": vendor.format("*", "*"), "versionEndIncluding": "1.2"},
        {"vulnerable": True, "criteria": vendor.format("2.0", "rc1")},
        {"vulnerable": False, "criteria": "cpe:2.3:o:linux:linux_kernel:-:*:*:*:*:*:*:*"},
        {"vulnerable": True, "criteria": r"cpe:2.3:a:a\:b:c\_d_e:-:*:*:*:*:*:*:*"},
        {"vulnerable": True, "criteria": "broken"},
        "broken",
    ]
    entry = nvd(
        metrics={
            "cvssMetricV2": [{"type": "Primary", "cvssData": score(9.3, "AV:N/AC:M/Au:N"), "baseSeverity": "HIGH"}],
            "cvssMetricV31": [
                {"source": "cna@x", "type": "Secondary", "cvssData": score(8.0, baseSeverity="HIGH")},
                {"source": "nvd@nist.gov", "type": "Primary", "cvssData": score(10.0, baseSeverity="CRITICAL")},
                {"source": "bad", "type": "Primary", "cvssData": score(99)},
                {"source": "bad", "type": "Primary", "cvssData": score(float("nan"))},
            ],
        },
        weaknesses=[
            {"type": "Secondary", "description": [{"lang": "en", "value": "CWE-400"}]},
            {"type": "Primary", "description": [{"lang": "en", "value": "CWE-502"}]},
            {"type": "Primary", "description": [{"lang": "en", "value": "NVD-CWE-noinfo"}]},
        ],
        configurations=[{"nodes": [{"operator": "OR", "negate": False, "cpeMatch": matches}]}],
        references=[
            {"url": "https://a", "tags": ["Patch"]},
            {"url": "https://a", "tags": ["Vendor Advisory"]},
            {"url": "javascript:x"},
        ],
        cisaExploitAdd="2030-01-02",
        cisaActionDue="2030-01-16",
        cisaRequiredAction="Update.",
    )
    found, log = read(save(tmp_path / "feed.json", feed(entry)))
    (document,) = found
    fields = document.fields
    assert (document.id, document.kind, fields["parent"]) == ("CVE-2030-0001", "vulnerability", "")
    assert fields["description"] == "A bad thing."
    assert fields["cvss"] == {
        "version": "3.1",
        "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        "score": 10.0,
        "severity": "Critical",
        "source": "nvd@nist.gov",
        "primary": True,
    }
    assert [(item["version"], item["score"], item["severity"]) for item in fields["scores"]] == [
        ("3.1", 10.0, "Critical"),
        ("3.1", 8.0, "High"),
        ("2.0", 9.3, "High"),
    ]
    assert fields["cwes"] == ["CWE-502", "CWE-400"]
    assert fields["affected"] == [
        {"vendor": "apache", "product": "log4j", "versions": ["from 2.0 before 2.15.0", "through 1.2", "2.0 rc1"]},
        {"vendor": "a:b", "product": "c d e", "versions": ["version not stated"]},
    ]
    assert fields["references"] == [{"url": "https://a", "tags": ["Patch", "Vendor Advisory"]}]
    assert fields["known_exploited"]["due"] == "2030-01-16"
    assert document.text.split("\n\n") == [
        "A bad thing.",
        "Severity: Critical (CVSS 3.1 base score 10, CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H)",
        "Weaknesses: CWE-502, CWE-400",
        "Affected:\napache log4j: from 2.0 before 2.15.0; through 1.2; 2.0 rc1\na:b c d e: version not stated",
    ]
    assert not log.refused


def test_version_4_is_told_before_version_3(tmp_path: Path) -> None:
    metrics = {
        "cvssMetricV31": [{"type": "Primary", "cvssData": score(5.0)}],
        "cvssMetricV40": [{"type": "Secondary", "cvssData": score(0, "CVSS:4.0/AV:N")}],
    }
    found, _ = read(save(tmp_path / "feed.json", feed(nvd(metrics=metrics))))
    assert (found[0].fields["cvss"]["version"], found[0].fields["cvss"]["severity"]) == ("4.0", "None")
    assert found[0].fields["scores"][1]["severity"] == "Medium"


def test_a_cve_record(tmp_path: Path) -> None:
    content = record(
        title="Thing in  Product",
        affected=[
            {
                "vendor": "Acme",
                "product": "Box",
                "versions": [
                    {"version": "1.0", "status": "affected", "lessThan": "1.4"},
                    {"version": "0", "status": "affected", "lessThanOrEqual": "0.9"},
                    {"version": "3.1", "status": "affected"},
                    {"version": "4.0", "status": "affected", "lessThan": "*"},
                    {"version": "9.0", "status": "unaffected"},
                ],
            },
            {
                "vendor": "Acme",
                "product": "Lid",
                "defaultStatus": "affected",
                "versions": [{"version": "2.0", "status": "unaffected"}],
            },
            {"vendor": "Acme", "product": "Safe", "versions": [{"version": "2.0", "status": "unaffected"}]},
            {"vendor": "n/a", "product": "n/a", "versions": [{"version": "n/a", "status": "affected"}]},
            {"vendor": "Acme", "packageName": "jar", "versions": [{"version": "n/a", "status": "affected"}]},
        ],
        problemTypes=[{"descriptions": [{"lang": "en", "cweId": "CWE-79", "description": "CWE-79 XSS"}]},
                      {"descriptions": [{"lang": "en", "description": "CWE-20: Input"}, {"description": "n/a"}]}],
        solutions=[{"lang": "en", "value": "Update to 1.4."}, {"lang": "de", "value": "Neu."}],
        workarounds=[{"lang": "en", "value": "Close it."}],
        references=[{"url": "https://acme/1", "tags": ["vendor-advisory"]}],
    )  # fmt: skip
    content["containers"]["adp"] = [
        {
            "providerMetadata": {"shortName": "CISA-ADP"},
            "metrics": [{"cvssV3_1": score(7.5, baseSeverity="HIGH")}, {"other": {}}],
            "problemTypes": [{"descriptions": [{"cweId": "CWE-80"}]}],
        }
    ]
    (document,) = read(save(tmp_path / "CVE-2030-0001.json", content))[0]
    fields = document.fields
    assert document.title == "Thing in Product"
    assert fields["affected"] == [
        {
            "vendor": "Acme",
            "product": "Box",
            "versions": ["from 1.0 before 1.4", "through 0.9", "3.1", "from 4.0"],
        },
        {"vendor": "Acme", "product": "Lid", "versions": ["all versions except 2.0"]},
        {"vendor": "Acme", "product": "jar", "versions": []},
    ]
    assert fields["cwes"] == ["CWE-79", "CWE-20", "CWE-80"]
    assert (fields["cvss"]["source"], fields["cvss"]["primary"]) == ("CISA-ADP", False)
    assert fields["solutions"] == ["Update to 1.4."]
    assert document.text.endswith("Solution: Update to 1.4.\n\nWorkaround: Close it.")
    assert (document.source_version, fields["format"]) == ("CVE JSON 5.1", "cve5")


def test_what_is_not_in_use_is_refused(tmp_path: Path) -> None:
    paths = [
        save(
            tmp_path / "feed.json",
            feed(
                nvd(1),
                nvd(2, vulnStatus="Rejected"),
                nvd(3, descriptions=[{"lang": "en", "value": "** RESERVED ** This candidate is reserved."}]),
                nvd(4, descriptions=[{"lang": "fr", "value": "Non."}]),
                nvd(5, descriptions=[{"lang": "en", "value": "Rejected reason: duplicate."}]),
                {"cve": {"id": "no"}},
                7,
            ),
        ),
        save(tmp_path / "CVE-2030-0006.json", record(6, "REJECTED", descriptions=[], rejectedReasons=[
            {"lang": "en", "value": "Withdrawn."}])),
        save(tmp_path / "CVE-2030-0007.json", record(7, "RESERVED")),
        save(tmp_path / "old.json", {"data_type": "CVE", "CVE_data_meta": {}}),
        save(tmp_path / "older.json", {"CVE_Items": []}),
    ]  # fmt: skip
    found, log = read(*paths)
    assert [document.id for document in found] == ["CVE-2030-0001"]
    assert log.tally.dropped == {"cve.rejected": 3, "cve.reserved": 2, "cve.no_description": 1, "cve.not_record": 4}
    assert {"record": "CVE-2030-0006", "reason": "cve.rejected", "detail": "Withdrawn."} in log.refused


def test_nvd_wins_then_the_latest_change_whatever_the_order(tmp_path: Path) -> None:
    old = nvd(1, lastModified="2029-01-01T00:00:00.000", descriptions=[{"lang": "en", "value": "Old."}])
    names = [
        save(tmp_path / "a.json", feed(old, nvd(2, vulnStatus="Rejected"), nvd(3))),
        save(tmp_path / "b.json", feed(nvd(1), nvd(3))),
        save(tmp_path / "c.json", record(1)),
        save(tmp_path / "d.json", record(2)),
    ]
    expected: Any = None
    for order in (names, names[::-1]):
        config = CveSource(paths=order)
        log = ReadLog()
        found = collect.read_documents(config, log)
        assert [(document.id, document.fields["description"]) for document in found] == [
            ("CVE-2030-0001", "A bad thing."),
            ("CVE-2030-0003", "A bad thing."),
        ]
        assert log.tally.dropped == {
            "cve.superseded": 3,
            "cve.repeated": 1,
            "cve.rejected": 1,
        }
        assert log.tally.seen == 7
        assert expected in (None, found)
        expected = found


def test_folders_archives_lines_and_gzip(tmp_path: Path) -> None:
    save(tmp_path / "cves" / "2030" / "0xxx" / "CVE-2030-0001.json", record(1))
    save(tmp_path / "cves" / "delta.json", {"new": []})
    save(tmp_path / "cves" / "readme.txt", "no")
    (tmp_path / "nvd.json.gz").write_bytes(gzip.compress(json.dumps(feed(nvd(2))).encode()))
    lines = ["\ufeff" + json.dumps(record(3)), "{broken", "", json.dumps(nvd(4)["cve"]), '"text"']
    save(tmp_path / "cves.jsonl", "\n".join(lines))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.json", "{}")
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cves/2030/CVE-2030-0005.json", json.dumps(record(5)))
        archive.writestr("cves/broken.json", "{")
        archive.writestr("more.jsonl", json.dumps(record(6)) + "\n" + json.dumps(record(7)))
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("readme.md", "no")
    found, log = read(*(str(tmp_path / name) for name in ("cves", "nvd.json.gz", "cves.jsonl", "all.zip")))
    assert [int(document.id[-1]) for document in found] == [1, 2, 3, 4, 5, 6, 7]
    assert log.tally.dropped == {
        "cve.not_record": 2,
        "file.broken_line": 1,
        "file.broken": 1,
        "archive.nested": 1,
    }


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "nonsense", '{"vulnerabilities": []}', '{"a": [1, 2', "[" * 100_000, '{"a" 1}', "\xff\xfe"],
)
def test_nothing_readable_is_an_error_that_says_what_was_expected(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="expected CVE records"):
        read(str(path))


def test_a_truncated_feed_keeps_what_came_before(tmp_path: Path) -> None:
    whole = json.dumps(feed(nvd(1), nvd(2), nvd(3)))
    (tmp_path / "cut.json").write_text(whole[: whole.index("CVE-2030-0003")])
    packed = gzip.compress(json.dumps(feed(*(nvd(number) for number in range(2000)))).encode())
    (tmp_path / "cut.gz").write_bytes(packed[:-200])
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    found, log = read(*(str(tmp_path / name) for name in ("cut.json", "cut.gz", "cut.zip")))
    assert {document.id for document in found} >= {"CVE-2030-0001", "CVE-2030-0002"}
    assert log.tally.dropped["file.broken"] == 3


def test_text_that_is_no_unicode_can_be_written(tmp_path: Path) -> None:
    entry = nvd(descriptions=[{"lang": "en", "value": "A \ud800 b."}], vulnStatus="\udfff")
    path = tmp_path / "odd\udcff.json"
    path.write_text(json.dumps(feed(entry, {"\ud800": 1})))
    collect.collect({"cve": CveSource(paths=[str(path)])}, tmp_path / "out")
    assert "A ? b." in (tmp_path / "out" / collect.DOCUMENTS).read_text()


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "outside.json", record(9))
    save(tmp_path / "in" / "CVE-2030-0001.json", record(1))
    (tmp_path / "in" / "CVE-2030-0009.json").symlink_to(tmp_path / "outside.json")
    found, log = read(str(tmp_path / "in"))
    assert [document.id for document in found] == ["CVE-2030-0001"]
    assert list(log.tally.dropped.values()) == [1]


def records(text: str, **more: Any) -> list[Any]:
    return list(json_records(io.BytesIO(text.encode()), ("list",), **more))


def test_json_is_taken_apart_like_json_loads() -> None:
    values = [{"a": [1, {"b": '}"]['}], "c": "é\\u0041"}, {}, {"x": None}]
    assert records(json.dumps(values, indent=3)) == values
    assert records("\n".join(map(json.dumps, values))) == values
    assert records(json.dumps({"head": 1, "list": values, "tail": [2]})) == values
    assert records("12345") == [12345]
    assert records(" ") == []
    assert records("[]") == []
    wide = [{"text": "é" * size} for size in (1, 200_000, 600_000, 3)]
    assert records(json.dumps({"list": wide}, ensure_ascii=False)) == wide


@pytest.mark.parametrize("text", ["{", "[1", "[1,]", "{1:2}", '{"a":1,}', "[1 2]", '{"list":[1,2', "nul", "[1]]"])
def test_broken_json_is_told(text: str) -> None:
    with pytest.raises(BrokenJsonError):
        records(text)


def test_a_huge_record_is_refused_without_being_held() -> None:
    with pytest.raises(BrokenJsonError, match="larger than"):
        records('["' + "a" * 5_000_000 + '"]', max_record=1_000_000)
    many = "{" + ",".join(f'"k{number}": "{"a" * 500_000}"' for number in range(5)) + "}"
    with pytest.raises(BrokenJsonError, match="larger than"):
        records(many, max_record=1_000_000)


def test_a_large_feed_needs_little_memory(tmp_path: Path) -> None:
    filler = "word " * 400
    with gzip.open(tmp_path / "feed.json.gz", "wt", compresslevel=1) as stream:
        stream.write('{"vulnerabilities": [')
        for number in range(20_000):
            entry = nvd(number, descriptions=[{"lang": "en", "value": filler}])
            stream.write("," * bool(number) + json.dumps(entry))
        stream.write("]}")
    tracemalloc.start()
    with gzip.open(tmp_path / "feed.json.gz") as stream:
        count = sum(1 for _ in json_records(stream, ("vulnerabilities",)))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 8 << 20  # the text has 45 MB
