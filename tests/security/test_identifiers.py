from __future__ import annotations

import re
from pathlib import Path

import pytest

import secft
from secft.security import identifiers as ids

SAMPLES = {
    "cve": "CVE-2021-44228", "cwe": "CWE-79", "capec": "CAPEC-66", "ghsa": "GHSA-jfh8-c2jp-5v3q", "go": "GO-2021-0052",
    "rustsec": "RUSTSEC-2020-0001", "pysec": "PYSEC-2021-9", "technique": "T1059.001", "tactic": "TA0002",
    "mitigation": "M1038", "software": "S0002", "group": "G0016", "campaign": "C0024", "detection": "DET0001",
    "data_source": "DS0017", "data_component": "DC0021",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(ids.FORMS))
def test_each_form_is_its_own(kind: str) -> None:
    assert [other for other in ids.FORMS if ids.is_id(SAMPLES[kind], other)] == [kind]
    assert ids.is_any_id(SAMPLES[kind].lower())
    assert not ids.is_id(f"{SAMPLES[kind]} ", kind)
    assert not ids.is_any_id(f"x{SAMPLES[kind]}")


@pytest.mark.parametrize("text", ["CVE-21-44228", "CVE-2021-123", "CWE-0", "CWE-079", "CAPEC-", "T105", "T1059.01", ""])
def test_what_has_no_form_is_no_identifier(text: str) -> None:
    assert not ids.is_id(text, *ids.FORMS)


def test_digits_of_other_scripts_are_none() -> None:
    assert not ids.is_id("CVE-２０２１-４４２２８", "cve")


def test_prose_names_identifiers_and_not_parts_of_names() -> None:
    text = "CVE-2021-44228 (CWE-502, T1190) and file.T1059, xM1038, G0016; DS0017."
    assert ids.named(text) == {"CVE-2021-44228", "CWE-502", "T1190", "DS0017"}
    assert ids.named_by_kind(f"{text} CVE-2021-44228") == {
        "cves": ["CVE-2021-44228"], "cwes": ["CWE-502"], "capecs": [], "techniques": ["T1190"],
    }  # fmt: skip


def test_loose_spelling_hides_nothing() -> None:
    assert ids.loosely_named("cwe 79, CVE: 2021-44228, capec_66, t1059.001") == {
        "CWE-79", "CVE-2021-44228", "CAPEC-66", "T1059.001",
    }  # fmt: skip


def test_fields_of_tools() -> None:
    assert ids.cwes_in(["89", "see CWE-0079", "https://cwe.mitre.org/data/definitions/22.html", None]) == (
        "CWE-22", "CWE-79", "CWE-89",
    )  # fmt: skip
    assert ids.cves_in(["see cve-2021-44228 and CVE_2020-0001", None, 7]) == ("CVE-2020-0001", "CVE-2021-44228")
    assert ids.leading_cwes(["CWE-79: cross-site", "NVD-CWE-noinfo", "see CWE-22"]) == ["CWE-79"]
    assert ids.numbered_cwes("79, 80") == ("CWE-79", "CWE-80")


def test_tags_of_rules() -> None:
    tags = ["attack.t1059.001", "attack.execution", "attack.s0002", "attack.g0016", "cve.2021-44228", "cve.2020.0601"]
    assert ids.attack_tags(tags, "technique") == ["T1059.001"]
    assert ids.attack_tags(tags, "software") == ["S0002"]
    assert ids.attack_tags(tags, "group") == ["G0016"]
    assert ids.cve_tags(tags) == ["CVE-2021-44228", "CVE-2020-0601"]


def test_which_identifiers_are_of_vulnerabilities() -> None:
    assert [kind for kind in ids.FORMS if ids.is_vulnerability(SAMPLES[kind])] == [
        "cve",
        "ghsa",
        "go",
        "rustsec",
        "pysec",
    ]


def test_no_other_module_has_forms_of_its_own() -> None:
    package = Path(secft.__file__).parent
    form = re.compile(r"CVE-\\d|CWE-\\d|CAPEC-\\d|CWE-\[1|T\\d\{4\}|CVE-\[0")
    # Rewards are imported by their path in other environments, where there is no secft.
    holders = {path.name for path in package.rglob("*.py") if form.search(path.read_text(encoding="utf-8"))}
    assert holders <= {"identifiers.py", "rewards.py"}


def test_rewards_look_for_the_same_facts() -> None:
    (rewards,) = Path(secft.__file__).parent.rglob("rewards.py")
    facts = "CVE-2021-44228 CWE-79 CAPEC-66 T1059.001 TA0002 M1038 S0002 G0016"
    pattern = re.search(r'IDENTIFIER = re.compile\(\s*r"(.+)",', rewards.read_text(encoding="utf-8"))
    assert pattern
    assert re.findall(pattern[1], facts) == ids.IN_ANSWERS.findall(facts) == facts.split()
