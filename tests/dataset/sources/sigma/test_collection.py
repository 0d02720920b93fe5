"""Sigma files of several documents: collections with actions, correlations; rules without id or description."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.dataset.sources.sigma import SigmaSource
from secft.records import Document
from tests.samples import case_files

from ..conftest import read, write

ID = "00000000-0000-4000-8000-00000000000"
RULE = """title: Odd logon
id: {id}
name: odd_logon
description: Detects odd logons.
logsource:
  product: windows
detection:
  selection:
    EventID: 4625  # failed
  condition: selection
"""


def rules(tmp_path: Path, text: str) -> tuple[list[Document], dict[str, int]]:
    found, log = read(SigmaSource(paths=[write(tmp_path / "a.yml", text)]))
    return found, log.tally.dropped


def test_documents_keep_the_text_of_their_authors(tmp_path: Path) -> None:
    text = f"# a file\n---\n{RULE.format(id=ID + '1')}---\n# empty\n---\n{RULE.format(id=ID + '2')}"
    found, dropped = rules(tmp_path, text)
    assert [document.id for document in found] == [f"sigma:{ID}1", f"sigma:{ID}2"]
    assert all("4625  # failed" in document.fields["detection"] for document in found)
    assert dropped == {}


GLOBAL = f"""action: global
title: Psexec
id: {ID}a
description: Detects a pipe.
level: high
detection:
  condition: selection
---
logsource: {{product: windows, service: system}}
detection: {{selection: {{EventID: 7045}}}}
---
action: repeat
level: low
detection: {{selection: {{Image: a}}}}
---
action: reset
---
title: Alone
logsource: {{product: linux}}
detection: {{selection: {{a: b}}, condition: selection}}
"""


def test_actions_of_collections(tmp_path: Path) -> None:
    found, dropped = rules(tmp_path, GLOBAL)
    assert [document.title for document in found] == ["Psexec", "Psexec", "Alone"]
    assert [document.id for document in found[:2]] == [f"sigma:{ID}a", f"sigma:{ID}a-2"]
    assert [document.fields["level"] for document in found] == ["high", "low", ""]
    assert [document.fields["fields"] for document in found] == [["EventID"], ["EventID", "Image"], ["a"]]
    assert [document.fields["condition"] for document in found] == [["selection"]] * 3
    assert found[1].fields["logsource"]["service"] == "system"
    assert dropped == {}


def test_rules_without_id_or_description(tmp_path: Path) -> None:
    text = RULE.replace("id: {id}\n", "").replace("description: Detects odd logons.\n", "")
    (first,), dropped = rules(tmp_path, text)
    assert (first.title, first.fields["rule"], first.fields["description"], dropped) == ("Odd logon", "", "", {})
    assert first.text.startswith("Log source: product windows.")
    (other,), _ = rules(tmp_path, text.replace("4625", "4624"))
    assert first.id != other.id
    assert [document.id for document in rules(tmp_path, text)[0]] == [first.id]


@pytest.mark.parametrize("name", [f"{ID}1", "odd_logon"])
def test_correlations_are_told_with_their_rules(tmp_path: Path, name: str) -> None:
    correlation = f"""title: Many odd logons
id: {ID}c
description: Five odd logons of one user.
correlation:
  type: event_count
  rules: [{name}]
  group-by: [User]
  timespan: 5m
  condition: {{gte: 5}}
tags: [attack.credential-access, attack.t1110]
"""
    documents, dropped = rules(tmp_path, f"{RULE.format(id=ID + '1')}---\n{correlation}")
    found = next(document for document in documents if document.title == "Many odd logons")
    assert (found.id, found.fields["detection"], dropped) == (f"sigma:{ID}c", "", {})
    assert found.fields["correlates"] == (
        "A correlation of rules (event_count): events of the rules are counted. "
        f"Rules: Odd logon ({name}). For each User. Within 5m. Condition: at least 5."
    )
    assert found.fields["parent"] == (f"sigma:{name}" if name.startswith("0") else "")
    assert found.fields["techniques"] == ["T1110"]
    assert "```yaml\ncorrelation:\n  type: event_count" in found.text


def test_correlations_of_values_and_of_time(tmp_path: Path) -> None:
    ends = {
        "{type: value_count, rules: [a, b], timespan: 1h, condition: {field: Host, gt: 3}}":
            "distinct values in events of the rules are counted. Rules: a; b. Values of Host. Within 1h. "
            "Condition: more than 3.",
        "{type: temporal, rules: a, timespan: 1h, condition: a and b}":
            "events of all the rules come near each other in time. Rules: a. Within 1h. Condition: a and b.",
    }  # fmt: skip
    for section, end in ends.items():
        (found,), _ = rules(tmp_path, f"title: t\ncorrelation: {section}\n")
        assert found.fields["correlates"].endswith(end)


def test_the_cases_of_collections() -> None:
    folder = case_files("12-sigma-collections")
    counts = {"multi": 2, "global": 2, "correlation": 2, "crlf-bom": 1, "no-description": 1, "no-id": 1}
    for name, count in counts.items():
        found, log = read(SigmaSource(paths=[str(folder / f"{name}.yml")]))
        assert (name, len(found), log.tally.dropped) == (name, count, {})
        assert len({document.id for document in found}) == count
    found, _ = read(SigmaSource(paths=[str(folder / "correlation.yml")]))
    rule, correlation = sorted(found, key=lambda document: len(document.fields["correlates"]))
    assert "MyApp key created" in correlation.fields["correlates"]
    assert correlation.fields["parent"] == rule.id
