"""Reports of TLS scanners: SSLyze (JSON of versions 2 to 6, XML), sslscan (XML) and testssl.sh (CSV, JSON)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.json_values import mapping, mappings, number, string
from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import FailedScan, Finding, Skipped, finding
from secft.dataset.sources.tool_logs.report import Report
from secft.dataset.sources.tool_logs.tls_checks import Server, findings_of
from secft.reasons import Reason
from secft.security.severity import severity_of_word

_JSON_PROTOCOLS = {
    "ssl_2_0": "SSL 2.0", "ssl_3_0": "SSL 3.0", "tls_1_0": "TLS 1.0", "tls_1_1": "TLS 1.1", "tls_1_2": "TLS 1.2",
    "tls_1_3": "TLS 1.3",
}  # fmt: skip
_XML_PROTOCOLS = {
    "sslv2": "SSL 2.0", "sslv3": "SSL 3.0", "tlsv1": "TLS 1.0", "tlsv1_1": "TLS 1.1", "tlsv1_2": "TLS 1.2",
    "tlsv1_3": "TLS 1.3",
}  # fmt: skip
_SSLSCAN_PROTOCOLS = {
    "SSLv2": "SSL 2.0", "SSLv3": "SSL 3.0", "TLSv1.0": "TLS 1.0", "TLSv1.1": "TLS 1.1", "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}  # fmt: skip
_SSLYZE_FLAGS = (
    ("heartbleed", "heartbleed", "is_vulnerable_to_heartbleed", True),
    ("ccs-injection", "openssl_ccs_injection", "is_vulnerable_to_ccs_injection", True),
    ("compression", "tls_compression", "supports_compression", True),
    ("insecure-renegotiation", "session_renegotiation", "supports_secure_renegotiation", False),
    ("client-renegotiation", "session_renegotiation", "is_vulnerable_to_client_renegotiation_dos", True),
    ("client-renegotiation", "session_renegotiation", "accepts_client_renegotiation", True),
    ("no-fallback-scsv", "tls_fallback_scsv", "supports_fallback_scsv", False),
    ("early-data", "tls_1_3_early_data", "supports_early_data", True),
)
_CERTIFICATE_FLAGS = (
    ("certificate-name", "leaf_certificate_subject_matches_hostname", False),
    ("certificate-hash", "verified_chain_has_sha1_signature", True),
)
_SSLYZE_XML_FLAGS = (
    ("heartbleed", "heartbleed/openSslHeartbleed", "isVulnerable", "True"),
    ("ccs-injection", "openssl_ccs/openSslCcsInjection", "isVulnerable", "True"),
    ("compression", "compression/compressionMethod", "isSupported", "True"),
    ("insecure-renegotiation", "reneg/sessionRenegotiation", "isSecure", "False"),
    ("client-renegotiation", "reneg/sessionRenegotiation", "canBeClientInitiated", "True"),
    ("no-fallback-scsv", "fallback/tlsFallbackScsv", "isSupported", "False"),
    (
        "certificate-name",
        "certinfo/certificateValidation/hostnameValidation",
        "certificateMatchesServerHostname",
        "False",
    ),
    ("certificate-hash", "certinfo/certificateValidation/verifiedCertificateChain", "hasSha1SignedCertificate", "True"),
)
_NO_FINDING = {"OK", "INFO", "DEBUG", "WARN"}
_SHORTEST_RSA_KEY = 2048


def _result(commands: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the result of a scan command; since version 5 it stands one level deeper."""
    command = mapping(commands, name)
    return mapping(command, "result") if "result" in command else command


def _rejected_by(deployment: dict[str, Any]) -> str:
    """Return the trust stores that do not accept a certificate chain, with OpenSSL's reason."""
    stores = [
        f"{string(mapping(path, 'trust_store'), 'name')}: {string(path, 'openssl_error_string') or 'not trusted'}"
        for path in mappings(deployment, "path_validation_results")
        if path.get("openssl_error_string") or path.get("was_validation_successful") is False
    ]
    return "; ".join(stores)


def _sslyze_server(scan: dict[str, Any]) -> Server:
    commands = mapping(scan, "scan_result") or mapping(scan, "scan_commands_results")
    place = mapping(scan, "server_location") or mapping(mapping(scan, "server_info"), "server_location")
    port = number(place, "port") or 0
    server = Server(f"{string(place, 'hostname') or string(place, 'ip_address')}:{port:.0f}")
    for key, protocol in _JSON_PROTOCOLS.items():
        accepted = mappings(_result(commands, f"{key}_cipher_suites"), "accepted_cipher_suites")
        server.suites[protocol] = [string(mapping(item, "cipher_suite"), "name") for item in accepted]
    for weakness, command, flag, bad in _SSLYZE_FLAGS:
        if _result(commands, command).get(flag) is bad:
            server.weaknesses[weakness] = f"{flag}: {str(bad).lower()}"
    robot = string(_result(commands, "robot"), "robot_result")
    if robot.startswith("VULNERABLE"):
        server.weaknesses["robot"] = f"robot_result: {robot}"
    for deployment in mappings(_result(commands, "certificate_info"), "certificate_deployments"):
        for weakness, flag, bad in _CERTIFICATE_FLAGS:
            if deployment.get(flag) is bad:
                server.weaknesses[weakness] = f"{flag}: {str(bad).lower()}"
        if rejected := _rejected_by(deployment):
            server.weaknesses["certificate-untrusted"] = rejected
    return server


