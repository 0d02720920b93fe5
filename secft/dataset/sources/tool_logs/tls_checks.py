"""What scanners of TLS find, in one table: the same weakness reads the same whichever tool saw it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from secft.dataset.sources.tool_logs.finding import Finding, finding


@dataclass(frozen=True)
class TlsCheck:
    """A weakness of a TLS server: how it is called, how bad it is, why, and how it is fixed."""

    title: str
    severity: str
    cwes: tuple[str, ...]
    description: str
    remediation: str
    cves: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@dataclass
class Server:
    """What a tool saw of one server.

    Attributes:
        target: host and port.
        suites: protocol (``SSL 2.0`` to ``TLS 1.3``) -> cipher suites that were accepted; none: not offered.
        weaknesses: key of CHECKS -> evidence.
    """

    target: str
    suites: dict[str, list[str]] = field(default_factory=dict)
    weaknesses: dict[str, str] = field(default_factory=dict)


_RFC_9325 = "https://www.rfc-editor.org/rfc/rfc9325"
_UPDATE = "Update the TLS library to a supported version, and replace keys that may have been read."
_CERTIFICATE = "Install a certificate that a public authority issued for this name, with its intermediate certificates."

CHECKS = {
    "heartbleed": TlsCheck(
        "OpenSSL Heartbleed: memory of the server can be read", "high", ("CWE-125",),
        "A heartbeat request with a wrong length makes OpenSSL return up to 64 KiB of memory, which may hold keys, "
        "cookies and passwords.", _UPDATE, ("CVE-2014-0160",), ("https://heartbleed.com/",),
    ),
    "ccs-injection": TlsCheck(
        "OpenSSL CCS injection: keys of a session can be forced", "high", ("CWE-326",),
        "OpenSSL accepts a ChangeCipherSpec message too early, so that someone on the path can force weak keys.",
        _UPDATE, ("CVE-2014-0224",),
    ),
    "robot": TlsCheck(
        "ROBOT: RSA key exchange answers as a padding oracle", "high", ("CWE-203",),
        "The server answers wrong RSA padding differently, which lets an observer decrypt recorded sessions.",
        "Turn off cipher suites with RSA key exchange (TLS_RSA_*), and update the TLS library.", (),
        ("https://robotattack.org/",),
    ),
    "compression": TlsCheck(
        "TLS compression is on (CRIME)", "medium", ("CWE-310",),
        "The length of compressed data reveals parts of it, such as session cookies.",
        "Turn off compression at the TLS level.", ("CVE-2012-4929",),
    ),
    "insecure-renegotiation": TlsCheck(
        "Renegotiation is not secure", "medium", ("CWE-300",),
        "Without the extension of RFC 5746 someone on the path can put data of their own before that of a client.",
        "Turn on secure renegotiation (RFC 5746) or turn renegotiation off.", ("CVE-2009-3555",),
    ),
    "client-renegotiation": TlsCheck(
        "Clients can start renegotiations", "low", ("CWE-400",),
        "A renegotiation costs the server much more than the client; many of them exhaust it.",
        "Turn off renegotiation that clients start.", ("CVE-2011-1473",),
    ),
    "no-fallback-scsv": TlsCheck(
        "Downgrades are not detected (no TLS_FALLBACK_SCSV)", "low", ("CWE-757",),
        "A client that retries with an older protocol cannot tell a broken server from someone who forces it down.",
        "Turn on TLS_FALLBACK_SCSV, or offer no protocol below TLS 1.2.", (),
        ("https://www.rfc-editor.org/rfc/rfc7507",),
    ),
    "early-data": TlsCheck(
        "TLS 1.3 early data is accepted", "info", ("CWE-294",),
        "Early data (0-RTT) can be replayed; requests that change something must not be accepted in it.",
        "Turn off early data, or accept only requests in it that may be repeated.",
    ),
    "certificate-untrusted": TlsCheck(
        "Certificate is not trusted", "medium", ("CWE-295",),
        "Clients cannot build a valid chain to a root that they trust (expired, self-signed or incomplete chain).",
        _CERTIFICATE,
    ),
    "certificate-name": TlsCheck(
        "Certificate does not match the name of the server", "medium", ("CWE-297",),
        "The name that clients ask for is not among the names of the certificate.", _CERTIFICATE,
    ),
    "certificate-expired": TlsCheck(
        "Certificate has expired", "medium", ("CWE-298",),
        "Clients warn or refuse, and people learn to click warnings away.",
        "Renew the certificate, and automate the renewal.",
    ),
    "certificate-self-signed": TlsCheck(
        "Certificate is self-signed", "medium", ("CWE-295",),
        "Clients cannot tell this server from someone who pretends to be it.", _CERTIFICATE,
    ),
    "certificate-hash": TlsCheck(
        "Certificate is signed with an outdated hash", "medium", ("CWE-328",),
        "MD5 and SHA-1 signatures can be forged with known effort.", "Have it issued again with SHA-256.",
    ),
    "certificate-key": TlsCheck(
        "Key of the certificate is too short", "medium", ("CWE-326",),
        "RSA keys below 2048 bits can be factored with known effort.",
        "Create a key of at least 2048 bits (RSA) or 256 bits (elliptic curve), and have a certificate issued for it.",
    ),
    "old-protocol": TlsCheck(
        "Outdated protocol {} is offered", "medium", ("CWE-326", "CWE-327"),
        "SSL 2.0, SSL 3.0, TLS 1.0 and TLS 1.1 must not be used: their designs have known flaws (RFC 9325, 3.1.1).",
        "Offer TLS 1.2 and TLS 1.3 only.", (), (_RFC_9325,),
    ),
    "weak-suites": TlsCheck(
        "Weak cipher suites are accepted with {}", "medium", ("CWE-326", "CWE-327"),
        "Suites without forward secrecy (static RSA), without encryption or authentication, or with RC4, DES, 3DES, "
        "export keys or MD5 should or must not be used (RFC 9325, 4.1).",
        "Accept only suites with ephemeral key exchange (ECDHE) and authenticated encryption (AES-GCM, ChaCha20).",
        (), (_RFC_9325,),
    ),
}  # fmt: skip

OLD_PROTOCOLS = ("SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1")
_BROKEN_SUITE = re.compile(r"(?i)NULL|EXP|RC4|RC2|DES|IDEA|MD5|anon|^ADH|^AECDH")
_FORWARD_SECRECY = re.compile(r"(?i)DHE|EDH|^TLS_(?:AES|CHACHA20)")


def is_weak(suite: str) -> bool:
    """Say whether a cipher suite (IANA's or OpenSSL's name) should not be used.

    Source: RFC 9325, section 4.1: NULL, RC4, export and fewer than 112 bits must not be used, static RSA should not.
    """
    return _BROKEN_SUITE.search(suite) is not None or _FORWARD_SECRECY.search(suite) is None


def _of(check: TlsCheck, tool: str, rule: str, name: str, target: str, evidence: str) -> Finding:
    return finding(
        tool, rule, check.title.format(name),
        severity=check.severity, cwes=check.cwes, cves=check.cves, target=target, evidence=evidence,
        description=check.description, remediation=check.remediation, references=check.references,
    )  # fmt: skip


def findings_of(tool: str, servers: Iterable[Server]) -> Iterator[Finding]:
    """Yield a finding for each old protocol, each newer one with weak suites, and each further weakness."""
    for server in servers:
        for protocol, suites in server.suites.items():
            old = protocol in OLD_PROTOCOLS
            shown = suites if old else [suite for suite in suites if is_weak(suite)]
            if shown:
                key = "old-protocol" if old else "weak-suites"
                rule = f"{key}:{protocol.lower().replace(' ', '-')}"
                yield _of(CHECKS[key], tool, rule, protocol, server.target, f"accepted: {', '.join(shown)}")
        for key, evidence in server.weaknesses.items():
            yield _of(CHECKS[key], tool, key, "", server.target, evidence)
