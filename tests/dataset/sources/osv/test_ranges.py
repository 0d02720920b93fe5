"""Version ranges by the OSV specification: any order, limits, what is known without a fix, severities of packages."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from secft.dataset.sources.osv import OsvSource
from secft.dataset.sources.osv.ranges import intervals_of
from secft.dataset.sources.osv.record import document_text, fields_of
from secft.dataset.sources.osv.version_order import order_of
from tests.samples import case_files

from ..conftest import read


def affected(*events: dict[str, str], ecosystem: str = "npm", kind: str = "ECOSYSTEM", **more: Any) -> dict[str, Any]:
    return {
        "package": {"ecosystem": ecosystem, "name": "acme"},
        "ranges": [{"type": kind, "events": list(events)}],
        **more,
    }


def short(item: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(i["introduced"], i["fixed"], i["last_affected"], i.get("limit", "")) for i in intervals_of(item)]


def said(*items: dict[str, Any], **more: Any) -> str:
    return document_text(fields_of({"id": "X-1", "details": "Words.", "affected": list(items), **more}))


AT, F, L = "introduced", "fixed", "last_affected"


@pytest.mark.parametrize(
    ("ecosystem", "kind", "events", "expected"),
    [
        ("npm", "SEMVER", [{AT: "0"}, {F: "1.2.0"}, {AT: "10.0.0"}, {F: "10.1.0"}, {AT: "2.0.0"}, {F: "2.0.1"}],
         [("0", "1.2.0", "", ""), ("2.0.0", "2.0.1", "", ""), ("10.0.0", "10.1.0", "", "")]),
        ("npm", "SEMVER", [{AT: "1.0.0-rc.2"}, {F: "1.0.0"}], [("1.0.0-rc.2", "1.0.0", "", "")]),
        ("PyPI", "ECOSYSTEM", [{AT: "1.0a2"}, {L: "1.0rc1"}, {AT: "1.0.post1"}, {F: "1.1"}],
         [("1.0a2", "", "1.0rc1", ""), ("1.0.post1", "1.1", "", "")]),
        ("PyPI", "ECOSYSTEM", [{AT: "1!0.5"}, {AT: "9"}, {F: "10"}], [("9", "10", "", ""), ("1!0.5", "", "", "")]),
        ("Maven", "ECOSYSTEM", [{AT: "2.0-beta9"}, {F: "2.0"}, {AT: "2.0.1"}, {F: "2.15.0"}],
         [("2.0-beta9", "2.0", "", ""), ("2.0.1", "2.15.0", "", "")]),
        ("Debian:12", "ECOSYSTEM", [{AT: "0"}, {F: "1:0.9~rc1-1"}, {AT: "1:0.9-1"}], [
            ("0", "1:0.9~rc1-1", "", ""), ("1:0.9-1", "", "", "")]),
        ("Go", "SEMVER", [{AT: "0.0.0-0"}, {F: "1.1"}], [("0", "1.1", "", "")]),
        ("npm", "SEMVER", [{AT: "1.0.0", F: "1.1.0"}], [("1.0.0", "1.1.0", "", "")]),
        ("npm", "SEMVER", [{F: "3.0.0"}], []),
        ("npm", "SEMVER", [{AT: "1.0.0"}, {AT: "1.5.0"}, {F: "2.0.0"}, {F: "2.1.0"}], [("1.0.0", "2.0.0", "", "")]),
        ("npm", "SEMVER", [{AT: "1.0.0"}, {L: "1.0.0"}], [("1.0.0", "", "1.0.0", "")]),
        ("npm", "SEMVER", [{AT: "0"}, {"limit": "2.0.0"}], [("0", "", "", "2.0.0")]),
        ("npm", "SEMVER", [{AT: "0"}, {F: "1.0.0"}, {AT: "3.0.0"}, {"limit": "2.0.0"}], [("0", "1.0.0", "", "")]),
        ("npm", "SEMVER", [{AT: "0"}, {"limit": "*"}, {"limit": "2.0.0"}], [("0", "", "", "")]),
        ("npm", "SEMVER", [{AT: "0"}, {"limit": "2.0.0"}, {"limit": "3.0.0"}], [("0", "", "", "3.0.0")]),
    ],
)  # fmt: skip
def test_events_in_any_order(ecosystem: str, kind: str, events: list[dict[str, str]], expected: list[Any]) -> None:
    for order in itertools.islice(itertools.permutations(events), 200):
        assert short(affected(*order, ecosystem=ecosystem, kind=kind)) == expected


@pytest.mark.parametrize(
    ("kind", "ecosystem", "versions"),
    [
        ("SEMVER", "npm", ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11",
                           "1.0.0-rc.1", "1.0.0", "v1.0.1+build", "1.10"]),
        ("ECOSYSTEM", "PyPI", ["1.0.dev1", "1.0a1", "1.0b1", "1.0rc1", "1.0", "1.0.post1", "1.1", "1!0.1"]),
        ("ECOSYSTEM", "Maven", ["1-alpha1", "1-beta", "1.0-milestone1", "1-rc1", "1.0", "1-sp1", "1.1", "1.10"]),
        ("ECOSYSTEM", "RubyGems", ["1.0.0.beta1", "1.0.0.rc2", "1.0.0", "1.0.0.1", "1.0.10"]),
        ("ECOSYSTEM", "Debian:11", ["9.1-1", "1:0.5~rc1-1", "1:0.5-1", "1:0.5-1+deb11u1", "1:0.5-2"]),
        ("SEMVER", "npm", ["1.0.0.alpha", "1.0.0.1", "2"]),
        ("ECOSYSTEM", "NuGet", ["1", "1.0.0.1", "9" * 5000]),
    ],
)  # fmt: skip
def test_order_of_versions(kind: str, ecosystem: str, versions: list[str]) -> None:
    backwards = list(reversed(versions))
    assert sorted(backwards, key=order_of(versions, kind, ecosystem)) == versions


@pytest.mark.parametrize(
    ("stated", "expected"),
    [("<= 29.0", ("0", "", "29.0", "")), ("< 29.0", ("0", "", "", "29.0")), ("<=29.0", ("0", "", "29.0", "")),
     (">= 0, <= 2.1", ("0", "", "2.1", "")), ("= 2.0", ("2.0", "", "2.0", "")), ("odd", ("0", "", "", "")),
     (7, ("0", "", "", ""))],
)  # fmt: skip
def test_last_versions_that_are_known_without_a_fix(stated: Any, expected: tuple[str, ...]) -> None:
    item = affected({AT: "0"}, database_specific={"last_known_affected_version_range": stated})
    assert short(item) == [expected]
    fixed = affected({AT: "0"}, {F: "9"}, database_specific={"last_known_affected_version_range": stated})
    assert short(fixed) == [("0", "9", "", "")]


def test_what_is_said_of_packages() -> None:
    assert said(affected({AT: "1.0.0"}, {"limit": "2.0.0"})).endswith("- acme (npm): from 1.0.0 before 2.0.0")
    assert said(affected({AT: "2.0"}, {L: "2.0"})).endswith("- acme (npm): version 2.0")
    several = [affected({AT: "1.0"}, {F: "1.1"}), affected({AT: "2.0"}, {F: "2.1"}), affected({AT: "1.0"}, {F: "1.1"})]
    assert said(*several).endswith("- acme (npm): from 1.0 before 1.1, from 2.0 before 2.1")
    git = affected({AT: "0"}, {F: "abc123"}, kind="GIT")
    assert said(git).endswith("- acme (npm): fixed by commit abc123")
    assert said({**git, "versions": ["1", "2"]}).endswith("- acme (npm): versions 1, 2")
    assert said({"package": {"name": "acme", "ecosystem": "npm"}}).endswith("- acme (npm): no fixed version is known")


def test_severities_of_packages() -> None:
    vector, other = "CVSS:3.1/AV:N/AC:L", "CVSS:3.1/AV:L/AC:L"
    one = affected({AT: "0"}, severity=[{"type": "CVSS_V3", "score": vector}])
    record = {"id": "X-1", "details": "Words."}
    assert fields_of({**record, "affected": [one, one]})["cvss"] == vector
    own = {"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}
    assert fields_of({**record, **own, "affected": [one]})["cvss"] == "CVSS:4.0/AV:N"
    two = affected({AT: "0"}, severity=[{"type": "CVSS_V3", "score": other}])
    fields = fields_of({**record, "affected": [one, two]})
    assert (fields["cvss"], [item["score"] for item in fields["severity"]]) == ("", [vector, other])
    rust = affected({AT: "0"}, database_specific={"cvss": vector, "cwes": [{"cweId": "CWE-506"}]})
    fields = fields_of({**record, "affected": [rust], "upstream": ["CVE-2030-1111"]})
    assert (fields["cvss"], fields["cwes"], fields["parent"]) == (vector, ["CWE-506"], "CVE-2030-1111")
    word = fields_of({**record, "severity": [{"type": "Ubuntu", "score": "High"}]})
    assert (word["severity_label"], word["cvss"]) == ("high", "")


def test_the_case_of_ranges() -> None:
    path = case_files("10-osv-ranges") / "osv.jsonl"
    found, log = read(OsvSource(paths=[str(path)]))
    lines = {document.id: document.text.partition("Affected packages:\n")[2].partition("\n")[0] for document in found}
    assert lines == {
        "GHSA-aaaa-aaaa-aaaa": "- org.x:a (Maven): up to and including 29.0",
        "GHSA-bbbb-bbbb-bbbb": "- org.x:b (Maven): versions 2.0",
        "PYSEC-2019-90001": "- pyb (PyPI): from 1.0.2 before 2.2.3, from 2.3.0 before 2.3.2",
        "GHSA-cccc-cccc-cccc": "- org.x:c (Maven): from 3.0.0 before 3.1.0",
        "GHSA-dddd-dddd-dddd": "- org.x:d (Maven): from 1.0.0 before 2.0.0",
        "GHSA-ffff-ffff-ffff": "- org.x:f (Maven): up to and including 1.1",
        "PYSEC-2023-90002": "- f (PyPI): up to and including 1.1",
    }
    assert log.tally.dropped == {"record.withdrawn": 1}
    (severe,) = [document for document in found if document.id == "GHSA-ffff-ffff-ffff"]
    assert severe.fields["cvss"] == json.loads(path.read_text().splitlines()[6])["affected"][0]["severity"][0]["score"]
    assert severe.fields["parent"] == "CVE-2023-90001"
