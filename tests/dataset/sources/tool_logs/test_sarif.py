"""SARIF by its specification: severities, configuration, rules of extensions, taxonomies, suppressions, kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.samples import case_files

from .test_mixed import read_file, read_text


def run(rules: Any = (), results: Any = (), **more: Any) -> dict[str, Any]:
    tool = {"driver": {"name": "lint", "rules": list(rules)}, **more.pop("tool", {})}
    return {"tool": tool, "results": list(results), **more}


def findings(tmp_path: Path, *runs: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    return read_text(tmp_path, json.dumps({"version": "2.1.0", "runs": list(runs)}))


def result(**more: Any) -> dict[str, Any]:
    return {"ruleId": "R", "message": {"text": "here"}, **more}


@pytest.mark.parametrize(
    ("rule", "more", "severity"),
    [
        ({"properties": {"security-severity": "MEDIUM"}, "defaultConfiguration": {"level": "error"}}, {}, "medium"),
        ({"properties": {"security-severity": " critical "}}, {"level": "note"}, "critical"),
        ({"properties": {"security-severity": "9.1"}}, {"level": "note"}, "critical"),
        ({"properties": {"security-severity": 5}}, {}, "medium"),
        ({"properties": {"security-severity": ""}, "defaultConfiguration": {"level": "error"}}, {}, "high"),
        ({"properties": {"security-severity": "odd"}}, {"level": "note"}, "low"),
        ({"properties": {"security-severity": "LOW"}}, {"properties": {"security-severity": "8.0"}}, "high"),
        ({"properties": {"Severity": "CRITICAL"}}, {}, "critical"),
        ({"defaultConfiguration": {"level": "none"}}, {}, "info"),
        ({}, {}, "medium"),
        ({}, {"kind": "review"}, "medium"),
    ],
)
def test_severities(tmp_path: Path, rule: dict[str, Any], more: dict[str, Any], severity: str) -> None:
    (found,), _ = findings(tmp_path, run([{"id": "R", **rule}], [result(**more)]))
    assert found["severity"] == severity


def test_levels_by_configuration_of_the_run(tmp_path: Path) -> None:
    override = {"descriptor": {"id": "R"}, "configuration": {"level": "error"}}
    invocation = {"executionSuccessful": True, "ruleConfigurationOverrides": [override]}
    rules = [{"id": "R", "defaultConfiguration": {"level": "note"}}]
    (found,), _ = findings(tmp_path, run(rules, [result()], invocations=[invocation]))
    assert found["severity"] == "high"
    several = run(rules, [result(), result(provenance={"invocationIndex": 1}, message={"text": "b"})],
                  invocations=[{}, invocation])  # fmt: skip
    assert [item["severity"] for item in findings(tmp_path, several)[0]] == ["low", "high"]


def test_rules_of_extensions_and_several_runs(tmp_path: Path) -> None:
    pack = {"name": "pack", "guid": "g", "rules": [{"id": "X", "shortDescription": {"text": "In the pack"}}]}
    tool = {"driver": {"name": "lint", "rules": [{"id": "D", "shortDescription": {"text": "Of the driver"}}]},
            "extensions": [{"name": "none"}, pack]}  # fmt: skip
    ways = [
        {"rule": {"index": 0, "toolComponent": {"index": 1}}},
        {"rule": {"index": 0, "toolComponent": {"name": "pack"}}},
        {"rule": {"id": "X", "toolComponent": {"guid": "g"}}},
        {"ruleId": "X"},
        {"ruleId": "X/sub"},
        {"ruleIndex": 0},
        {"rule": {"index": 0}},
    ]
    found, _ = findings(tmp_path, *({"tool": tool, "results": [{**way, "message": {"text": "m"}}]} for way in ways))
    titles = {item["rule"]: item["title"] for item in found}
    assert titles == {"X": "In the pack", "X/sub": "In the pack", "D": "Of the driver"}


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ({"properties": {"cwe": "CWE-79: XSS"}}, {}),
        ({"properties": {"CWE": ["CWE-79"]}}, {}),
        ({"properties": {"cwe_ids": [79]}}, {}),
        ({"properties": {"tags": ["external/cwe/cwe-079"]}}, {}),
        ({"relationships": [{"target": {"id": "79", "toolComponent": {"name": "CWE"}}}]}, {}),
        ({"relationships": [{"target": {"id": "CWE-79"}}]}, {}),
        ({"relationships": [{"target": {"id": "79", "toolComponent": {"index": 0}}}]}, {}),
        ({"relationships": [{"target": {"id": "79", "toolComponent": {"guid": "c"}}}]}, {}),
        ({}, {"taxa": [{"index": 1, "toolComponent": {"index": 0}}]}),
        ({}, {"taxa": [{"id": "79", "toolComponent": {"name": "cwe"}}]}),
        ({}, {"properties": {"cweId": "79"}}),
    ],
)
def test_weaknesses(tmp_path: Path, rule: dict[str, Any], more: dict[str, Any]) -> None:
    taxonomies = [{"name": "CWE", "guid": "c", "taxa": [{"id": "1"}, {"id": "79"}]}, {"name": "own", "taxa": []}]
    (found,), _ = findings(tmp_path, run([{"id": "R", **rule}], [result(**more)], taxonomies=taxonomies))
    assert found["cwes"] == ["CWE-79"]


@pytest.mark.parametrize(
    ("suppressions", "dropped"),
    [
        (None, {}),
        ([], {}),
        ([{"kind": "inSource"}], {"tool_log.suppressed": 1}),
        ([{"kind": "external", "status": "accepted"}], {"tool_log.suppressed": 1}),
        ([{"kind": "external", "status": "underReview"}], {}),
        ([{"kind": "inSource"}, {"kind": "external", "status": "rejected"}], {}),
    ],
)
def test_suppressions(tmp_path: Path, suppressions: Any, dropped: dict[str, int]) -> None:
    found, left = findings(tmp_path, run([], [result(suppressions=suppressions)]))
    assert ({key: value for key, value in left.items() if key != "tool_log.no_findings"}) == dropped
    assert len(found) == (not dropped)


def test_what_stands_in_tables_of_the_run(tmp_path: Path) -> None:
    place = {"artifactLocation": {"index": 0}, "region": {"startLine": 3}}
    found, _ = findings(
        tmp_path,
        run(
            [{"id": "R", "help": {"markdown": "Do *this*."}}],
            [
                result(message={"id": "m", "arguments": ["x"]}, locations=[{"physicalLocation": place}]),
                result(message={"text": "see it"}, locations=[{"logicalLocations": [{"index": 0}]}]),
                result(ruleId="S", message={"text": "z"}, fixes=[{"description": {"text": "Replace it."}}]),
            ],
            artifacts=[{"location": {"uri": "src/a.py"}}],
            logicalLocations=[{"name": "main", "fullyQualifiedName": "app.main"}],
            tool={"driver": {"name": "lint", "globalMessageStrings": {"m": {"text": "Use of {0}."}},
                             "rules": [{"id": "R", "help": {"markdown": "Do *this*."}}]}},
        ),
    )  # fmt: skip
    assert [item["target"] for item in found] == ["src/a.py:3", "app.main", ""]
    assert [item["evidence"] for item in found] == ["Use of x.", "see it", "z"]
    assert [item["remediation"] for item in found] == ["Do *this*.", "Do *this*.", "Replace it."]


def test_the_case_of_severity_words() -> None:
    found, dropped = read_file(case_files("01-sarif-severity-words") / "report.sarif")
    by_rule = {}
    for item in found:
        by_rule.setdefault(item["rule"], []).append((item["severity"], item["cwes"]))
    assert by_rule == {
        "R-A": [("medium", ["CWE-328"])] * len(by_rule["R-A"]),
        "R-B": [("critical", ["CWE-22"])] * len(by_rule["R-B"]),
        "R-C": [("low", [])],
        "R-D": [("medium", ["CWE-79"])],
    }
    assert len(found) == 6
    assert dropped["tool_log.suppressed"] == dropped["tool_log.passed_check"] == 1
