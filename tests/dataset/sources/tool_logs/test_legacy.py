"""Tables of Nessus, detections of Qualys, version 2 of Prowler, and vulscan; own samples in the published forms."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from .test_mixed import read_text


def table(*rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


NESSUS = {
    "Plugin ID": "10881",
    "CVE": "CVE-2030-1111",
    "CVSS v2.0 Base Score": "5.0",
    "Risk": "Medium",
    "Host": "10.0.0.4",
    "Protocol": "tcp",
    "Port": "443",
    "Name": "Weak cipher",
    "Synopsis": "A cipher is weak.",
    "Description": "Traffic may be\nread.",
    "Solution": "Turn it off.",
    "See Also": "https://a.example/1\nhttps://a.example/2",
    "Plugin Output": "TLS_RSA_WITH_RC4_128_SHA",
}


def test_rows_of_nessus_that_differ_in_the_cve_are_one_finding(tmp_path: Path) -> None:
    rows = [NESSUS, {**NESSUS, "CVE": "CVE-2030-2222"}, {**NESSUS, "Port": "0", "Risk": "None", "CVE": ""}]
    found, _ = read_text(tmp_path, table(*rows))
    first, second = found
    assert (first["tool"], first["rule"], first["severity"]) == ("nessus", "10881", "medium")
    assert first["cves"] == ["CVE-2030-1111", "CVE-2030-2222"]
    assert first["target"] == "10.0.0.4, port 443/tcp"
    assert first["references"] == ["https://a.example/1", "https://a.example/2"]
    assert (second["severity"], second["target"]) == ("info", "10.0.0.4")


def test_the_table_of_the_security_center_has_other_names(tmp_path: Path) -> None:
    row = {
        "Plugin": "51192",
        "Plugin Name": "Untrusted certificate",
        "Severity": "High",
        "IP Address": "10.0.0.5",
        "DNS Name": "web.corp.net",
        "Protocol": "TCP",
        "Port": "8443",
        "Synopsis": "s",
        "Description": "d",
        "Solution": "f",
        "Plugin Text": "issuer unknown",
        "CVE": "CVE-2030-3333,CVE-2030-4444",
    }
    ((found,), _) = read_text(tmp_path, table(row))
    assert (found["severity"], found["target"]) == ("high", "web.corp.net (10.0.0.5), port 8443/tcp")
    assert found["cves"] == ["CVE-2030-3333", "CVE-2030-4444"]
    assert found["evidence"] == "issuer unknown"


DETECTIONS = """<?xml version="1.0" encoding="UTF-8"?>
<HOST_LIST_VM_DETECTION_OUTPUT><RESPONSE><DATETIME>2026-11-30T10:00:00Z</DATETIME><HOST_LIST>
<HOST><ID>7</ID><IP>10.0.0.8</IP><DNS>db.corp.net</DNS><DETECTION_LIST>
<DETECTION><QID>38739</QID><TYPE>Confirmed</TYPE><SEVERITY>4</SEVERITY><PORT>22</PORT><PROTOCOL>tcp</PROTOCOL>
<RESULTS><![CDATA[weak key exchange]]></RESULTS><STATUS>Active</STATUS><IS_IGNORED>0</IS_IGNORED></DETECTION>
<DETECTION><QID>11</QID><SEVERITY>1</SEVERITY><STATUS>Fixed</STATUS></DETECTION>
<DETECTION><QID>12</QID><SEVERITY>2</SEVERITY><STATUS>New</STATUS><IS_IGNORED>1</IS_IGNORED></DETECTION>
<DETECTION><QID>13</QID><SEVERITY>5</SEVERITY><STATUS>New</STATUS></DETECTION>
</DETECTION_LIST></HOST></HOST_LIST>%s</RESPONSE></HOST_LIST_VM_DETECTION_OUTPUT>
"""
KNOWLEDGE = """<VULN_LIST><VULN><QID>38739</QID><SEVERITY_LEVEL>2</SEVERITY_LEVEL><TITLE>Deprecated SSH settings</TITLE>
<CVE_LIST><CVE><ID>CVE-2030-5555</ID><URL>u</URL></CVE></CVE_LIST><DIAGNOSIS>They are old.</DIAGNOSIS>
<CONSEQUENCE>Reading.</CONSEQUENCE><SOLUTION>Set new ones.</SOLUTION></VULN></VULN_LIST>"""


def test_detections_of_qualys_name_the_qid_and_what_the_knowledge_base_says_of_it(tmp_path: Path) -> None:
    found, log = read_text(tmp_path, DETECTIONS % KNOWLEDGE)
    first, last = found
    assert (first["tool"], first["rule"], first["title"]) == ("qualys", "38739", "Deprecated SSH settings")
    assert (first["severity"], first["cves"]) == ("high", ["CVE-2030-5555"])
    assert first["target"] == "db.corp.net (10.0.0.8), port 22/tcp"
    assert (first["evidence"], first["remediation"]) == ("weak key exchange", "Set new ones.")
    assert first["description"] == "They are old.\n\nImpact: Reading."
    assert (last["title"], last["severity"]) == ("QID 13", "critical")
    assert log == {"tool_log.resolved": 1, "tool_log.suppressed": 1}
    bare, _ = read_text(tmp_path, DETECTIONS % "")
    assert [one["title"] for one in bare] == ["QID 38739", "QID 13"]


PROWLER = {
    "PROFILE": "default",
    "ACCOUNT_NUM": "123456789012",
    "REGION": "eu-west-1",
    "TITLE_ID": "1.2",
    "CHECK_RESULT": "FAIL",
    "ITEM_SCORED": "Scored",
    "ITEM_LEVEL": "Level 1",
    "TITLE_TEXT": "[check12] Ensure MFA is on",
    "CHECK_RESULT_EXTENDED": "User a has none",
    "CHECK_SEVERITY": "High",
    "CHECK_RISK": "Stolen passwords work.",
    "CHECK_REMEDIATION": "Turn it on.",
    "CHECK_DOC": "https://a.example/mfa",
    "CHECK_RESOURCE_ID": "user-a",
}


def test_prowler_2_as_table_and_as_records(tmp_path: Path) -> None:
    rows = [PROWLER, {**PROWLER, "CHECK_RESULT": "PASS"}, {**PROWLER, "CHECK_RESULT": "WARNING"}]
    ((found,), log) = read_text(tmp_path, table(*rows))
    assert (found["tool"], found["rule"], found["title"]) == ("prowler", "check12", "Ensure MFA is on")
    assert (found["severity"], found["target"]) == ("high", "123456789012 eu-west-1 user-a")
    assert (found["evidence"], found["remediation"]) == ("User a has none", "Turn it on.")
    assert log == {"tool_log.passed_check": 1, "tool_log.suppressed": 1}
    record = {
        "Profile": "default",
        "Account Number": "123456789012",
        "Control": "[check12] Ensure MFA is on",
        "Message": "User a has none",
        "Severity": "High",
        "Status": "FAIL",
        "Control ID": "1.2",
        "Region": "eu-west-1",
        "Risk": "Stolen passwords work.",
        "Remediation": "Turn it on.",
        "Doc link": "https://a.example/mfa",
        "Resource ID": "user-a",
    }
    ((same,), _) = read_text(tmp_path, json.dumps(record) + "\n" + json.dumps({**record, "Status": "PASS"}) + "\n")
    assert same == found


def test_the_first_table_of_prowler_2_has_fewer_columns(tmp_path: Path) -> None:
    row = {
        "PROFILE": "d",
        "ACCOUNT_NUM": "1",
        "REGION": "r",
        "TITLE_ID": "extra71",
        "RESULT": "FAIL",
        "SCORED": "",
        "LEVEL": "",
        "TITLE_TEXT": "Ensure users are in groups",
        "NOTES": "User a is in none",
    }
    ((found,), _) = read_text(tmp_path, table(row))
    assert (found["rule"], found["severity"], found["evidence"]) == ("extra71", "unknown", "User a is in none")


def test_vulscan_lists_cves_by_the_name_of_a_service(tmp_path: Path) -> None:
    said = (
        "VulDB - https://vuldb.com:&#xa;[12345] Acme Server 1 unknown&#xa;&#xa;MITRE CVE - https://cve.mitre.org:&#xa;"
        "[CVE-2030-6666] Acme Server 1 reads past a buffer.&#xa;[CVE-2030-7777] Acme Server 1 follows links.&#xa;"
    )
    report = (
        '<nmaprun><host><address addr="10.0.0.9" addrtype="ipv4"/><ports><port protocol="tcp" portid="80">'
        '<state state="open"/>'
        f'<script id="vulscan" output="{said}"/></port></ports></host></nmaprun>'
    )
    found, _ = read_text(tmp_path, report)
    listed = [one for one in found if one["rule"].startswith("vulscan")]
    assert [one["cves"] for one in listed] == [["CVE-2030-6666"], ["CVE-2030-7777"]]
    assert listed[0]["description"].startswith("Acme Server 1 reads past a buffer.")
    assert listed[0]["target"] == "10.0.0.9, port 80/tcp"
