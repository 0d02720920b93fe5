"""Notations and versions of tools that the real reports do not show: handwritten samples of their documented forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.tool_logs.finding import plain
from secft.dataset.sources.tool_logs.reader import read_part
from secft.dataset.sources.tool_logs.tls_checks import is_weak
from secft.security.identifiers import cves_in, cwes_in
from secft.security.severity import severity_of_score, severity_of_word

from ..conftest import write


def fields_of(tmp_path: Path, content: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    text = content if isinstance(content, str) else json.dumps(content)
    path = write(tmp_path / "report", text)
    log = ReadLog()
    found = [document.fields for document in read_part(ToolLogsSource(paths=[path]), path, log)]
    return found, log.tally.dropped


SARIF = {
    "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "Code QL!",
                    "rules": [
                        {
                            "id": "py/sql-injection",
                            "name": "SqlInjection",
                            "shortDescription": {"text": "SQL query built from user input"},
                            "fullDescription": {"text": "Building a query from input lets users change it."},
                            "help": {"text": "Use parameters."},
                            "helpUri": "https://a.example/rule",
                            "defaultConfiguration": {"level": "error"},
                            "properties": {"tags": ["security", "external/cwe/cwe-089"], "security-severity": "8.8"},
                            "messageStrings": {"default": {"text": "Query depends on {0}."}},
                        },
                        {
                            "id": "R2",
                            "relationships": [{"target": {"id": "79", "toolComponent": {"name": "CWE"}}}],
                        },
                    ],
                }
            },
            "results": [
                {
                    "ruleId": "py/sql-injection",
                    "message": {"id": "default", "arguments": ["request.args"]},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "app/db.py"},
                                "region": {"startLine": 7, "snippet": {"text": "cursor.execute(query)"}},
                            }
                        },
                        {"physicalLocation": {"artifactLocation": {"uri": "app/other.py"}}},
                    ],
                },
                {"ruleIndex": 1, "level": "note", "message": {"text": "CVE-2021-44228 is here"}},
                {"ruleId": "R2/sub", "kind": "pass", "message": {"text": "fine"}},
                {"ruleId": "R2", "suppressions": [{"kind": "inSource"}], "message": {"text": "silenced"}},
                {"ruleId": "R2", "baselineState": "absent", "message": {"text": "gone"}},
                {"ruleId": "secret-key", "message": {"text": "found AKIAIOSFODNN7EXAMPLE, also hunter2"}},
            ],
        },
        {"tool": {"driver": {"name": "empty"}}, "results": None},
    ],
}


def test_sarif(tmp_path: Path) -> None:
    found, dropped = fields_of(tmp_path, SARIF)
    assert dropped == {"tool_log.passed_check": 2, "tool_log.suppressed": 1}
    first, second, third = found
    assert first["tool"] == "code-ql"
    assert (first["rule"], first["title"]) == ("py/sql-injection", "SQL query built from user input")
    assert (first["severity"], first["cwes"], first["target"]) == ("high", ["CWE-89"], "app/db.py:7")
    assert first["evidence"] == "Query depends on request.args.\ncursor.execute(query)\nalso at app/other.py"
    assert (first["remediation"], first["references"]) == ("Use parameters.", ["https://a.example/rule"])
    assert (second["rule"], second["severity"]) == ("R2", "low")
    assert (second["cwes"], second["cves"]) == (["CWE-79"], ["CVE-2021-44228"])
    assert third["evidence"] == "[redacted]"
    assert "hunter2" not in json.dumps(third)


def test_zap_json_and_old_xml(tmp_path: Path) -> None:
    alert = {
        "pluginid": "40012",
        "name": "Cross Site Scripting (Reflected)",
        "riskcode": "3",
        "desc": "<p>Script of others runs.</p><p>Twice.</p>",
        "solution": "<p>Encode output.</p>",
        "reference": "<p>https://a.example/1</p><p>https://a.example/2</p>",
        "cweid": "79",
        "instances": [
            {
                "uri": "http://a.example/s?q=%3Cscript%3E",
                "method": "GET",
                "param": "q",
                "attack": "<script>",
                "evidence": "x",
            }
        ],
    }
    report = {"@programName": "ZAP", "@version": "2.16", "site": [{"@name": "http://a.example", "alerts": [alert]}]}
    (found,), dropped = fields_of(tmp_path, report)
    assert (found["severity"], found["cwes"], found["payload_omitted"]) == ("high", ["CWE-79"], True)
    assert found["evidence"] == "GET http://a.example/s?q, parameter q"
    assert found["description"] == "Script of others runs.\n\nTwice."
    assert found["references"] == ["https://a.example/1", "https://a.example/2"]
    assert dropped == {}
    old = (
        '<OWASPZAPReport version="2.3"><site name="http://a.example"><alerts><alertitem><pluginid>1</pluginid>'
        "<alert>Old</alert><riskcode>1</riskcode><uri>http://a.example/x</uri><param>p</param></alertitem></alerts></site>"
        "</OWASPZAPReport>"
    )
    (found,), _ = fields_of(tmp_path, old)
    assert (found["title"], found["severity"], found["evidence"]) == ("Old", "low", "http://a.example/x, parameter p")


def test_burp_marks_and_payloads(tmp_path: Path) -> None:
    issue = (
        "<issue><type>2</type><name>XSS</name><host>http://a.example</host><path>/p</path><severity>{}</severity>"
        "<location>/p [q parameter]</location><issueDetail><![CDATA[The value of the <b>q</b> parameter is echoed. The "
        "payload <b>abc12</b> was submitted, and <b>&lt;x onload=y&gt;</b> came back.]]></issueDetail></issue>"
    )
    report = f'<issues burpVersion="2">{issue.format("Medium")}{issue.format("False positive")}</issues>'
    (found,), dropped = fields_of(tmp_path, report)
    assert dropped == {"tool_log.false_positive": 1}
    assert found["payload_omitted"]
    assert "the q parameter" in found["description"]
    assert "abc12" not in found["description"]
    assert "onload" not in found["description"]


def test_nikto_csv_and_list_of_hosts(tmp_path: Path) -> None:
    text = (
        '"Nikto - v2.5.0/"\n"a.example","10.0.0.1","443","","","",""\n'
        '"a.example","10.0.0.1","443","https://ref.example/","GET","/x?a=1","Header ""X"" is missing."\n'
    )
    (found,), dropped = fields_of(tmp_path, text)
    assert (found["tool"], found["target"], found["evidence"]) == ("nikto", "a.example:443", "GET /x?a")
    assert (found["title"], dropped) == ('Header "X" is missing.', {"tool_log.about_host": 1})
    host = {
        "host": "a.example",
        "port": "80",
        "vulnerabilities": [{"id": "1", "method": "GET", "url": "/", "msg": "m"}],
    }
    found_all, _ = fields_of(tmp_path, [host, {**host, "host": "b.example"}])
    assert [found["target"] for found in found_all] == ["a.example:80", "b.example:80"]


def test_wapiti_json(tmp_path: Path) -> None:
    report = {
        "classifications": {
            "SQL Injection": {
                "desc": "Bad.",
                "sol": "Bind.",
                "ref": {"CWE-89: SQL": "https://a.example/89"},
                "wstg": ["WSTG-1"],
            }
        },
        "vulnerabilities": {
            "SQL Injection": [
                {
                    "method": "POST",
                    "path": "/login",
                    "level": 4,
                    "parameter": "user=x%27&pass=y",
                    "info": "SQL injection via parameter user. Evil url: http://a.example/?user=%27or 1",
                    "http_request": "POST /login",
                }
            ],
            "Backup file": [],
        },
        "anomalies": {},
        "additionals": {},
        "infos": {"target": "http://a.example/", "version": "Wapiti 3.1"},
    }
    (found,), dropped = fields_of(tmp_path, report)
    assert (found["tool"], found["severity"], found["cwes"], dropped) == ("wapiti", "critical", ["CWE-89"], {})
    assert found["evidence"] == "POST /login\nparameters: user, pass\nSQL injection via parameter user."
    assert (found["remediation"], found["payload_omitted"]) == ("Bind.", True)


SQLMAP_LOG = """sqlmap identified the following injection point(s) with a total of 45 HTTP(s) requests:
---
Parameter: id (GET)
    Type: boolean-based blind
    Title: AND boolean-based blind - WHERE or HAVING clause
    Payload: id=1 AND 8472=8472

    Type: UNION query
    Title: Generic UNION query (NULL) - 2 columns
    Payload: id=1 UNION ALL SELECT NULL,NULL-- -
