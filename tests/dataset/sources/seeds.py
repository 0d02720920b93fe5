# ruff: noqa: E501
"""A small good input of every reader of files, which mutants are made of."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

from fpdf import FPDF

from tests.dataset.sources.bombs import GOOD, KEV, PAGE, TEXT, rule

_REFERENCE = {"source_name": "mitre-attack", "external_id": "T1059", "url": "https://attack.mitre.org/techniques/T1059"}
_TECHNIQUE = {
    "type": "attack-pattern", "id": "attack-pattern--1", "name": "Interpreter", "description": "They run commands.",
    "external_references": [_REFERENCE], "modified": "2030-01-01T00:00:00Z", "x_mitre_platforms": ["Linux"],
    "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": "execution"}],
    "x_mitre_domains": ["enterprise-attack"], "x_mitre_version": "1.0", "x_mitre_detection": "Look at processes.",
}  # fmt: skip
_MITIGATION = {
    "type": "course-of-action", "id": "course-of-action--1", "name": "Prevention", "description": "Allow few programs.",
    "external_references": [{"source_name": "mitre-attack", "external_id": "M1038"}],
}  # fmt: skip
_RELATION = {
    "type": "relationship", "id": "relationship--1", "relationship_type": "mitigates", "description": "It helps.",
    "source_ref": "course-of-action--1", "target_ref": "attack-pattern--1",
}  # fmt: skip
_PATTERN = {
    "type": "attack-pattern", "id": "attack-pattern--1", "name": "Guessing", "description": "They guess.",
    "external_references": [{"source_name": "capec", "external_id": "CAPEC-66"}], "x_capec_version": "3.9",
    "x_capec_consequences": {"Integrity": ["Modify Data"]}, "x_capec_skills_required": {"Low": "Some."},
    "x_capec_child_of_refs": ["attack-pattern--2"], "x_capec_domains": ["Software"], "x_capec_prerequisites": ["It."],
}  # fmt: skip
_CONTROL = {
    "id": "ac-2", "title": "Account Management", "class": "SP800-53", "props": [{"name": "label", "value": "AC-2"}],
    "params": [{"id": "ac-2_prm_1", "label": "time", "select": {"how-many": "one-or-more", "choice": ["a", "b"]}}],
    "parts": [{"name": "statement", "prose": "Review {{ insert: param, ac-2_prm_1 }}.", "parts": [{"prose": "b"}]}],
    "links": [{"href": "#ac-3", "rel": "related"}],
}  # fmt: skip
_OSV = {
    "id": "GO-2030-0001", "summary": "A weakness", "details": "It reads past the end.", "aliases": ["CVE-2030-1"],
    "affected": [{"package": {"ecosystem": "Go", "name": "a"}, "versions": ["1"],
                  "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}]}],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "references": [{"type": "WEB", "url": "https://a.example"}], "published": "2030-01-01T00:00:00Z",
    "database_specific": {"cwe_ids": ["CWE-79"], "severity": "HIGH"},
}  # fmt: skip
_CVE = {
    "dataType": "CVE_RECORD", "cveMetadata": {"cveId": "CVE-2030-0002", "state": "PUBLISHED"},
    "containers": {"cna": {
        "descriptions": [{"lang": "en", "value": "It reads past the end."}],
        "affected": [{"vendor": "a", "product": "b", "versions": [
            {"version": "0", "lessThan": "2", "status": "affected"}]}],
        "problemTypes": [{"descriptions": [{"lang": "en", "cweId": "CWE-125"}]}],
        "metrics": [{"cvssV3_1": {"vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 9.8}}],
    }},
}  # fmt: skip
_NVD = {"vulnerabilities": [{"cve": {
    "id": "CVE-2030-0003", "vulnStatus": "Analyzed", "descriptions": [{"lang": "en", "value": "A weakness."}],
    "metrics": {"cvssMetricV31": [{"type": "Primary", "source": "nvd@nist.gov", "cvssData": {"version": "3.1",
                "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 9.8}}]},
    "weaknesses": [{"description": [{"lang": "en", "value": "CWE-79"}]}],
    "configurations": [{"nodes": [{"operator": "OR", "negate": False, "cpeMatch": [
        {"vulnerable": True, "criteria": "cpe:2.3:a:acme:part:*:*:*:*:*:*:*:*", "versionEndExcluding": "2"}]}]}],
    "references": [{"url": "https://a.example", "tags": ["Patch"]}],
}}]}  # fmt: skip
_RUN = {"id": 1, "goal": "Check.", "steps": [{"thought": "Look.", "tool": "nmap", "input": {"host": "a"},
        "observation": "open"}], "answer": "It is open."}  # fmt: skip
_SARIF = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [{"id": "R1"}]}}, "results": [
    {"ruleId": "R1", "level": "error", "message": {"text": "Bad."}, "locations": [{"physicalLocation": {
        "artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1}}}]}]}]}  # fmt: skip
_CHAT = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So.", "tool_calls": [
    {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}], "tools": [{"type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}]
}  # fmt: skip
_CWE = """<Weakness_Catalog Version="4.14" xmlns="http://cwe.mitre.org/cwe-7"><Weaknesses>
<Weakness ID="79" Name="XSS" Abstraction="Base" Status="Stable"><Description>It is not neutralised.</Description>
<Related_Weaknesses><Related_Weakness Nature="ChildOf" CWE_ID="74" View_ID="1000"/></Related_Weaknesses>
<Common_Consequences>
<Consequence><Scope>Integrity</Scope><Impact>Modify Data</Impact></Consequence></Common_Consequences>
<Potential_Mitigations><Mitigation><Phase>Design</Phase><Description>Encode.</Description></Mitigation>
</Potential_Mitigations></Weakness></Weaknesses></Weakness_Catalog>"""
_XCCDF = """<Benchmark xmlns="http://checklists.nist.gov/xccdf/1.2" id="b"><title>B</title><version>1</version>
<Group id="g"><title>G</title><Rule id="r" severity="high">
<title>Set it</title><description>Set <sub idref="v"/>.</description>
<rationale>Because.</rationale><fixtext>Run it.</fixtext></Rule></Group><Value id="v"><value>1</value></Value></Benchmark>"""
_NMAP = """<nmaprun scanner="nmap"><host><address addr="10.0.0.1"/><ports><port protocol="tcp" portid="22">
<state state="open"/><service name="ssh"/><script id="vulners" output="CVE-2030-0001 9.8"/></port></ports></host></nmaprun>"""

SEEDS: dict[str, list[tuple[str, Any]]] = {
    "agent_runs": [("a.jsonl", _RUN)],
    "attack": [("a.json", {"type": "bundle", "objects": [_TECHNIQUE, _MITIGATION, _RELATION]})],
    "capec": [("a.json", {"type": "bundle", "objects": [_PATTERN, _MITIGATION, _RELATION]})],
    "cve": [("a.json", _CVE), ("b.json", _NVD)],
    "cwe": [("a.xml", _CWE)],
    "jsonl": [("a.jsonl", _CHAT), ("b.jsonl", json.loads(GOOD["jsonl"]()))],
    "kev": [("a.json", {"vulnerabilities": [KEV]})],
    "oscal": [("a.json", {"catalog": {"metadata": {"version": "5"}, "groups": [{"id": "ac", "controls": [_CONTROL]}]}})],
    "osv": [("a.json", _OSV), ("b.yaml", json.dumps(_OSV)),
            ("RUSTSEC.md", '```toml\n[advisory]\nid = "RUSTSEC-2030-0001"\npackage = "a"\n```\n\n# A weakness\n\nIt is.\n')],
    "owasp": [("a.md", "# Sheet\n\n## Part\n\n" + "It tells how to defend a service. " * 9 + "\n\n- a\n- b\n\n|a|b|\n|-|-|\n|c|d|\n")],
    "sigma": [("a.yml", rule())],
    "tool_logs": [("a.json", _SARIF), ("b.json", json.loads(GOOD["tool_logs"]())), ("c.xml", _NMAP)],
    "web": [("a.html", PAGE.format("Page", TEXT * 5 + "<pre>code</pre><table><tr><th>a<th>b<tr><td>c<td>d</table>"))],
    "xccdf": [("a-xccdf.xml", _XCCDF)],
}  # fmt: skip
"""Source -> names and contents of files; what is no text is JSON."""


def _document() -> bytes:
    """Return a PDF of two pages: a heading, prose, and a table."""
    document = FPDF()
    for _ in range(2):
        document.add_page()
        document.set_font("Helvetica", "B", 16)
        document.multi_cell(0, 9, "Findings", new_x="LMARGIN", new_y="NEXT")
        document.set_font("Helvetica", size=11)
        document.multi_cell(0, 5, "It tells how to defend a service. " * 20, new_x="LMARGIN", new_y="NEXT")
        with document.table() as table:
            for row in (("Finding", "Severity"), ("Open port", "High"), ("Old library", "Low")):
                line = table.row()
                for cell in row:
                    line.cell(cell)
    return bytes(document.output())


def _table() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_CHAT] * 3), stream)
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rules/a.yml", rule())
        archive.writestr("rules/b.yml", rule())
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name in ("a.json", "b/c.json"):
            data = json.dumps(_OSV).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


BINARY_SEEDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "pdf": ("a.pdf", _document),
    "parquet": ("a.parquet", _table),
    "jsonl": ("a.jsonl.gz", lambda: gzip.compress((json.dumps(_CHAT) + "\n").encode() * 3)),
    "sigma": ("a.zip", _zip),
    "osv": ("a.tar.gz", _tar),
}
"""Source -> name and content of a small good file that no text editor opens."""
