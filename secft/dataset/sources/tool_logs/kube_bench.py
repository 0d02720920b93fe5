"""Findings of kube-bench (JSON): checks of the CIS benchmark for Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secft.dataset.sources.reading.json_values import mappings, string
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason


def is_kube_bench(report: Report) -> bool:
    """Recognise the report, or one of its groups of checks, which older versions write alone."""
    record = report.record()
    group = next(iter(mappings(record, "Controls")), record)
    return "node_type" in group and isinstance(group.get("tests"), list)


def _finding(check: dict[str, Any], group: dict[str, Any], section: str) -> Finding:
    by_hand = string(check, "status") == "WARN"
    seen = string(check, "actual_value")
    lines = ["status WARN: to be checked by hand" if by_hand else "status FAIL", f"found: {seen}" if seen else "",
             string(check, "reason")]  # fmt: skip
    return finding(
        "kube-bench", string(check, "test_number"), string(check, "test_desc"),
        target=" ".join(filter(None, [string(group, "node_type"), string(group, "detected_version")])),
        evidence="\n".join(filter(None, lines)),
        description=" - ".join(filter(None, [string(group, "text"), section])),
        remediation=string(check, "remediation"),
    )  # fmt: skip


def parse_kube_bench(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each check that failed or has to be done by hand; it states no severity."""
    record = report.record()
    for group in mappings(record, "Controls") or [record]:
        for test in mappings(group, "tests"):
            for check in mappings(test, "results"):
                if string(check, "status") in ("FAIL", "WARN"):
                    yield _finding(check, group, string(test, "desc"))
                else:
                    yield Skipped(Reason("tool_log.passed_check"), string(check, "test_number"))