Parameter: User-Agent (User-Agent)
    Type: time-based blind
    Payload: x' AND SLEEP(5)
---
Database: shop
Table: users
+----+----------+
| id | password |
+----+----------+
| 1  | hunter22 |
+----+----------+
"""


def test_sqlmap_log_without_payloads_and_dumps(tmp_path: Path) -> None:
    found, dropped = fields_of(tmp_path, SQLMAP_LOG)
    assert [item["title"] for item in found] == [
        "SQL injection in the GET parameter id",
        "SQL injection in the User-Agent parameter User-Agent",
    ]
    assert found[0]["evidence"] == "parameter id (GET); techniques that worked: boolean-based blind, UNION query"
    assert (found[0]["cwes"], dropped) == (["CWE-89"], {})
    for secret in ("8472", "SELECT", "SLEEP", "hunter22", "shop"):
        assert secret not in json.dumps(found)


def test_testssl_json_flat_and_pretty(tmp_path: Path) -> None:
    record = {"id": "BEAST", "ip": "a.example/10.0.0.1", "port": "443", "severity": "LOW", "finding": "VULNERABLE",
              "cve": "CVE-2011-3389", "cwe": "CWE-20"}  # fmt: skip
    found, dropped = fields_of(tmp_path, [record, {**record, "severity": "OK"}])
    assert [(item["target"], item["cves"], item["cwes"]) for item in found] == [
        ("a.example/10.0.0.1:443", ["CVE-2011-3389"], ["CWE-20"])
    ]
    assert dropped == {"tool_log.passed_check": 1}
    server = {"targetHost": "a.example", "ip": "10.0.0.1", "port": "443", "vulnerabilities": [record], "protocols": []}
    (pretty,), _ = fields_of(tmp_path, {"Invocation": "testssl", "scanResult": [server]})
    assert pretty == found[0]


def test_trivy_secrets_and_licences(tmp_path: Path) -> None:
    result = {
        "Target": "app/.env",
        "Secrets": [
            {"RuleID": "aws", "Category": "AWS", "Severity": "CRITICAL", "Title": "AWS key", "StartLine": 3,
             "Match": "KEY=AKIAIOSFODNN7EXAMPLE"}
        ],
        "Licenses": [{"Severity": "HIGH", "Category": "restricted", "PkgName": "p", "Name": "GPL-3.0"}],
        "Misconfigurations": [{"ID": "X", "Status": "PASS"}, {"ID": "Y", "Status": "FAIL", "Severity": "LOW"}],
    }  # fmt: skip
    found, dropped = fields_of(tmp_path, {"SchemaVersion": 2, "ArtifactName": "image:1", "Results": [result]})
    assert dropped == {"tool_log.passed_check": 1}
    by_rule = {item["rule"]: item for item in found}
    assert set(by_rule) == {"aws", "license:GPL-3.0", "Y"}
    assert (by_rule["aws"]["target"], by_rule["aws"]["severity"]) == ("image:1 app/.env:3", "critical")
    assert "AKIA" not in json.dumps(by_rule["aws"])


def test_nmap_scripts_that_confirm_a_vulnerability(tmp_path: Path) -> None:
    table = (
        '<script id="{0}" output="x"><table key="CVE-2014-0160"><elem key="title">Heartbleed</elem>'
        '<elem key="state">{1}</elem><elem key="risk_factor">High</elem>'
        '<table key="ids"><elem>CVE:CVE-2014-0160</elem></table>'
        '<table key="description"><elem>Memory leaks.</elem></table><table key="refs"><elem>https://a.example/</elem>'
        "</table></table></script>"
    )
    report = (
        '<?xml version="1.0"?><!DOCTYPE nmaprun SYSTEM "http://127.0.0.1:9/nmap.dtd"><nmaprun><host>'
        '<address addr="10.0.0.1" addrtype="ipv4"/><ports><port protocol="tcp" portid="443"><state state="open"/>'
        f"{table.format('ssl-heartbleed', 'VULNERABLE')}{table.format('other', 'NOT VULNERABLE')}</port>"
        '<port protocol="tcp" portid="80"><state state="closed"/></port></ports></host></nmaprun>'
    )
    found, _ = fields_of(tmp_path, report)
    assert [item["rule"] for item in found] == ["open-port", "ssl-heartbleed:CVE-2014-0160"]
    bleeding = found[1]
    assert (bleeding["severity"], bleeding["cves"]) == ("high", ["CVE-2014-0160"])
    assert (bleeding["target"], bleeding["description"]) == ("10.0.0.1, port 443/tcp", "Memory leaks.")


def test_marked_results(tmp_path: Path) -> None:
    openvas = (
        '<report id="1"><report><gmp/><results><result><name>A</name><host>10.0.0.1</host><port>80/tcp</port>'
        "<nvt oid='1'><name>A</name></nvt><threat>{}</threat><severity>7.5</severity>"
        "<detection><result id='2'/></detection></result></results></report></report>"
    )
    assert fields_of(tmp_path, openvas.format("False Positive"))[1]["tool_log.false_positive"] == 1
    (found,), dropped = fields_of(tmp_path, openvas.format(""))
    assert (found["severity"], dropped) == ("high", {})
    semgrep = {"results": [{"check_id": "a", "path": "x", "extra": {"is_ignored": True}}], "errors": []}
    assert fields_of(tmp_path, semgrep)[1]["tool_log.suppressed"] == 1
    assert fields_of(tmp_path, "Target URL,Place,Parameter,Technique(s),Note(s)\nhttp://a.example/,,,,\n") == (
        [],
        {"tool_log.passed_check": 1, "tool_log.no_findings": 1},
    )


@pytest.mark.parametrize("raw", ["QUtJQUlPU0ZPRE5ON0VYQU1QTEU=", "AKIAIOSFODNN7EXAMPLE", "dXNlcjpwYXNzd29yZA=="])
def test_trufflehog_secret_that_is_in_the_path_too(tmp_path: Path, raw: str) -> None:
    record = {
        "SourceMetadata": {
            "Data": {"Git": {"file": "keys/AKIAIOSFODNN7EXAMPLE/user:password", "commit": "c" * 40, "line": 2}}
        },
        "DetectorName": "AWS",
        "Raw": raw,
        "RawV2": "AKIAIOSFODNN7EXAMPLEuser:password",
        "Verified": False,
    }
    (found,), _ = fields_of(tmp_path, f"{json.dumps(record)}\n")
    text = json.dumps(found)
    assert raw not in text
    assert "AKIAI" not in text
    assert found["evidence"].splitlines()[0] in ("secret AKIA[redacted]", "secret user[redacted]")
    if raw.startswith("dX"):
        assert "user:password" not in text


def test_code_and_messages_about_secrets_are_left_out(tmp_path: Path) -> None:
    result = {
        "check_id": "generic.secrets.detected-api-key",
        "path": "a.py",
        "start": {"line": 1},
        "extra": {
            "message": "Key 'hunter2hunter2' is in the code",
            "lines": "key = 'hunter2hunter2'",
            "severity": "ERROR",
        },
    }
    (found,), _ = fields_of(tmp_path, {"results": [result], "errors": []})
    assert "hunter2" not in json.dumps(found)
    assert (found["evidence"], found["description"]) == ("[redacted]", "Key [redacted] is in the code")


def test_plain_records(tmp_path: Path) -> None:
    records = [
        {"tool": "My Scanner", "Title": "Weak password policy", "Severity": "Major?", "cvss": 5.3, "cwe": 521,
         "url": "http://a.example/p?token=abc", "Description": "Short ones pass.", "Remediation": "Ask for more."},
        {"level": "info", "ts": 1, "msg": "scan started"},
        {"message": "Open redirect", "risk": "low", "file": "a.py", "line": 3, "cve": ["CVE-2020-1234"]},
    ]  # fmt: skip
    found, dropped = fields_of(tmp_path, "\n".join(map(json.dumps, records)))
    assert dropped == {"tool_log.no_finding": 1}
    first, second = found
    assert (first["tool"], first["severity"], first["cwes"]) == ("my-scanner", "medium", ["CWE-521"])
    assert (first["target"], first["payload_omitted"]) == ("http://a.example/p?token", True)
    assert (second["tool"], second["target"], second["cves"]) == ("plain", "a.py:3", ["CVE-2020-1234"])


def test_words_and_numbers_of_severity() -> None:
    assert [severity_of_word(word) for word in ("Information", "WARNING", "ERROR", "Moderate", "odd", None)] == [
        "info", "medium", "high", "medium", "unknown", "unknown",
    ]  # fmt: skip
    scores = [10, "9.0", 8.9, 4.0, 3.9, 0.1, 0, "x", None, 11, float("nan")]
    assert [severity_of_score(score) for score in scores] == [
        "critical", "critical", "high", "medium", "low", "low", "info", "unknown", "unknown", "unknown", "unknown",
    ]  # fmt: skip


def test_identifiers_in_texts() -> None:
    texts = [
        "CWE-79: XSS",
        79,
        "cwe-089",
        "external/cwe/cwe-022",
        "https://cwe.mitre.org/data/definitions/352.html",
        "-1",
        None,
    ]
    assert cwes_in(texts) == ("CWE-22", "CWE-79", "CWE-89", "CWE-352")
    assert cves_in(["see cve-2021-44228 and CVE_2020-0001", None, 7]) == ("CVE-2020-0001", "CVE-2021-44228")


def test_markup_becomes_paragraphs() -> None:
    text = "<p>One &amp; two</p><ul><li>a</li><li><b>b</b></li></ul>\nhard\n   wrapped\n\nnew vector<int> x"
    assert plain(text) == "One & two\n\n- a\n\n- b\n\nhard wrapped\n\nnew vector<int> x"


def test_weak_suites_in_both_ways_of_naming_them() -> None:
    weak = ["TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-SHA", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ADH-AES128-SHA",
            "ECDHE-RSA-RC4-SHA", "TLS_DH_anon_WITH_AES_128_CBC_SHA", "EXP-RC4-MD5"]  # fmt: skip
    fine = ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"]
    assert [is_weak(suite) for suite in weak + fine] == [True] * len(weak) + [False] * len(fine)
