"""Small reports of most formats, to be spoiled one value at a time."""

from __future__ import annotations

from typing import Any

MORE: tuple[dict[str, Any], ...] = (
    {"template": "t", "name": "n", "severity": "low", "matched": "m", "matcher_name": "x", "type": "http"},
    {
        "rule": {"id": "r", "message": "m", "severity": "LOW"},
        "path": "p",
        "line": "1",
        "secret": "s",
        "context": {"1": "c"},
    },
    {
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "n", "rules": [{"id": "r", "properties": {"cwe": ["79"]}}]},
                    "extensions": [{"name": "e"}],
                },
                "results": [
                    {
                        "rule": {"index": 0, "toolComponent": {"index": 0}},
                        "ruleId": "r",
                        "taxa": [{"index": 0, "toolComponent": {"index": 0}}],
                        "locations": [{"logicalLocations": [{"index": 0}]}],
                        "provenance": {"invocationIndex": 0},
                    }
                ],
                "taxonomies": [{"name": "CWE", "taxa": [{"id": "1"}]}],
                "invocations": [
                    {"ruleConfigurationOverrides": [{"descriptor": {"id": "r"}, "configuration": {"level": "note"}}]}
                ],
            }
        ],
    },
    {
        "matches": [
            {
                "vulnerability": {"id": "v", "fix": {"versions": ["1"]}, "cvss": [{"metrics": {"baseScore": 1}}]},
                "artifact": {"name": "a", "locations": [{"path": "p"}]},
            }
        ],
        "source": {"target": {"userInput": "u"}},
    },
    {
        "ok": False,
        "packageManager": "n",
        "vulnerabilities": [
            {
                "id": "v",
                "title": "t",
                "identifiers": {"CVE": ["c"]},
                "from": ["a", "b"],
                "fixedIn": ["1"],
                "references": [{"url": "u"}],
            }
        ],
        "applications": [{"vulnerabilities": []}],
    },
    {"infrastructureAsCodeIssues": [{"id": "i", "title": "t", "iacDescription": {"issue": "i"}, "lineNumber": 1}]},
    {
        "advisories": {"1": {"id": 1, "title": "t", "cves": ["c"], "cwe": "c", "findings": [{"version": "1"}]}},
        "metadata": {},
    },
    {
        "auditReportVersion": 2,
        "vulnerabilities": {
            "a": {
                "via": [{"title": "t", "url": "u", "cwe": ["c"], "cvss": {"score": 1}}],
                "fixAvailable": {"name": "a", "version": "1"},
            }
        },
    },
    {
        "projectInfo": {},
        "dependencies": [
            {
                "fileName": "f",
                "packages": [{"id": "i"}],
                "vulnerabilities": [
                    {"name": "n", "cvssv3": {"baseScore": 1}, "cwes": ["c"], "references": [{"url": "u"}]}
                ],
            }
        ],
    },
    {
        "bomFormat": "CycloneDX",
        "components": [{"bom-ref": "r", "name": "n"}],
        "vulnerabilities": [
            {
                "id": "i",
                "cwes": [1],
                "ratings": [{"score": 1}],
                "analysis": {"state": "s"},
                "affects": [{"ref": "r", "versions": [{"version": "1"}]}],
            }
        ],
    },
    {
        "check_type": "t",
        "results": {
            "failed_checks": [
                {"check_id": "c", "file_line_range": [1, 2], "vulnerability_details": {"id": "i", "package_name": "p"}}
            ]
        },
    },
    {"Controls": [{"node_type": "m", "tests": [{"desc": "d", "results": [{"test_number": "1", "status": "FAIL"}]}]}]},
    {
        "event_type": "alert",
        "src_ip": "i",
        "http": {"url": "u"},
        "alert": {"signature": "s", "severity": 1, "metadata": {"cve": ["c"]}},
    },
    {
        "rule": {"level": 3, "description": "d", "groups": ["g"], "mitre": {"id": ["i"]}},
        "agent": {"name": "n"},
        "data": {"vulnerability": {"cve": "c", "package": {"name": "n"}, "references": ["r"]}},
    },
    {
        "apiVersion": "aquasecurity.github.io/v1",
        "metadata": {"labels": {}},
        "report": {
            "artifact": {"tag": "t"},
            "vulnerabilities": [{"vulnerabilityID": "v", "links": ["l"]}],
            "checks": [{"checkID": "c", "messages": ["m"]}],
        },
    },
    {
        "version": "15",
        "scan": {"type": "sast", "scanner": {"id": "s"}},
        "remediations": [{"fixes": [{"id": "1"}]}],
        "vulnerabilities": [
            {
                "id": "1",
                "name": "n",
                "location": {"file": "f", "dependency": {"package": {"name": "p"}}},
                "identifiers": [{"type": "cwe", "value": "1"}],
                "links": [{"url": "u"}],
            }
        ],
    },
    {"CheckID": "c", "CheckTitle": "t", "Status": "FAIL", "Remediation": {"Recommendation": {"Text": "t"}}},
    {
        "class_uid": 1,
        "metadata": {"event_code": "e", "product": {"name": "p"}},
        "finding_info": {"title": "t"},
        "resources": [{"uid": "u"}],
        "remediation": {"references": ["r"]},
        "vulnerabilities": [{"cve": {"uid": "u"}}],
    },
    {
        "results": [
            {
                "check_id": "c",
                "extra": {
                    "metadata": {"sca-fix-versions": [{"p": "1"}]},
                    "sca_info": {"dependency_match": {"found_dependency": {"package": "p"}}},
                },
            }
        ],
        "errors": [],
    },
)
