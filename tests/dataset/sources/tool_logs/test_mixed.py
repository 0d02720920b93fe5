"""Every record may tell its tool: logs and figures before the records, several tools in one file, several reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.tool_logs.reader import read_part
from tests.samples import case_files

from ..conftest import write


def read_text(tmp_path: Path, text: str | bytes) -> tuple[list[dict[str, Any]], dict[str, int]]:
    return read_file(Path(write(tmp_path / "report", text)))


def read_file(path: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    log = ReadLog()
    found = [document.fields for document in read_part(ToolLogsSource(paths=[str(path)]), str(path), log)]
    return found, log.tally.dropped


def lines(*records: Any) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


SECRET = "not-a-real-" + "value-1234"
LEAK = {
    "SourceMetadata": {"Data": {"Git": {"file": "a.yml", "commit": "c" * 40, "line": 2}}},
    "DetectorName": "URI",
    "Raw": SECRET,
    "Verified": False,
}
MATCH = {"template-id": "t", "info": {"name": "Name", "severity": "low"}, "matched-at": "http://a.example/"}
STATS = {"duration": "0:00:05", "errors": "0", "hosts": "1", "matched": "1", "percent": "1", "requests": "10"}
LOGS = [
    {"level": "info-0", "ts": "2030-01-01T00:00:00Z", "logger": "trufflehog", "msg": "running source"},
    {"level": "error", "ts": "2030-01-01T00:00:00Z", "msg": "encountered errors", "error": "no clone"},
    {"level": "info", "msg": "start"},
    {"level": 30, "time": 1, "msg": "start", "pid": 7},
    {"time": "2030-01-01T00:00:00Z", "level": "WARN", "msg": "slow"},
]
PRETTY = json.dumps([LEAK, LEAK | {"DetectorName": "AWS"}], indent=1)


@pytest.mark.parametrize("log", LOGS, ids=str)
@pytest.mark.parametrize("record", [LEAK, MATCH], ids=["trufflehog", "nuclei"])
def test_lines_of_a_log_are_left_wherever_they_stand(tmp_path: Path, log: Any, record: Any) -> None:
    for content in ([log, record], [record, log], [log] * 120 + [record, log]):
        found, dropped = read_text(tmp_path, lines(*content))
        assert len(found) == 1
        assert dropped == {"tool_log.no_finding": len(content) - 1}


def test_figures_of_a_scan_first_and_lists_of_records(tmp_path: Path) -> None:
    assert [item["rule"] for item in read_text(tmp_path, lines(STATS, MATCH))[0]] == ["t"]
    found, dropped = read_text(tmp_path, json.dumps([STATS, MATCH, 7]))
    assert ([item["rule"] for item in found], dropped) == (["t"], {"tool_log.no_finding": 1, "record.not_object": 1})
    # Lists of one scan each, as a loop over repositories appends them.
    found, dropped = read_text(tmp_path, lines([LEAK], [], [MATCH]))
    assert ([item["tool"] for item in found], dropped) == (["trufflehog", "nuclei"], {})


def test_several_tools_in_one_file(tmp_path: Path) -> None:
    gitleaks = {"RuleID": "r", "Secret": SECRET, "File": "f", "StartLine": 1, "Description": "d"}
    plain = {"tool": "own", "title": "Open share", "severity": "high"}
    found, dropped = read_text(tmp_path, lines(plain, LEAK, MATCH, gitleaks, {"a": 1}))
    assert [item["tool"] for item in found] == ["own", "trufflehog", "nuclei", "gitleaks"]
    assert dropped == {"tool_log.no_finding": 1}
    assert SECRET not in json.dumps(found)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (f"The tool starts\nreading, for a while, with words\n{PRETTY}", 2),
        (f"[INFO] start\n[10:30:01] go\n{PRETTY}\nDone.\n", 3),
        (f"{PRETTY}\nDone.\n[INFO] end\n", 2),
        (f"start\n{lines(LEAK, LEAK | {'DetectorName': 'AWS'})}", 1),
        (f"start\tmore\n{lines(LEAK, LEAK | {'DetectorName': 'AWS'})}done\t{{}}\n", 2),
        (lines('{"oops', '{"again', LEAK, LEAK | {"DetectorName": "AWS"}), 2),
    ],
)
def test_text_before_between_and_behind(tmp_path: Path, text: str, others: int) -> None:
    found, dropped = read_text(tmp_path, text)
    assert ([item["rule"] for item in found], dropped) == (["URI", "AWS"], {"tool_log.not_json": others})


def test_whole_reports_after_each_other(tmp_path: Path) -> None:
    one = {"SchemaVersion": 2, "ArtifactName": "image:1", "Results": [{"Secrets": [{"RuleID": "aws", "StartLine": 1}]}]}
    sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "lint"}}, "results": [{"ruleId": "r"}]}]}
    for indent in (None, 2):
        text = "\n".join(json.dumps(report, indent=indent) for report in (one, sarif))
        found, dropped = read_text(tmp_path, text)
        assert ([item["tool"] for item in found], dropped) == (["trivy", "lint"], {})
        found, dropped = read_text(tmp_path, f'{text}\n{{\n "version')
        assert (len(found), dropped) == (2, {"tool_log.truncated": 1} if indent else {"tool_log.not_json": 1} | dropped)


def test_xml_behind_text(tmp_path: Path) -> None:
    issue = "<issue><type>1</type><name>Name</name><host>http://a.example</host><path>/</path></issue>"
    text = f'Scan of a, b and c\n<?xml version="1.0"?>\n<issues burpVersion="2">{issue}</issues>'
    assert [item["title"] for item in read_text(tmp_path, text)[0]] == ["Name"]


def test_nothing_known_is_one_reason(tmp_path: Path) -> None:
    for text in (lines({"a": 1}, {"b": 2}), "[INFO] a\n[INFO] b\n", lines(*LOGS), 'words\n["a", "b"]\n'):
        assert read_text(tmp_path, text) == ([], {"tool_log.unknown_format": 1})


def test_first_versions_of_nuclei(tmp_path: Path) -> None:
    record = {"severity": "info", "matcher_name": "alpha", "matched": "https://a.example/", "template": "waf-detect",
              "type": "http", "host": "https://a.example/", "name": "WAF Detection", "author": "x"}  # fmt: skip
    (found,), _ = read_text(tmp_path, lines(record))
    assert (found["tool"], found["rule"], found["severity"]) == ("nuclei", "waf-detect", "info")
    assert (found["title"], found["evidence"]) == ("WAF Detection", "matched: alpha")


def test_trufflehog3(tmp_path: Path) -> None:
    record = {"rule": {"id": "high-entropy", "message": "High Entropy", "severity": "MEDIUM"}, "path": "a/settings.py",
              "line": "12", "secret": SECRET, "context": {"12": f"KEY='{SECRET}'"}, "branch": "main",
              "commit": "00ff"}  # fmt: skip
    (found,), _ = read_text(tmp_path, json.dumps([record]))
    assert (found["tool"], found["rule"], found["severity"]) == ("trufflehog3", "high-entropy", "medium")
    assert (found["target"], found["title"]) == ("a/settings.py:12", "Leaked secret: High Entropy")
    assert found["evidence"] == "secret not-[redacted]\ncommit 00ff\nbranch main"
    assert SECRET not in json.dumps(found)


def test_cases_of_old_nuclei_and_of_logs_between_leaks() -> None:
    found, dropped = read_file(case_files("04-nuclei-old") / "old.jsonl")
    assert [(item["tool"], item["rule"]) for item in found] == [("nuclei", "waf-detect"), ("nuclei", "env-file")]
    assert (found[0]["evidence"], dropped) == ("matched: alpha-waf", {})
    folder = case_files("05-trufflehog-gitlab")
    for name, logs in (("th.json", 2), ("variant.json", 1)):
        found, dropped = read_file(folder / name)
        assert [item["target"].rpartition(" ")[2] for item in found] == [f"conf/app{n}.yml:{n}" for n in (3, 4, 5)]
        assert dropped == {"tool_log.no_finding": logs}
    assert [item["tool"] for item in read_file(folder / "trufflehog3.json")[0]] == ["trufflehog3"]
    found, dropped = read_file(folder / "nuclei-stats-first.jsonl")
    assert ([item["rule"] for item in found], dropped) == (["a"], {"tool_log.no_finding": 1})
