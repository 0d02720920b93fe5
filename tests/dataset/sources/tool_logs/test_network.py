"""Scanners of networks: Nessus, Qualys, the lists of nmap's script vulners; and packages in Semgrep's results."""

from __future__ import annotations

import json
from pathlib import Path

from .test_mixed import read_text

NESSUS = """<?xml version="1.0" ?><NessusClientData_v2><Policy/><Report name="r"><ReportHost name="10.0.0.1">
<HostProperties>
<tag name="host-ip">10.0.0.1</tag><tag name="host-fqdn">a.example</tag></HostProperties>
<ReportItem port="443" svc_name="www" protocol="tcp" severity="3" pluginID="1001" pluginName="Old acme">
<synopsis>An old version answers.</synopsis><description>It reads
too much.</description><solution>Update acme.</solution><cve>CVE-2030-1111</cve><cwe>125</cwe><xref>CWE:20</xref>
<see_also>https://a.example/1
https://a.example/2</see_also><plugin_output>Version : 1.0
GET /x?q=&lt;script&gt; came back</plugin_output><risk_factor>Critical</risk_factor></ReportItem>
<ReportItem port="0" protocol="tcp" severity="0" pluginID="1002" pluginName="Ping"><synopsis>It answers.</synopsis>
<plugin_output>password 'hunter22' of login x</plugin_output></ReportItem></ReportHost></Report>
</NessusClientData_v2>"""


def test_nessus(tmp_path: Path) -> None:
    (first, second), dropped = read_text(tmp_path, NESSUS)
    assert (first["tool"], first["rule"], first["severity"]) == ("nessus", "1001", "high")
    assert (first["target"], first["title"]) == ("a.example (10.0.0.1), port 443/tcp", "Old acme")
    assert (first["cves"], first["cwes"]) == (["CVE-2030-1111"], ["CWE-20", "CWE-125"])
    assert first["description"] == "An old version answers.\n\nIt reads too much."
    assert (first["remediation"], len(first["references"])) == ("Update acme.", 2)
    assert (first["evidence"], first["payload_omitted"]) == (
        "Version : 1.0\nGET [payload omitted] came back",
        True,
    )
    assert (second["severity"], second["target"]) == ("info", "a.example (10.0.0.1)")
    assert "hunter22" not in json.dumps(second)
    assert dropped == {}


SCAN = """<?xml version="1.0"?><!DOCTYPE SCAN SYSTEM "https://127.0.0.1:9/scan.dtd"><SCAN value="x"><IP value="10.0.0.1"
 name="a.example"><VULNS><CAT value="Web" port="443" protocol="tcp">
<VULN number="38170" severity="4" cveid="CVE-2030-1111">
<TITLE>Old acme</TITLE><DIAGNOSIS>It reads too much.</DIAGNOSIS><CONSEQUENCE>Data leaks.</CONSEQUENCE>
<SOLUTION>Update acme.</SOLUTION><RESULT>version 1.0</RESULT></VULN></CAT></VULNS></IP></SCAN>"""
ASSETS = """<?xml version="1.0"?><ASSET_DATA_REPORT><HOST_LIST><HOST><IP>10.0.0.1</IP><DNS>a.example</DNS>
<VULN_INFO_LIST>
<VULN_INFO><QID id="qid_38170">38170</QID><PORT>443</PORT><PROTOCOL>tcp</PROTOCOL><RESULT>version 1.0</RESULT>
</VULN_INFO>
<VULN_INFO><QID>7</QID><VULN_STATUS>Fixed</VULN_STATUS></VULN_INFO></VULN_INFO_LIST></HOST></HOST_LIST><GLOSSARY>
<VULN_DETAILS_LIST><VULN_DETAILS><QID>38170</QID><TITLE>Old acme</TITLE><SEVERITY>4</SEVERITY><THREAT>It reads too much.
</THREAT><IMPACT>Data leaks.</IMPACT><SOLUTION>Update acme.</SOLUTION><CVE_ID_LIST><CVE_ID><ID>CVE-2030-1111</ID>
</CVE_ID>
</CVE_ID_LIST></VULN_DETAILS></VULN_DETAILS_LIST></GLOSSARY></ASSET_DATA_REPORT>"""
CSV = """"Report of a scan","01/01/2030"
"Company"

IP,DNS,QID,Title,Type,Severity,Port,Protocol,CVE ID,Threat,Impact,Solution,Results,Vuln Status
10.0.0.1,a.example,38170,Old acme,Vuln,4,443,tcp,CVE-2030-1111,It reads too much.,Data leaks.,Update acme.,version 1.0,
10.0.0.1,a.example,7,Gone,Vuln,4,,,,,,,,Fixed
"""


def test_qualys(tmp_path: Path) -> None:
    for text, left in ((SCAN, {}), (ASSETS, {"tool_log.resolved": 1}), (CSV, {"tool_log.resolved": 1})):
        (found,), dropped = read_text(tmp_path, text)
        assert (found["tool"], found["rule"], found["severity"]) == ("qualys", "38170", "high")
        assert (found["title"], found["target"]) == ("Old acme", "a.example (10.0.0.1), port 443/tcp")
        assert (found["cves"], found["evidence"]) == (["CVE-2030-1111"], "version 1.0")
        assert found["description"] == "It reads too much.\n\nImpact: Data leaks."
        assert (found["remediation"], dropped) == ("Update acme.", left)


def test_lists_of_vulners(tmp_path: Path) -> None:
    row = '<table><elem key="id">{}</elem><elem key="cvss">{}</elem><elem key="type">{}</elem></table>'
    rows = row.format("CVE-2030-1111", "9.8", "cve") + row.format("ABC", "9.8", "githubexploit")
    report = (
        '<?xml version="1.0"?><nmaprun><host><address addr="10.0.0.1" addrtype="ipv4"/><ports><port protocol="tcp" '
        'portid="22"><state state="open"/><script id="vulners" output="{}">{}</script></port></ports></host></nmaprun>'
    )
    by_table, _ = read_text(tmp_path, report.format("", f'<table key="cpe:/a:x">{rows}</table>'))
    by_text, _ = read_text(tmp_path, report.format("cpe:/a:x: &#xa;  CVE-2030-1111  9.8  https://a.example/ ", ""))
    assert by_table == by_text
    assert [item["rule"] for item in by_table] == ["open-port", "vulners:CVE-2030-1111"]
    assert (by_table[1]["severity"], by_table[1]["cves"]) == ("critical", ["CVE-2030-1111"])
    assert by_table[1]["target"] == "10.0.0.1, port 22/tcp"


def test_semgrep_supply_chain(tmp_path: Path) -> None:
    found_dependency = {"package": "acme", "version": "1.0", "ecosystem": "npm"}
    extra = {
        "message": "acme reads too much.",
        "severity": "HIGH",
        "metadata": {"sca-fix-versions": [{"acme": "2.0"}], "sca-vuln-database-identifier": "CVE-2030-1111"},
        "sca_info": {"reachable": True, "dependency_match": {"found_dependency": found_dependency}},
    }
    result = {"check_id": "ssc-1", "path": "package-lock.json", "start": {"line": 7}, "extra": extra}
    (found,), _ = read_text(tmp_path, json.dumps({"results": [result], "errors": []}))
    assert (found["tool"], found["severity"], found["cves"]) == ("semgrep", "high", ["CVE-2030-1111"])
    assert (found["evidence"], found["remediation"]) == ("installed acme 1.0, reachable", "Update acme to 2.0.")
