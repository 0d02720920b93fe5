"""Real reports of real tools: recognised by content, counted independently, and without the secrets that they hold."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from secft.dataset import collect
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.tool_logs.detect import recognise
from secft.dataset.sources.tool_logs.finding import SEVERITIES, Finding
from secft.dataset.sources.tool_logs.reader import findings_of, read_part
from secft.dataset.sources.tool_logs.report import Report, open_report
from secft.files import read_jsonl
from secft.records import Document
from tests.samples import is_full, published

from ..conftest import read

REAL = published("tool-reports")
REPORTS = sorted(REAL.iterdir())
EMPTY = {"nuclei__empty.jsonl", "nuclei__no_findings.json", "gitleaks__no_findings.json"}
"""Nothing in these says which tool wrote them: no byte, or the word null."""

needs_reports = pytest.mark.skipif(not is_full(REAL), reason="the other reports (../shared/data) are not there")
each_report = pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)


def lines(data: bytes) -> int:
    return sum(bool(line.strip()) for line in data.splitlines())


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def xpath(expression: str) -> Callable[[bytes], int]:
    def count(data: bytes) -> int:
        return len(etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True)).xpath(expression))

    return count


def trivy(data: bytes) -> int:
    """Count objects with an id of a vulnerability, and failed checks, wherever they stand."""
    return len(re.findall(rb'"VulnerabilityID":', data)) + len(re.findall(rb'"Status": ?"FAIL"', data))


STATIC = r"^TLS_(RSA|ECDH|DH)_|^(?!.*DHE)(?!TLS_)"
OUTDATED = {"sslv2", "sslv3", "tlsv1", "tlsv1_1"}


def weak(names: list[str]) -> bool:
    return any(re.search(STATIC, name) or re.search("RC4|DES|NULL|anon|MD5|EXP", name) for name in names)


def sslyze_json(data: bytes) -> int:
    found = 0
    for server in json.loads(data)["server_scan_results"]:
        results = server.get("scan_commands_results") or {k: v["result"] for k, v in server["scan_result"].items()}
        for name, result in results.items():
            if name.endswith("cipher_suites"):
                accepted = [item["cipher_suite"]["name"] for item in result["accepted_cipher_suites"]]
                found += bool(accepted) if name[:7] not in ("tls_1_2", "tls_1_3") else weak(accepted)
        text = json.dumps(results)
        found += len(
            re.findall(r'"(?:is_vulnerable_to_\w+|accepts_client_renegotiation|supports_compression)": true', text)
        )
        found += len(re.findall(r'"(?:supports_secure_renegotiation|supports_fallback_scsv)": false', text))
        found += len(re.findall(r'"robot_result": "VULN', text))
        found += len(re.findall(r'"leaf_certificate_subject_matches_hostname": false', text))
        found += bool(re.search(r'"was_validation_successful": false|"openssl_error_string": "', text))
    return found


def sslyze_xml(data: bytes) -> int:
    found = 0
    for target in etree.fromstring(data).iter("target"):
        for protocol in target:
            accepted = protocol.xpath("acceptedCipherSuites/cipherSuite/@name")
            found += bool(accepted) if protocol.tag in OUTDATED else weak(accepted)
        found += len(target.xpath(".//*[@isVulnerable='True']"))
        found += bool(target.xpath(".//pathValidation[@validationResult!='ok']"))
        found += len(target.xpath(".//tlsFallbackScsv[@isSupported='False']"))
        found += len(target.xpath(".//compressionMethod[@isSupported='True']"))
        found += len(target.xpath(".//@isSecure[.='False'] | .//@canBeClientInitiated[.='True']"))
    return found


def sslscan(data: bytes) -> int:
    test = etree.fromstring(data).find("ssltest")
    offered: dict[str, list[str]] = {}
    for cipher in test.xpath("cipher[@status='accepted' or @status='preferred']"):
        offered.setdefault(cipher.get("sslversion"), []).append(cipher.get("cipher"))
    ciphers = sum(version < "TLSv1.2" or weak(names) for version, names in offered.items())
    bad = "boolean(heartbleed[@vulnerable='1'])", "certificate/expired='true'", "certificate/self-signed='true'"
    more = "renegotiation[@supported='1' and @secure='0']", "compression[@supported='1']", "fallback[@supported='0']"
    return ciphers + sum(bool(test.xpath(expression)) for expression in (*bad, *more))


def rated(data: bytes) -> int:
    return sum(row["severity"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL") for row in rows(data))


COUNT: dict[tuple[str, str], Callable[[bytes], int]] = {
    ("bandit", ".json"): lambda data: len(json.loads(data)["results"]),
    ("burp", ".xml"): xpath("/issues/issue"),
    ("gitleaks", ".json"): lambda data: len(json.loads(data) or []),
    ("nikto", ".json"): lambda data: len(json.loads(data)["vulnerabilities"]),
    ("nikto", ".xml"): xpath("//scandetails/item"),
    ("nmap", ".xml"): xpath("//port[state/@state='open']"),
    ("nuclei", ".json"): lines,
    ("nuclei", ".jsonl"): lines,
    ("openvas", ".csv"): lambda data: len(rows(data)),
    ("openvas", ".xml"): xpath("//results/result"),
    ("semgrep", ".json"): lambda data: len(json.loads(data)["results"]),
    ("sqlmap", ".csv"): lambda data: lines(data) - 1,
    ("sslscan", ".xml"): sslscan,
    ("sslyze", ".json"): sslyze_json,
    ("sslyze", ".xml"): sslyze_xml,
    ("testssl", ".csv"): rated,
    ("trivy", ".json"): trivy,
    ("trufflehog", ".json"): lines,
    ("wapiti", ".xml"): xpath("//entries/entry"),
    ("zap", ".xml"): xpath("//alertitem"),
}


def findings(path: Path) -> list[Finding]:
    items = findings_of(open_report(path.read_bytes(), 1 << 22))
    return [item for item in items if isinstance(item, Finding)]


def documents_of(path: Path) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    config = ToolLogsSource(paths=[str(path)])
    return list(read_part(config, str(path), log)), log


@needs_reports
def test_there_are_all_reports() -> None:
    assert len(REPORTS) == 74
    assert {path.name.partition("__")[0] for path in REPORTS} == {tool for tool, _ in COUNT}


@each_report
def test_each_report_is_recognised_by_its_content(path: Path) -> None:
    report = open_report(path.read_bytes(), 1 << 22)
    if path.name in EMPTY:
        assert report.kind == "empty"
        return
    record = next(report.records()) if report.kind in ("list", "lines") else None
    form = recognise(Report("object", value=record) if record else report)
    assert form is not None
    assert form.tool == path.name.partition("__")[0]
    assert {found.tool for found in findings(path)} <= {form.tool}


@each_report
def test_each_report_has_as_many_findings_as_counted_independently(path: Path) -> None:
    count = COUNT[(path.name.partition("__")[0], path.suffix)]
    found = findings(path)
    assert len(found) == count(path.read_bytes())
    assert all(item.title and item.severity in SEVERITIES for item in found)


@each_report
def test_each_report_becomes_documents_or_reasons(path: Path) -> None:
    documents, log = documents_of(path)
    found, dropped = len(findings(path)), log.tally.dropped
    assert len(documents) + dropped.get("tool_log.repeated", 0) == found
    assert bool(found) != ("tool_log.no_findings" in dropped or "tool_log.failed_scan" in dropped)
    known = {"tool_log.repeated", "tool_log.no_findings", "tool_log.failed_scan", "tool_log.passed_check"}
    known |= {"tool_log.no_finding"}  # One package of a Trivy report, without a vulnerability.
    assert dropped.keys() <= known
    assert all(document.kind == "finding" and document.path == str(path) for document in documents)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_a_report_that_is_cut_off_is_never_taken_for_whole(tmp_path: Path, share: float) -> None:
    cut = 0
    for path in REPORTS:
        data = path.read_bytes()
        if open_report(data, 1 << 22).kind in ("xml", "object", "list"):
            (tmp_path / path.name).write_bytes(data[: int(len(data) * share)])
            documents, log = documents_of(tmp_path / path.name)
            assert log.tally.dropped["tool_log.truncated"] == 1, path.name
            assert len(documents) <= len(findings(path))
            cut += 1
    assert cut == (54 if is_full(REAL) else 12)


def secrets_of(path: Path) -> set[str]:
    """Collect what gitleaks and trufflehog found, with regular expressions over the text of their reports."""
    text = path.read_text()
    written = re.findall(r'"(?:Secret|Match|Raw|RawV2|Redacted|offender)": ?"((?:[^"\\]|\\.)*)"', text)
    lists = re.findall(r'"stringsFound": ?\[((?:"(?:[^"\\]|\\.)*"(?:, ?)?)*)\]', text)
    found = {json.loads(f'"{value}"') for value in written}
    found |= {value for one in lists for value in json.loads(f"[{one}]")}
    raw = re.findall(r'"Raw": ?"([A-Za-z0-9+/=]+)"', text)
    return {value.strip() for value in found | {base64.b64decode(value).decode() for value in raw} if value.strip()}


@needs_reports
def test_no_secret_of_a_report_is_in_a_document() -> None:
    paths = [path for path in REPORTS if path.name.startswith(("gitleaks", "trufflehog"))]
    secrets = {secret for path in paths for secret in secrets_of(path)}
    assert len(secrets) == 21
    values = {match.group(1) for secret in secrets for match in [re.search(r"['\"]([^'\"]{8,})['\"]", secret)] if match}
    assert len(values) == 5
    written = [json.dumps([d.title, d.text, d.fields], ensure_ascii=False) for p in paths for d in documents_of(p)[0]]
    assert len(written) == 81
    everything = "\n".join(written)
    for secret in secrets | values:
        escaped = json.dumps(secret, ensure_ascii=False)[1:-1]
        assert escaped not in everything, escaped[:6]
    for value in values:
        assert value[:6] not in everything, value[:6]
    for line in re.findall(r"secret (\S*?)\[redacted\]", everything):
        assert len(line) <= 4
    assert all("[redacted]" in text for text in written)


@needs_reports
def test_credentials_cookies_and_payloads_of_other_reports_are_left_out() -> None:
    everything = {path.name: " ".join(d.text + json.dumps(d.fields) for d in documents_of(path)[0]) for path in REPORTS}
    raw = {name: (REAL / name).read_text() for name in everything}

    def gone(name: str, *texts: str) -> None:
        for text in texts:
            assert text in raw[name] or name.startswith("burp")
            assert text not in everything[name]

    gone("openvas__many_vuln.xml", 'password "postgres"', "nologin", "user 'user' with password 'user'")
    gone("nuclei__issue_14071.json", "90af3b3f9792ec373da1611de12e09a8", "password=password", "PHPSESSID=fbeb")
    gone("zap__zap-results-second-scan.xml", "price[$ne]", "SiuoZoWMUofNVNwKqRSSZntNpcfSVdPPZPIoSwpvqtQiYmvYdjpP")
    gone("zap__zap_2.16.1_with_req_resp.xml", "Bearer", "ARRAffinity")
    gone(
        "burp__one_finding.xml",
        "JSESSIONID",
        "AD00240A932835EDD60B3F7487A9D15D",
        "test2'",
        "hsi6qq1bbp8grg6ahj95s1udv4",
    )
    gone("wapiti__cwe_multi_cwe_fabricated.xml", "password=admin")
    gone("sqlmap__sqlmap_many_vuln.csv", "id=1", "name=widget")
    gone("bandit__many_vulns.json", "Possible hardcoded password: 'Fail'")
    for name, text in everything.items():
        if name.startswith("zap"):
            assert "alert(" not in text
            assert "oNcliCk" not in text


@needs_reports
def test_fields_of_known_findings() -> None:
    by_name = {path.name: documents_of(path)[0] for path in REPORTS}
    first = by_name["burp__one_finding.xml"][0].fields
    assert (first["severity"], first["target"], first["payload_omitted"]) == (
        "high",
        "http://bwa/bodgeit/basket.jsp",
        True,
    )
    assert first["evidence"].startswith("/bodgeit/basket.jsp [b_id cookie]")
    assert by_name["burp__one_finding_with_cwe.xml"][0].fields["cwes"] == ["CWE-524", "CWE-525"]
    assert by_name["semgrep__multiple_cwes_fabricated.json"][0].fields["cwes"] == ["CWE-327", "CWE-696"]
    assert by_name["wapiti__cwe_multi_cwe_fabricated.xml"][0].fields["cwes"] == ["CWE-521", "CWE-798"]
    assert by_name["trivy__issue_9263.json"][0].fields["cves"] == ["CVE-2013-7445"]
    assert by_name["nuclei__issue_14071.json"][0].fields["cwes"] == ["CWE-798"]
    bleeding = [d for d in by_name["sslyze__report_two_target_many_vuln.xml"] if d.fields["rule"] == "heartbleed"]
    assert [(d.fields["target"], d.fields["cves"]) for d in bleeding] == [("www.heroku.com:443", ["CVE-2014-0160"])]
    ports = [d.fields["target"] for d in by_name["nmap__issue12411.xml"]]
    assert ports[0] == "google.com (172.217.18.238), port 80/tcp"
    one = by_name["openvas__one_vuln.xml"][0]
    assert len(one.fields["cves"]) == 12
    assert one.fields["remediation"].startswith("Upgrade to version 117")
    assert one.fields["parent"] == "tool_logs:openvas:1.3.6.1.4.1.25623.1.0.832260"
    for part in (one.title, one.fields["target"], "Severity: high", one.fields["remediation"]):
        assert part in one.text


@needs_reports
def test_a_folder_is_read_once_and_the_same_under_other_names(tmp_path: Path) -> None:
    documents, log = read(ToolLogsSource(paths=[str(REAL)], license="BSD-3-Clause"))
    found = sum(len(findings(path)) for path in REPORTS)
    dropped = log.tally.dropped
    assert len(documents) + dropped["tool_log.repeated"] == found
    assert len({document.id for document in documents}) == len(documents)
    assert dropped["tool_log.no_findings"] == 12
    assert {document.license for document in documents} == {"BSD-3-Clause"}
    # Names say nothing: neither which tool it was nor in which notation it wrote.
    for number, path in enumerate(REPORTS):
        shutil.copyfile(path, tmp_path / f"{number:03d}.dat")
    renamed, _ = read(ToolLogsSource(paths=[str(tmp_path)], license="BSD-3-Clause"))

    def content(document: Document) -> tuple[Any, ...]:
        return document.id, document.title, document.text, document.fields, document.source_version

    assert [content(document) for document in renamed] == [content(document) for document in documents]


@needs_reports
def test_shards_give_what_reading_in_one_go_gives(tmp_path: Path) -> None:
    config = ToolLogsSource(paths=[str(REAL)], limit=900)
    documents, log = read(config)
    summary = collect.collect({"tool_logs": config}, tmp_path)
    rows = list(read_jsonl(tmp_path / "documents.jsonl"))
    assert [row["id"] for row in rows] == [document.id for document in documents]
    assert summary["sources"]["tool_logs"]["dropped"] == dict(sorted(log.tally.dropped.items()))
    assert {"tool_log.repeated", "record.over_limit"} <= set(log.tally.dropped)
    where = {row["id"]: row["path"] for row in rows}
    assert where == {document.id: document.path for document in documents}, "the first report keeps a finding"
