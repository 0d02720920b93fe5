"""Recognise the tool that wrote a report by its content: cheap looks at the head and the outer structure, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from secft.dataset.sources.tool_logs import (
    alerts,
    checkov,
    cyclonedx,
    dependency_check,
    gitlab,
    grype,
    kube_bench,
    leaked_secrets,
    nessus,
    network,
    npm_audit,
    nuclei,
    plain_records,
    prowler,
    qualys,
    sarif,
    snyk,
    static_analysis,
    tls,
    trivy,
    trivy_operator,
    web_proxies,
    web_scanners,
)
from secft.dataset.sources.tool_logs.finding import Finding, Skipped
from secft.dataset.sources.tool_logs.report import Report

_SQLMAP_LOG = re.compile(r"sqlmap (?:identified|resumed) the following injection point")


@dataclass(frozen=True)
class Format:
    """A notation of a tool's reports.

    Attributes:
        tool: name of the tool; ``sarif`` and ``plain`` for notations of any tool.
        kinds: kinds of a Report that can be this; the records of a list and of lines are reports of kind ``object``.
        matches: says whether a report is this.
        parse: yields its findings, and what is left with a reason; raises BrokenReport.
    """

    tool: str
    kinds: tuple[str, ...]
    matches: Callable[[Report], bool]
    parse: Callable[[Report], Iterator[Finding | Skipped]]

    @property
    def certain(self) -> bool:
        """Whether it is recognised by what only this tool writes."""
        return self.tool != "plain"


def _root(name: str, *inside: str) -> Callable[[Report], bool]:
    """Recognise a root element, with one of some elements near the beginning where any are given."""
    return lambda report: report.head.root == name and (not inside or not set(inside).isdisjoint(report.head.names))


def _titled(name: str, title: str) -> Callable[[Report], bool]:
    return lambda report: report.head.root == name and report.head.attributes.get("title", "").startswith(title)


def _keys(*names: str) -> Callable[[Report], bool]:
    """Recognise an object by keys that all must be there."""
    return lambda report: report.record().keys() >= set(names)


def _columns(*names: str) -> Callable[[Report], bool]:
    return lambda report: set(report.header) >= set(names)


def _is_sarif(report: Report) -> bool:
    value = report.record()
    return isinstance(value.get("runs"), list) and ("sarif" in str(value.get("$schema")) or "version" in value)


def _is_trivy(report: Report) -> bool:
    value = report.record()
    cluster = "ClusterName" in value and not value.keys().isdisjoint(
        ("Resources", "Vulnerabilities", "Misconfigurations")
    )
    return cluster or value.keys() >= {"SchemaVersion", "ArtifactName"} or _is_trivy_result(value)


def _is_trivy_result(value: dict[str, Any]) -> bool:
    """Recognise an entry of the list that schema 1 is."""
    return "Target" in value and not value.keys().isdisjoint(("Type", "Class", "Vulnerabilities"))


def _is_zap(report: Report) -> bool:
    sites = report.record().get("site")
    first: Any = sites[0] if isinstance(sites, list) and sites else sites
    return sites == [] or (isinstance(first, dict) and "alerts" in first)


def _is_nuclei(report: Report) -> bool:
    value = report.record()
    # Before version 2 a record was flat, and "template" the id.
    old = value.keys() >= {"template", "name"} and not value.keys().isdisjoint(("matched", "matcher_name"))
    return old or ("info" in value and not value.keys().isdisjoint(("template-id", "templateID")))


def _is_semgrep(report: Report) -> bool:
    value = report.record()
    results = value.get("results")
    if not isinstance(results, list) or "errors" not in value:
        return False
    return not results or (isinstance(results[0], dict) and "check_id" in results[0])


def _is_testssl(report: Report) -> bool:
    value = report.record()
    return value.keys() >= {"id", "severity", "finding", "port"} or value.keys() >= {"scanResult", "Invocation"}


def _is_gitleaks(report: Report) -> bool:
    value = report.record()
    return value.keys() >= {"RuleID", "Secret"} or value.keys() >= {"offender", "rule"}


def _is_trufflehog(report: Report) -> bool:
    value = report.record()
    third = value.keys() >= {"rule", "path", "secret"} and isinstance(value["rule"], dict)
    return third or value.keys() >= {"DetectorName", "SourceMetadata"} or value.keys() >= {"stringsFound", "reason"}


_OBJECT = ("object",)

FORMATS = (
    Format("nmap", ("xml",), _root("nmaprun"), network.parse_nmap),
    Format("nessus", ("xml",), _root("NessusClientData_v2"), nessus.parse_nessus),
    Format("qualys", ("xml",), _root("SCAN"), qualys.parse_qualys_scan),
    Format("qualys", ("xml",), _root("HOST_LIST_VM_DETECTION_OUTPUT"), qualys.parse_qualys_detections),
    Format("qualys", ("xml",), _root("ASSET_DATA_REPORT"), qualys.parse_qualys_assets),
    Format("zap", ("xml",), _root("OWASPZAPReport"), web_proxies.parse_zap_xml),
    Format("burp", ("xml",), lambda report: _root("issues")(report) and "burpVersion" in report.head.attributes,
           web_proxies.parse_burp),
    Format("nikto", ("xml",), _root("niktoscan"), web_scanners.parse_nikto_xml),
    Format("wapiti", ("xml",), _root("report", "report_infos"), web_scanners.parse_wapiti_xml),
    Format("openvas", ("xml",), _root("report", "gmp", "omp", "scan_run_status", "report_format", "results"),
           network.parse_openvas_xml),
    Format("openvas", ("xml",), _root("get_reports_response"), network.parse_openvas_xml),
    Format("sslyze", ("xml",), _titled("document", "SSLyze"), tls.parse_sslyze_xml),
    Format("sslscan", ("xml",), _titled("document", "SSLScan"), tls.parse_sslscan),
    Format("dependency-check", ("xml",), lambda report: _root("analysis")(report) and "dependency-check" in
           " ".join(report.head.attributes.values()) + report.head.tag, dependency_check.parse_dependency_check_xml),
    Format("cyclonedx", ("xml",), lambda report: report.head.root == "bom" and "cyclonedx" in report.head.tag,
           cyclonedx.parse_cyclonedx_xml),
    Format("sarif", _OBJECT, _is_sarif, sarif.parse_sarif),
    Format("trivy", _OBJECT, _is_trivy, trivy.parse_trivy),
    Format("cyclonedx", _OBJECT, lambda report: report.record().get("bomFormat") == "CycloneDX",
           cyclonedx.parse_cyclonedx_json),
    Format("dependency-check", _OBJECT, _keys("dependencies", "projectInfo"),
           dependency_check.parse_dependency_check_json),
    Format("grype", _OBJECT, grype.is_grype, grype.parse_grype),
    Format("gitlab", _OBJECT, gitlab.is_gitlab, gitlab.parse_gitlab),
    Format("checkov", _OBJECT, checkov.is_checkov, checkov.parse_checkov),
    Format("kube-bench", _OBJECT, kube_bench.is_kube_bench, kube_bench.parse_kube_bench),
    Format("suricata", _OBJECT, alerts.is_suricata, alerts.parse_suricata),
    Format("wazuh", _OBJECT, alerts.is_wazuh, alerts.parse_wazuh),
    Format("trivy", _OBJECT, trivy_operator.is_trivy_operator, trivy_operator.parse_trivy_operator),
    Format("prowler", _OBJECT, prowler.is_prowler, prowler.parse_prowler_json),
    Format("prowler", _OBJECT, prowler.is_prowler_2, prowler.parse_prowler_2_json),
    Format("ocsf", _OBJECT, prowler.is_ocsf, prowler.parse_ocsf),
    Format("snyk", _OBJECT, snyk.is_snyk, snyk.parse_snyk),
    Format("npm-audit", _OBJECT, npm_audit.is_npm_audit, npm_audit.parse_npm_audit),
    Format("zap", _OBJECT, _is_zap, web_proxies.parse_zap_json),
    Format("sslyze", _OBJECT, _keys("server_scan_results"), tls.parse_sslyze_json),
    Format("nikto", _OBJECT, _keys("host", "port", "vulnerabilities"), web_scanners.parse_nikto_json),
    Format("wapiti", _OBJECT, _keys("vulnerabilities", "infos"), web_scanners.parse_wapiti_json),
    Format("bandit", _OBJECT, _keys("results", "metrics", "generated_at"), static_analysis.parse_bandit),
    Format("semgrep", _OBJECT, _is_semgrep, static_analysis.parse_semgrep),
    Format("testssl", _OBJECT, _is_testssl, tls.parse_testssl_json),
    Format("nuclei", _OBJECT, _is_nuclei, nuclei.parse_nuclei),
    Format("gitleaks", _OBJECT, _is_gitleaks, leaked_secrets.parse_gitleaks),
    Format("trufflehog", _OBJECT, _is_trufflehog, leaked_secrets.parse_trufflehog),
    Format("plain", _OBJECT, lambda report: plain_records.is_plain(report.record()), plain_records.parse_plain),
    Format("sqlmap", ("table",), _columns("target url", "place", "parameter"), web_scanners.parse_sqlmap_csv),
    Format("testssl", ("table",), _columns("id", "fqdn/ip", "port", "severity", "finding"), tls.parse_testssl_csv),
    Format("qualys", ("table", "text"), qualys.is_qualys_csv, qualys.parse_qualys_csv),
    Format("prowler", ("table",), _columns(*prowler.COLUMNS), prowler.parse_prowler_csv),
    Format("prowler", ("table",), prowler.is_prowler_2_csv, prowler.parse_prowler_2_csv),
    Format("nessus", ("table",), nessus.is_nessus_csv, nessus.parse_nessus_csv),
    Format("openvas", ("table",), _columns("ip", "nvt name", "nvt oid"), network.parse_openvas_csv),
    Format("nikto", ("table", "text"), lambda report: report.text.lstrip('"').startswith("Nikto - v"),
           web_scanners.parse_nikto_csv),
    Format("sqlmap", ("text", "table"), lambda report: _SQLMAP_LOG.search(report.text[:1 << 20]) is not None,
           web_scanners.parse_sqlmap_log),
)  # fmt: skip
"""In the order in which they are tried: what is recognised by more stands before what is recognised by less."""


def recognise(report: Report) -> Format | None:
    """Return the first format that a report is in, or None."""
    return next((form for form in FORMATS if report.kind in form.kinds and form.matches(report)), None)
