"""Findings of analysers of source code: Semgrep (JSON) and Bandit (JSON)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.packages import installed, update_advice
from secft.dataset.sources.tool_logs.redaction import REDACTED
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.identifiers import cwes_in
from secft.security.severity import severity_of_word

_ABOUT_SECRETS = re.compile(r"(?i)secret|passw|credential|token|api.?key|private.?key|hardcoded|hard.coded")
_SECRET_CWES = {"CWE-259", "CWE-321", "CWE-522", "CWE-798"}
_QUOTED_VALUE = re.compile(r"(['\"`])[^\s'\"`]{8,}\1")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")


def is_about_secrets(rule: str, cwes: list[Any]) -> bool:
    """Say whether a rule looks for secrets, so that the code that it found holds one."""
    return _ABOUT_SECRETS.search(rule) is not None or bool(_SECRET_CWES & set(cwes_in(cwes)))


def code_or_nothing(code: str, rule: str, cwes: list[Any]) -> str:
    """Return the lines of code of a finding, unless the rule is about secrets."""
    return (REDACTED if code else "") if is_about_secrets(rule, cwes) else code


def _list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _dependency(extra: dict[str, Any]) -> tuple[str, str]:
    """Return what Semgrep Supply Chain says of a package, and how it is fixed."""
    about = mapping(extra, "sca_info")
    found = mapping(mapping(about, "dependency_match"), "found_dependency")
    if not found:
        return "", ""
    name, reach = (
        string(found, "package"),
        "reachable" if about.get("reachable") is True else "not shown to be reachable",
    )
    fixes = [string(one, name) for one in mappings(mapping(extra, "metadata"), "sca-fix-versions") if string(one, name)]
    return f"{installed(name, string(found, 'version'))}, {reach}", update_advice(name, ", ".join(fixes))


def _semgrep(result: dict[str, Any]) -> Finding:
    extra = mapping(result, "extra")
    about = mapping(extra, "metadata")
    rule, cwes = string(result, "check_id"), _list(about.get("cwe"))
    line = mapping(result, "start").get("line")
    lines, fix, message = string(extra, "lines"), string(extra, "fix"), string(extra, "message")
    if is_about_secrets(rule, cwes):
        fix, message = "", _QUOTED_VALUE.sub(REDACTED, message)
    package, advice = _dependency(extra)
    flaws = [string(about, "sca-vuln-database-identifier"), *_list(about.get("cve"))]
    code = "" if lines == "requires login" else code_or_nothing(lines, rule, cwes)
    references = [*_list(about.get("references")), string(about, "source"), string(about, "source-rule-url")]
    return finding(
        "semgrep", rule, rule.rsplit(".", 1)[-1].replace("-", " "),
        severity="info" if extra.get("severity") == "INFO" else severity_of_word(extra.get("severity")),
        cwes=cwes, cves=[*references, *flaws],
        target=f"{string(result, 'path')}:{line}",
        evidence="\n".join(filter(None, [package, code])),
        description="\n\n".join([message, *_list(about.get("owasp"))]),
        remediation=f"Suggested change: {fix}" if fix else advice,
        references=references,
    )  # fmt: skip


def parse_semgrep(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each result; one that is ignored in the code is left."""
    for result in mappings(report.value, "results"):
        if mapping(result, "extra").get("is_ignored") is True:
            yield Skipped(Reason("tool_log.suppressed"), string(result, "check_id"))
        else:
            yield _semgrep(result)


def parse_bandit(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each result."""
    for result in mappings(report.value, "results"):
        rule, message = string(result, "test_id"), string(result, "issue_text")
        name, cwe = string(result, "test_name"), mapping(result, "issue_cwe")
        about_secrets = "hardcoded_password" in name
        message = _QUOTED.sub(REDACTED, message) if about_secrets else message
        code = code_or_nothing(string(result, "code"), name, [cwe.get("id")])
        confidence = string(result, "issue_confidence").lower()
        yield finding(
            "bandit", rule, message.partition("\n")[0].partition(". ")[0],
            severity=severity_of_word(result.get("issue_severity")),
            cwes=[cwe.get("id")], target=f"{string(result, 'filename')}:{result.get('line_number')}",
            evidence="\n".join(filter(None, [code, f"confidence {confidence}" if confidence else ""])),
            description=message, references=[string(result, "more_info"), string(cwe, "link")],
        )  # fmt: skip
