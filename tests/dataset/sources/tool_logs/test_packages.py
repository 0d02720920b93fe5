"""Scanners of packages: Grype, Snyk, npm audit, Dependency-Check, CycloneDX; samples in their documented forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .test_mixed import read_text

GRYPE = {
    "matches": [
        {
            "vulnerability": {
                "id": "GHSA-aaaa-bbbb-cccc",
                "dataSource": "https://a.example/ghsa",
                "severity": "High",
                "description": "Reads beyond its input.",
                "fix": {"versions": ["1.2.3"], "state": "fixed"},
            },
            "relatedVulnerabilities": [{"id": "CVE-2030-1111", "dataSource": "https://a.example/cve"}],
            "artifact": {"name": "acme", "version": "1.2.0", "locations": [{"path": "/lib/acme.json"}]},
        },
        {
            "vulnerability": {
                "id": "CVE-2030-2222",
                "severity": "Unknown",
                "fix": {"versions": [], "state": "wont-fix"},
                "cvss": [{"metrics": {"baseScore": 5.0}}],
            },
            "artifact": {"name": "libx", "version": "7"},
        },
    ],
    "ignoredMatches": [{"vulnerability": {"id": "CVE-2030-3333"}}],
    "source": {"type": "image", "target": {"userInput": "shop:1"}},
    "descriptor": {"name": "grype"},
}


def test_grype(tmp_path: Path) -> None:
    (first, second), dropped = read_text(tmp_path, json.dumps(GRYPE, indent=1))
    assert (first["tool"], first["rule"], first["severity"]) == ("grype", "GHSA-aaaa-bbbb-cccc", "high")
    assert (first["cves"], first["target"]) == (["CVE-2030-1111"], "shop:1, package acme")
    assert (first["evidence"], first["remediation"]) == (
        "installed acme 1.2.0 at /lib/acme.json",
        "Update acme to 1.2.3.",
    )
    assert (second["severity"], second["remediation"]) == ("medium", "No fixed version is known (wont fix).")
    assert dropped == {"tool_log.suppressed": 1}


SNYK = {
    "ok": False,
    "packageManager": "npm",
    "displayTargetFile": "package.json",
    "vulnerabilities": [
        {
            "id": "SNYK-JS-ACME-1",
            "title": "Prototype Pollution",
            "severity": "critical",
            "packageName": "acme",
            "version": "1.0.0",
            "identifiers": {"CVE": ["CVE-2030-1111"], "CWE": ["CWE-1321"]},
            "from": ["shop@1", way, "acme"],
            "fixedIn": ["1.0.1"],
            "description": "## Overview\nMerges too much.",
            "references": [{"url": "https://a.example/"}],
        }
        for way in ("a@1", "b@1")
    ],
}


def test_snyk(tmp_path: Path) -> None:
    (found,), _ = read_text(tmp_path, json.dumps(SNYK))
    assert (found["tool"], found["rule"], found["severity"]) == ("snyk", "SNYK-JS-ACME-1", "critical")
    assert (found["cves"], found["cwes"]) == (["CVE-2030-1111"], ["CWE-1321"])
    assert found["evidence"] == "installed acme 1.0.0\ncomes by a@1 > acme and in 1 more ways"
    assert (found["target"], found["remediation"]) == ("package.json, package acme", "Update acme to 1.0.1.")
    # Several projects, and a container with an application in it.
    both = {**SNYK, "vulnerabilities": [], "path": "image", "applications": [{**SNYK, "displayTargetFile": "/app"}]}
    found_all, _ = read_text(tmp_path, json.dumps([SNYK, both]))
    assert [item["target"] for item in found_all] == ["package.json, package acme", "image /app, package acme"]
    issue = {
        "id": "SNYK-CC-1",
        "title": "Open port",
        "severity": "medium",
        "lineNumber": 4,
        "msg": "input.x",
        "iacDescription": {"issue": "All may come in.", "impact": "Strangers do.", "resolve": "Close it."},
    }
    (found,), _ = read_text(tmp_path, json.dumps({"infrastructureAsCodeIssues": [issue], "targetFile": "main.tf"}))
    assert (found["target"], found["remediation"], found["severity"]) == ("main.tf:4", "Close it.", "medium")


NPM_OLD = {
    "actions": [],
    "advisories": {
        "577": {
            "id": 577,
            "title": "Prototype Pollution",
            "module_name": "acme",
            "severity": "moderate",
            "cwe": "CWE-471",
            "cves": ["CVE-2030-1111"],
            "overview": "Merges too much.",
            "recommendation": "Update to 2.",
            "url": "https://a.example/577",
            "findings": [{"version": "1.0.0", "paths": ["a>acme"]}],
        }
    },
    "metadata": {},
}
NPM_NEW = {
    "auditReportVersion": 2,
    "vulnerabilities": {
        "acme": {
            "name": "acme",
            "severity": "high",
            "nodes": ["node_modules/acme"],
            "fixAvailable": {"name": "acme", "version": "2.0.0"},
            "via": [
                {
                    "source": 9,
                    "name": "acme",
                    "title": "Slow pattern",
                    "url": "https://a.example/GHSA-aaaa-bbbb-cccc",
                    "severity": "high",
                    "cwe": ["CWE-1333"],
                    "range": "<2.0.0",
                }
            ],
        },
        "user": {"name": "user", "severity": "high", "via": ["acme"], "fixAvailable": True},
    },
}


def test_npm_audit(tmp_path: Path) -> None:
    (old,), dropped = read_text(tmp_path, json.dumps(NPM_OLD))
    assert (old["tool"], old["rule"], old["severity"], old["cwes"]) == ("npm-audit", "577", "medium", ["CWE-471"])
    assert (old["evidence"], old["remediation"], dropped) == ("installed acme 1.0.0", "Update to 2.", {})
    (new,), dropped = read_text(tmp_path, f"npm warn old lockfile\n{json.dumps(NPM_NEW, indent=2)}\n")
    assert (new["rule"], new["severity"], new["cwes"]) == ("GHSA-aaaa-bbbb-cccc", "high", ["CWE-1333"])
    assert (new["remediation"], new["description"]) == ("Update acme to 2.0.0.", "")
    assert dropped == {"tool_log.no_finding": 1, "tool_log.not_json": 1}
    yarn = [
        {"type": "auditAdvisory", "data": {"advisory": NPM_OLD["advisories"]["577"]}},
        {"type": "auditSummary", "data": {}},
    ]
    (line,), dropped = read_text(tmp_path, "\n".join(map(json.dumps, yarn)))
    assert (line, dropped) == (old, {"tool_log.no_finding": 1})


FLAW = {
    "name": "CVE-2030-1111",
    "severity": "HIGH",
    "cvssv3": {"baseScore": 7.5},
    "cwes": ["CWE-20"],
    "description": "Reads too much.",
    "references": [{"url": "https://a.example/"}],
}
CHECK = {
    "projectInfo": {},
    "dependencies": [
        {
            "fileName": "acme.jar",
            "filePath": "/lib/acme.jar",
            "packages": [{"id": "pkg:maven/x/acme@1"}],
            "vulnerabilities": [FLAW],
            "suppressedVulnerabilities": [{"name": "CVE-2030-2222"}],
        },
        {"fileName": "fine.jar"},
    ],
}
CHECK_XML = """<?xml version="1.0"?>
<analysis xmlns="https://jeremylong.github.io/DependencyCheck/dependency-check.4.0.xsd"><dependencies><dependency>
<fileName>acme.jar</fileName><filePath>/lib/acme.jar</filePath><identifiers><package><id>pkg:maven/x/acme@1</id></package>
</identifiers><vulnerabilities><vulnerability source="NVD"><name>CVE-2030-1111</name><severity>HIGH</severity><cwes>
<cwe>CWE-20</cwe></cwes><description>Reads too much.</description><references><reference><url>https://a.example/</url>
</reference></references></vulnerability><suppressedVulnerability><name>CVE-2030-2222</name></suppressedVulnerability>
</vulnerabilities></dependency><dependency><fileName>fine.jar</fileName></dependency></dependencies></analysis>"""


@pytest.mark.parametrize("text", [json.dumps(CHECK), CHECK_XML], ids=["json", "xml"])
def test_dependency_check(tmp_path: Path, text: str) -> None:
    (found,), dropped = read_text(tmp_path, text)
    assert (found["tool"], found["rule"], found["severity"]) == ("dependency-check", "CVE-2030-1111", "high")
    assert (found["cwes"], found["cves"], found["target"]) == (["CWE-20"], ["CVE-2030-1111"], "acme.jar")
    assert found["evidence"] == "file /lib/acme.jar\npackage pkg:maven/x/acme@1"
    assert (found["description"], found["references"]) == ("Reads too much.", ["https://a.example/"])
    assert dropped == {"tool_log.suppressed": 1}


def bom(*states: str) -> dict[str, Any]:
    flaws = [
        {
            "id": f"CVE-2030-{1111 + number}",
            "source": {"url": "https://a.example/"},
            "cwes": [79],
            "ratings": [{"severity": "low"}, {"score": 9.8, "severity": "critical"}],
            "description": "Runs scripts.",
            "recommendation": "Update.",
            "analysis": {"state": state},
            "affects": [{"ref": "lib"}],
        }
        for number, state in enumerate(states)
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"component": {"name": "shop", "version": "1"}},
        "components": [{"bom-ref": "lib", "name": "acme", "version": "2"}],
        "vulnerabilities": flaws,
    }


def as_xml(report: dict[str, Any]) -> str:
    flaws = "".join(
        f"<vulnerability><id>{flaw['id']}</id><source><url>https://a.example/</url></source><ratings><rating><severity>low"
        "</severity></rating><rating><score>9.8</score><severity>critical</severity></rating></ratings><cwes><cwe>79</cwe>"
        "</cwes><description>Runs scripts.</description><recommendation>Update.</recommendation><analysis><state>"
        f"{flaw['analysis']['state']}</state></analysis><affects><target><ref>lib</ref></target></affects></vulnerability>"
        for flaw in report["vulnerabilities"]
    )
    return (
        '<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5"><metadata><component type="application">'
        "<name>shop</name><version>1</version></component></metadata><components>"
        f'<component bom-ref="lib"><name>acme</name>'
        f"<version>2</version></component></components><vulnerabilities>{flaws}</vulnerabilities></bom>"
    )


@pytest.mark.parametrize("write", [json.dumps, as_xml], ids=["json", "xml"])
def test_cyclonedx(tmp_path: Path, write: Any) -> None:
    states = ("exploitable", "not_affected", "false_positive", "resolved", "in_triage")
    (first, last), dropped = read_text(tmp_path, write(bom(*states)))
    assert (first["tool"], first["rule"], first["title"]) == ("cyclonedx", "CVE-2030-1111", "CVE-2030-1111 in acme 2")
    assert (first["severity"], first["cwes"], first["target"]) == ("critical", ["CWE-79"], "shop 1, acme 2")
    assert (first["evidence"], first["remediation"]) == ("acme 2\nanalysis: exploitable", "Update.")
    assert last["evidence"] == "acme 2\nanalysis: in triage"
    assert dropped == {"tool_log.not_affected": 1, "tool_log.false_positive": 1, "tool_log.resolved": 1}
    assert read_text(tmp_path, write(bom())) == ([], {"tool_log.no_findings": 1})
