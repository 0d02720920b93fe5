"""Tasks about findings of scanners: what they mean and how they are fixed, how severe they are, which weakness."""

from __future__ import annotations

from random import Random

from secft.dataset.clean import comparable
from secft.dataset.templates.named import weakness_answer
from secft.dataset.templates.passage import first_lines, passage
from secft.dataset.templates.writing import DraftExample, Setting, Skip, excerpt
from secft.reasons import Reason
from secft.records import Document
from secft.security.severity import NAMES

LEVELS = tuple(name.capitalize() for name in NAMES)
_NO_TEXT = ("no description is available", "no fixed version is known")
_REPORTED = (
    "A scan by {tool} reported: {title}{facts}\n{ask}",
    "{tool} reports this finding.\n{title}{facts}\n{ask}",
    "Triage this finding of {tool}: {title}{facts}\n{ask}",
)
_BOTH = ("What does it mean and how is it fixed?", "Explain the finding and what we should do about it.")
_MEANING = ("What does it mean?", "Explain the finding.")
_REMEDY = ("How is it fixed?", "What should we do about it?")
_SEVERITY = (
    "Which severity does {tool} give this finding?\n{title}\n{text}",
    "{title}\n{text}\nHow severe is this finding of {tool}?",
)
_WEAKNESS = (
    "Which weakness (CWE) does this finding of {tool} point to?\n{title}\n{text}",
    "Map this finding to CWE.\n{title}\n{text}",
)

_NAMES = {
    "bandit": "Bandit",
    "burp": "Burp Suite",
    "checkov": "Checkov",
    "cyclonedx": "CycloneDX",
    "dependency-check": "OWASP Dependency-Check",
    "gitleaks": "Gitleaks",
    "grype": "Grype",
    "nessus": "Nessus",
    "nikto": "Nikto",
    "nmap": "Nmap",
    "npm-audit": "npm audit",
    "nuclei": "Nuclei",
    "openvas": "OpenVAS",
    "prowler": "Prowler",
    "qualys": "Qualys",
    "semgrep": "Semgrep",
    "snyk": "Snyk",
    "sslyze": "SSLyze",
    "suricata": "Suricata",
    "testssl": "testssl.sh",
    "trivy": "Trivy",
    "trufflehog": "TruffleHog",
    "wapiti": "Wapiti",
    "wazuh": "Wazuh",
    "zap": "ZAP",
}


def _tool(document: Document) -> str:
    name: str = document.fields["tool"]
    return _NAMES.get(name, name)


def _said(text: str, title: str) -> str:
    """Return a text, or an empty string if it only repeats the title or says that there is none."""
    if text.lower().startswith(_NO_TEXT) or comparable(text) in comparable(title):
        return ""
    return text


def _facts(document: Document) -> str:
    where, evidence = document.fields["target"], first_lines(document.fields["evidence"], 300)
    gap = "\n" if "\n" in evidence else " "
    lines = [f"Where: {where}" if where else "", f"Evidence:{gap}{evidence}" if evidence else ""]
    return "".join(f"\n{line}" for line in lines if line)


def triage(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask what a finding means and how it is fixed, as far as the report says either."""
    fields = document.fields
    remedy = passage(_said(fields["remediation"], document.title), setting.max_answer // 2)
    head = f"\n\nHow to fix it: {remedy}" if remedy else ""
    meaning = passage(_said(fields["description"], document.title), setting.max_answer - len(head))
    if not meaning and not remedy:
        return Skip(Reason("template.report_title_only"))
    asks, used = (_BOTH, ("description", "remediation")) if meaning and remedy else (_MEANING, ("description",))
    if not meaning:
        asks, used = _REMEDY, ("remediation",)
    ask = dice.choice(asks)
    form = dice.choice(_REPORTED)
    question = form.format(tool=_tool(document), title=document.title, facts=_facts(document), ask=ask)
    return [DraftExample(question, f"{meaning}{head}" if meaning else remedy, used)]


def _asked(forms: tuple[str, ...], document: Document, dice: Random) -> str:
    text = excerpt(_said(document.fields["description"], document.title), 300)
    question = dice.choice(forms).format(tool=_tool(document), title=document.title, text=text)
    return question.replace("\n\n", "\n").strip()


def severity(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the severity that the tool gives, among five classes."""
    name = document.fields["severity"].capitalize()
    if name not in LEVELS:
        return Skip(Reason("template.no_severity"))
    return [DraftExample(_asked(_SEVERITY, document, dice), name, ("severity",), LEVELS, LEVELS.index(name))]


def weakness(document: Document, setting: Setting, dice: Random) -> list[DraftExample] | Skip:
    """Ask for the weaknesses that the tool names."""
    answer = weakness_answer(document)
    if isinstance(answer, Skip):
        return answer
    return [DraftExample(_asked(_WEAKNESS, document, dice), answer, ("cwes",))]
