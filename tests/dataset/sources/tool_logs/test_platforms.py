"""Scanners of platforms and their alerts: Checkov, kube-bench, Suricata, Wazuh, Trivy operator, GitLab, Prowler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from .test_mixed import read_text

SECRET = "not-a-real-" + "value-1234"


def test_checkov(tmp_path: Path) -> None:
    check = {
        "check_id": "CKV_AWS_1",
        "check_name": "Bucket is private",
        "file_path": "/main.tf",
        "severity": "HIGH",
        "file_line_range": [3, 9],
        "resource": "aws_s3_bucket.logs",
        "guideline": "https://a.example/1",
        "code_block": [[3, SECRET]],
        "description": "All may read it.",
    }
    flaw = {
        "check_id": "CKV_CVE_1",
        "file_path": "/package.json",
        "vulnerability_details": {
            "id": "CVE-2030-1111",
            "severity": "low",
            "package_name": "acme",
            "package_version": "1",
            "lowest_fixed_version": "2",
        },
    }
    results = {
        "failed_checks": [check],
        "passed_checks": [{"check_id": "CKV_AWS_2"}],
        "skipped_checks": [{"check_id": "X"}],
    }
    report = {"check_type": "terraform", "results": results, "summary": {}}
    other = {"check_type": "sca_package", "results": {"failed_checks": [flaw]}}
    (first, second), dropped = read_text(tmp_path, f"some banner\n{json.dumps([report, other], indent=2)}")
    assert (first["tool"], first["rule"], first["severity"]) == ("checkov", "CKV_AWS_1", "high")
    assert (first["target"], first["evidence"]) == ("main.tf:3", "framework terraform\nresource aws_s3_bucket.logs")
    assert (second["cves"], second["remediation"]) == (["CVE-2030-1111"], "Update acme to 2.")
    assert dropped == {"tool_log.passed_check": 1, "tool_log.suppressed": 1, "tool_log.not_json": 1}
    assert SECRET not in json.dumps(first)
    (alone,), _ = read_text(tmp_path, json.dumps(other))
    assert alone == second


def test_kube_bench(tmp_path: Path) -> None:
    checks = [
        {
            "test_number": f"1.1.{number}",
            "test_desc": "File is private",
            "status": status,
            "remediation": "chmod 600",
            "actual_value": "permissions=777",
        }
        for number, status in enumerate(("FAIL", "WARN", "PASS", "INFO"))
    ]
    group = {
        "id": "1",
        "text": "Control plane",
        "node_type": "master",
        "tests": [{"section": "1.1", "desc": "Files", "results": checks}],
    }
    for report in ({"Controls": [group], "Totals": {}}, group, [group]):
        (fail, warn), dropped = read_text(tmp_path, json.dumps(report))
        assert (fail["tool"], fail["rule"], fail["severity"], fail["target"]) == (
            "kube-bench",
            "1.1.0",
            "unknown",
            "master",
        )
        assert fail["evidence"] == "status FAIL\nfound: permissions=777"
        assert (fail["description"], fail["remediation"]) == ("Control plane - Files", "chmod 600")
        assert warn["evidence"].startswith("status WARN: to be checked by hand")
        assert dropped == {"tool_log.passed_check": 2}


def test_suricata(tmp_path: Path) -> None:
    alert = {
        "timestamp": "2030-01-01T00:00:00",
        "event_type": "alert",
        "src_ip": "10.0.0.9",
        "src_port": 5000,
        "dest_ip": "10.0.0.1",
        "dest_port": 80,
        "proto": "TCP",
        "app_proto": "http",
        "payload": "R0VUIC8=",
        "http": {"hostname": "a.example", "url": "/x?id=1%27", "http_method": "GET"},
        "alert": {
            "action": "allowed",
            "signature_id": 2000001,
            "signature": "Odd request",
            "severity": 1,
            "category": "Web Application Attack",
            "metadata": {"cve": ["CVE_2030_1111"]},
        },
    }
    events = [
        {"event_type": "stats", "stats": {}},
        {"event_type": "flow", "src_ip": "10.0.0.1"},
        alert,
        {"_source": alert},
    ]
    (found,), dropped = read_text(tmp_path, "\n".join(map(json.dumps, events)))
    assert (found["tool"], found["rule"], found["severity"]) == ("suricata", "2000001", "high")
    assert (found["target"], found["cves"], found["payload_omitted"]) == ("10.0.0.1:80", ["CVE-2030-1111"], True)
    assert found["evidence"].splitlines()[:3] == ["TCP from 10.0.0.9:5000", "application http", "GET a.example/x?id"]
    assert "R0VU" not in json.dumps(found)
    assert dropped == {"tool_log.no_finding": 2, "tool_log.repeated": 1}


def test_wazuh(tmp_path: Path) -> None:
    alert = {
        "rule": {
            "level": 10,
            "description": "Many failed logins",
            "id": "5712",
            "groups": ["sshd"],
            "mitre": {"id": ["T1110"], "technique": ["Brute Force"]},
        },
        "agent": {"name": "web"},
        "manager": {"name": "m"},
        "location": "/var/log/auth.log",
        "full_log": SECRET,
    }
    flaw = {
        "rule": {"level": 7, "description": "A package is vulnerable", "id": "23504"},
        "agent": {"name": "web"},
        "data": {
            "vulnerability": {
                "cve": "CVE-2030-1111",
                "severity": "Critical",
                "title": "acme reads too much",
                "package": {"name": "acme", "version": "1"},
                "references": ["https://a.example/"],
            }
        },
    }
    (first, second), dropped = read_text(tmp_path, "\n".join(map(json.dumps, [alert, flaw])))
    assert (first["tool"], first["rule"], first["severity"]) == ("wazuh", "5712", "medium")
    assert first["evidence"] == "level 10\ngroups sshd\nATT&CK T1110, Brute Force"
    assert (first["target"], SECRET in json.dumps(first)) == ("web /var/log/auth.log", False)
    assert (second["severity"], second["cves"], second["title"]) == (
        "critical",
        ["CVE-2030-1111"],
        "acme reads too much",
    )
    assert dropped == {}


def operator(kind: str, **report: Any) -> dict[str, Any]:
    artifact = {"registry": {"server": "a.example"}, "artifact": {"repository": "shop", "tag": "1"}}
    return {
        "apiVersion": "aquasecurity.github.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": "replicaset-shop"},
        "report": {**(artifact if kind != "ConfigAuditReport" else {}), **report},
    }


FLAW = {
    "vulnerabilityID": "CVE-2030-1111",
    "resource": "acme",
    "installedVersion": "1",
    "fixedVersion": "2",
    "severity": "HIGH",
    "title": "acme reads too much",
    "primaryLink": "https://a.example/",
}
REPORTS = [
    operator("VulnerabilityReport", vulnerabilities=[FLAW]),
    operator(
        "ConfigAuditReport",
        checks=[
            {
                "checkID": "KSV1",
                "title": "Root",
                "severity": "LOW",
                "success": False,
                "messages": ["runs as root"],
                "remediation": "Set runAsNonRoot.",
            },
            {"checkID": "KSV2", "success": True},
        ],
    ),
    operator(
        "ExposedSecretReport",
        secrets=[
            {
                "ruleID": "key",
                "title": "Key",
                "severity": "CRITICAL",
                "match": SECRET,
                "target": "/app/.env",
                "category": "own",
            }
        ],
    ),
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"apiVersion": "v1", "kind": "List", "items": REPORTS}, indent=1),
        yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": REPORTS}),
        yaml.safe_dump_all(REPORTS),
        "\n".join(json.dumps(report, indent=1) for report in REPORTS),
    ],
    ids=["list", "yaml list", "yaml documents", "json documents"],
)
def test_trivy_operator(tmp_path: Path, text: str) -> None:
    (package, check, secret), dropped = read_text(tmp_path, text)
    assert (package["tool"], package["rule"], package["severity"]) == ("trivy", "CVE-2030-1111", "high")
    assert (package["target"], package["remediation"]) == ("a.example/shop:1, package acme", "Update acme to 2.")
    assert (check["target"], check["evidence"]) == ("replicaset-shop", "runs as root")
    assert (secret["severity"], secret["cwes"]) == ("critical", ["CWE-798"])
    assert SECRET not in json.dumps(secret)
    assert dropped == {"tool_log.passed_check": 1}


def test_gitlab(tmp_path: Path) -> None:
    code = {
        "id": "1",
        "category": "sast",
        "name": "SQL injection",
        "description": "Input reaches a query.",
        "severity": "High",
        "location": {"file": "a.py", "start_line": 3},
        "links": [{"url": "https://a.example/"}],
        "identifiers": [
            {"type": "cwe", "name": "CWE-89", "value": "89"},
            {"type": "semgrep_id", "name": "sql", "value": "python.sql"},
        ],
    }
    package = {
        "id": "2",
        "name": "acme reads too much",
        "severity": "Critical",
        "solution": "Update to 2.",
        "location": {"file": "a.lock", "dependency": {"package": {"name": "acme"}, "version": "1"}},
        "identifiers": [{"type": "cve", "name": "CVE-2030-1111", "value": "CVE-2030-1111"}],
    }
    web = {
        "id": "3",
        "name": "XSS",
        "severity": "Info",
        "location": {"hostname": "https://a.example", "path": "/s?q=1", "method": "GET", "param": "q"},
        "identifiers": [{"type": "cwe", "name": "CWE-79", "value": "79"}],
        "evidence": {},
    }
    secret = {
        "id": "4",
        "category": "secret_detection",
        "name": "Key",
        "severity": "Critical",
        "message": SECRET,
        "raw_source_code_extract": SECRET,
        "location": {"file": ".env", "commit": {"sha": "a" * 40}},
        "identifiers": [{"type": "gitleaks_rule_id", "name": "Key", "value": "key"}],
    }
    false = {"id": "5", "name": "no", "identifiers": [], "flags": [{"type": "flagged-as-likely-false-positive"}]}
    report = {
        "version": "15.0.0",
        "scan": {"type": "sast", "scanner": {"id": "semgrep"}},
        "remediations": [{"fixes": [{"id": "1"}], "summary": "Bind values.", "diff": ""}],
        "vulnerabilities": [code, package, web, secret, false],
    }
    (first, second, third, fourth), dropped = read_text(tmp_path, json.dumps(report))
    assert (first["tool"], first["rule"], first["severity"]) == ("semgrep", "python.sql", "high")
    assert (first["cwes"], first["target"], first["remediation"]) == (["CWE-89"], "a.py:3", "Bind values.")
    assert (second["cves"], second["target"]) == (["CVE-2030-1111"], "a.lock, package acme")
    assert (second["evidence"], second["remediation"]) == ("installed acme 1", "Update to 2.")
    assert (third["target"], third["rule"], third["payload_omitted"]) == ("https://a.example/s?q", "79", True)
    assert (fourth["evidence"], fourth["target"]) == ("[redacted]\ncommit aaaaaaaaaaaa", ".env")
    assert SECRET not in json.dumps(fourth)
    assert dropped == {"tool_log.false_positive": 1}
    assert read_text(tmp_path, json.dumps({**report, "vulnerabilities": []}))[1] == {"tool_log.no_findings": 1}


COLUMNS = [
    "CHECK_ID",
    "CHECK_TITLE",
    "STATUS",
    "STATUS_EXTENDED",
    "SEVERITY",
    "REGION",
    "RESOURCE_ARN",
    "RISK",
    "DESCRIPTION",
    "REMEDIATION_RECOMMENDATION_TEXT",
]
ROWS = [
    [
        "s3_public",
        "Bucket is private",
        status,
        "Bucket; is open",
        "high",
        "eu-1",
        f"arn:{status}",
        "All read it.",
        "Buckets.",
        "Close it.",
    ]
    for status in ("FAIL", "PASS", "MANUAL", "MUTED")
]


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_prowler_csv(tmp_path: Path, delimiter: str) -> None:
    rows = [delimiter.join(f'"{cell}"' for cell in row) for row in ROWS]
    for start in ("", "\ufeff", f"sep={delimiter}\r\n"):
        text = start + "\r\n".join([delimiter.join(COLUMNS), *rows]) + "\r\n"
        (found,), dropped = read_text(tmp_path, text)
        assert (found["tool"], found["rule"], found["severity"]) == ("prowler", "s3_public", "high")
        assert (found["target"], found["evidence"]) == ("eu-1 arn:FAIL", "Bucket; is open")
        assert (found["description"], found["remediation"]) == ("Buckets.\n\nRisk: All read it.", "Close it.")
        assert dropped == {"tool_log.passed_check": 2, "tool_log.suppressed": 1}


def test_prowler_json_and_ocsf(tmp_path: Path) -> None:
    old = {
        "CheckID": "s3_public",
        "CheckTitle": "Bucket is private",
        "Status": "FAIL",
        "StatusExtended": "It is open",
        "Severity": "high",
        "Provider": "aws",
        "Region": "eu-1",
        "ResourceArn": "arn:1",
        "Description": "Buckets.",
        "Remediation": {"Recommendation": {"Text": "Close it.", "Url": "https://a.example/"}},
    }
    (found,), dropped = read_text(tmp_path, json.dumps([old, {**old, "Status": "PASS"}]))
    assert (found["target"], found["remediation"], dropped) == (
        "aws eu-1 arn:1",
        "Close it.",
        {"tool_log.passed_check": 1},
    )
    new = {
        "class_uid": 2004,
        "metadata": {"event_code": "s3_public", "product": {"name": "Prowler"}},
        "severity": "High",
        "status_code": "FAIL",
        "status_detail": "It is open",
        "finding_info": {"title": "Bucket is private", "desc": "B."},
        "resources": [{"uid": "arn:1", "region": "eu-1"}],
        "cloud": {"provider": "aws", "region": "eu-1"},
        "remediation": {"desc": "Close it.", "references": ["https://a.example/"]},
        "risk_details": "All read it.",
    }
    (found,), dropped = read_text(tmp_path, json.dumps([new, {**new, "status_code": "PASS"}]))
    assert (found["tool"], found["rule"], found["severity"]) == ("prowler", "s3_public", "high")
    assert (found["target"], found["description"]) == ("aws eu-1 arn:1", "B.\n\nRisk: All read it.")
    assert (found["remediation"], dropped) == ("Close it.", {"tool_log.passed_check": 1})