def parse_sslyze_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the findings of each scanned server; a server that could not be reached is left."""
    for scan in mappings(report.value, "server_scan_results"):
        if string(scan, "connectivity_status") == "ERROR":
            yield FailedScan(detail=string(mapping(scan, "server_location"), "hostname"))
        else:
            yield from findings_of("sslyze", [_sslyze_server(scan)])
    for _ in mappings(report.value, "server_connectivity_errors"):
        yield FailedScan(detail="no connection")


def _sslyze_xml_server(target: Element) -> Server:
    server = Server(f"{target.get('host') or target.get('ip') or ''}:{target.get('port', '')}")
    for tag, protocol in _XML_PROTOCOLS.items():
        server.suites[protocol] = [item.get("name", "") for item in target.findall(f"{tag}/acceptedCipherSuites/*")]
    for weakness, path, flag, bad in _SSLYZE_XML_FLAGS:
        if any(item.get(flag) == bad for item in target.findall(path)):
            server.weaknesses[weakness] = f"{flag}: {bad.lower()}"
    robots = [item.get("resultEnum", "") for item in target.findall("robot/robotAttack")]
    if any(robot.startswith("VULNERABLE") for robot in robots):
        server.weaknesses["robot"] = f"resultEnum: {robots[0]}"
    paths = target.findall("certinfo/certificateValidation/pathValidation")
    rejected = [item for item in paths if item.get("validationResult", "ok") != "ok"]
    if rejected:
        stores = [f"{item.get('usingTrustStore')}: {item.get('validationResult')}" for item in rejected]
        server.weaknesses["certificate-untrusted"] = "; ".join(stores)
    return server


def parse_sslyze_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the findings of each scanned server; a server that could not be reached is left."""
    for element in report.elements(["target", "invalidTarget"]):
        if element.tag == "target":
            yield from findings_of("sslyze", [_sslyze_xml_server(element)])
        else:
            yield FailedScan(detail=(element.text or "").strip())


def _sslscan_server(test: Element) -> Server:
    server = Server(f"{test.get('host') or test.get('sniname') or ''}:{test.get('port', '')}")
    for cipher in test.findall("cipher"):
        protocol = _SSLSCAN_PROTOCOLS.get(cipher.get("sslversion", ""))
        if protocol and cipher.get("status") in ("accepted", "preferred"):
            server.suites.setdefault(protocol, []).append(cipher.get("cipher", ""))
    bleeding = [item.get("sslversion", "") for item in test.findall("heartbleed") if item.get("vulnerable") == "1"]
    renegotiation, fallback = test.find("renegotiation"), test.find("fallback")
    compression = test.find("compression")
    found = {
        "heartbleed": f"vulnerable with {', '.join(bleeding)}" if bleeding else "",
        "compression": "supported" if compression is not None and compression.get("supported") == "1" else "",
        "insecure-renegotiation": "supported, not secure"
        if renegotiation is not None and renegotiation.get("supported") == "1" and renegotiation.get("secure") == "0"
        else "",
        "no-fallback-scsv": "not supported" if fallback is not None and fallback.get("supported") == "0" else "",
        **_sslscan_certificate(test),
    }
    server.weaknesses = {key: evidence for key, evidence in found.items() if evidence}
    return server


def _sslscan_certificate(test: Element) -> dict[str, str]:
    certificate = next(test.iter("certificate"), None)
    if certificate is None:
        return {}
    algorithm = text_at(certificate, "signature-algorithm")
    key = certificate.find("pk")
    bits = key.get("bits", "") if key is not None and key.get("type") == "RSA" else ""
    return {
        "certificate-expired": f"valid until {text_at(certificate, 'not-valid-after')}"
        if text_at(certificate, "expired") == "true"
        else "",
        "certificate-self-signed": "self-signed" if text_at(certificate, "self-signed") == "true" else "",
        "certificate-hash": algorithm if algorithm.lower().startswith(("md5", "sha1")) else "",
        "certificate-key": f"RSA, {bits} bits" if bits.isdigit() and int(bits[:9]) < _SHORTEST_RSA_KEY else "",
    }


def parse_sslscan(report: Report) -> Iterator[Finding | Skipped]:
    """Yield the findings of each tested server."""
    yield from findings_of("sslscan", (_sslscan_server(test) for test in report.elements(["ssltest"])))


def _testssl(record: dict[str, Any], target: str) -> Finding | Skipped:
    rule, word = string(record, "id"), string(record, "severity").upper()
    said = string(record, "finding")
    if word == "FATAL":
        return FailedScan(detail=said[:200])
    if word in _NO_FINDING:
        return Skipped(Reason("tool_log.passed_check"), rule)
    return finding(
        "testssl", rule, f"TLS check {rule}: {said.partition('. ')[0]}",
        severity=severity_of_word(word), cwes=string(record, "cwe").split(), cves=[string(record, "cve")],
        target=target, evidence=said,
    )  # fmt: skip


def parse_testssl_csv(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each row that is rated worse than informational."""
    for row in report.rows():
        yield row if isinstance(row, Skipped) else _testssl(row, f"{row['fqdn/ip']}:{row['port']}")


def parse_testssl_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each check that is rated worse than informational, of the flat or the pretty JSON."""
    record = report.record()
    if "scanResult" not in record:
        yield _testssl(record, f"{string(record, 'ip')}:{string(record, 'port')}")
    for server in mappings(record, "scanResult"):
        target = f"{string(server, 'targetHost')}/{string(server, 'ip')}:{string(server, 'port')}"
        for group in server:
            yield from (_testssl(check, target) for check in mappings(server, group) if "finding" in check)
