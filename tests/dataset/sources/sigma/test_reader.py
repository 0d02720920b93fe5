"""Sigma rules: fields, tags, the detection as its author wrote it, counted refusals."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import yaml

from secft.dataset import collect
from secft.dataset.sources.sigma import SigmaSource, reader
from secft.errors import InputError
from tests.samples import each_place, is_full

from ..conftest import read, write

ID = "00000000-0000-4000-8000-00000000000"
RULE = f"""# A comment at the top
title: Odd  Logon
id: {ID}1
related:
    - id: {ID}2
      type: derived
    - id: nonsense
      type: similar
status: stable
description: |
    Detects odd logons.
    They may be   harmless.
author: Jane
date: 2030/01/02
modified: 2030-02-03
references: [https://example.org/a]
tags:
    - attack.credential_access
    - attack.t1110.003
    - attack.T1078
    - attack.s0002
    - attack.g0007
    - cve.2030-12345
    - cve.2029.1111
    - detection.threat-hunting
logsource:
    product: windows
    service: security
    definition: Audit logons
detection:
    selection:
        EventID: 4625   # failed
        User|endswith:
            - '$'
    keywords:
        - 'a'
        - Image|contains: x

    filter:
        - Status: 0x0
        - User: null
    condition: selection
               and not filter

# an afterthought
falsepositives:
    - Typing   errors
level: HIGH
"""


def test_fields_and_text(tmp_path: Path) -> None:
    write(tmp_path / "rules/windows/a.yml", RULE)
    (document,), _ = read(SigmaSource(paths=[str(tmp_path / "rules")], license="mine"))
    assert (document.id, document.title, document.kind) == (f"sigma:{ID}1", "Odd Logon", "rule")
    assert (document.source_version[:7], document.license) == ("sha256:", "mine")
    assert document.url == "https://github.com/SigmaHQ/sigma/blob/master/rules/windows/a.yml"
    fields = document.fields
    assert fields["logsource"] == {
        "category": "",
        "product": "windows",
        "service": "security",
        "definition": "Audit logons",
    }
    assert fields["detection"].startswith("detection:\n    selection:\n        EventID: 4625   # failed\n")
    assert fields["detection"].endswith("condition: selection\n               and not filter")
    assert yaml.safe_load(fields["detection"])["detection"] == yaml.safe_load(RULE)["detection"]
    assert fields["condition"] == ["selection and not filter"]
    assert fields["fields"] == ["EventID", "User", "Image", "Status"]
    assert (fields["techniques"], fields["tactics"]) == (["T1110.003", "T1078"], ["credential-access"])
    assert (fields["software"], fields["groups"]) == (["S0002"], ["G0007"])
    assert fields["cves"] == ["CVE-2030-12345", "CVE-2029-1111"]
    assert fields["related"] == [{"id": f"{ID}2", "type": "derived"}]
    assert fields["parent"] == f"sigma:{ID}2"
    assert (fields["level"], fields["date"], fields["modified"]) == ("high", "2030-01-02", "2030-02-03")
    assert document.text.startswith(
        "Detects odd logons.\nThey may be harmless.\n\nLog source: product windows, service security."
        "\n\nAudit logons\n\n```yaml\ndetection:\n"
    )
    assert document.text.endswith(
        "```\n\nFalse positives:\n- Typing errors\n\nLevel: high.\n\nATT&CK: credential-access, T1110.003, T1078."
    )


def test_all_shapes_give_the_same_rule(tmp_path: Path) -> None:
    plain = yaml.safe_load(RULE)
    plain["date"], plain["modified"] = "2030-01-02", "2030-02-03"
    shapes = {
        "a.yml": RULE,
        "b.yaml.gz": gzip.compress(RULE.encode()),
        "c.jsonl": json.dumps({"path": "rules/x.yml", "text": RULE}) + "\n",
        "d.jsonl.gz": gzip.compress(json.dumps(plain).encode()),
        "e.yml": RULE.replace("\n", "\r\n"),
    }
    found = [read(SigmaSource(paths=[write(tmp_path / name, content)]))[0][0] for name, content in shapes.items()]
    for document in found:
        left_out = ("detection", "file")
        assert {key: value for key, value in document.fields.items() if key not in left_out} == {
            key: value for key, value in found[0].fields.items() if key not in left_out
        }
        assert yaml.safe_load(document.fields["detection"]) == {"detection": plain["detection"]}
    assert found[2].fields["file"] == "rules/x.yml"
    assert found[4].text == found[0].text


def test_every_refusal_has_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    cases = {
        "good.yml": RULE,
        "two.yml": RULE + "---\n" + RULE.replace(f"id: {ID}1", f"id: {ID}3"),
        "old.yml": RULE.replace("status: stable", "status: deprecated"),
        "no.yml": RULE.replace("status: stable", "status: unsupported"),
        "id.yml": RULE.replace(f"id: {ID}1", "id: 7"),
        "title.yml": RULE.replace("title:", "name:"),
        "text.yml": RULE.replace("description: |", "about: |"),
        "filter.yml": "title: x\nlogsource: {product: a}\nfilter: {rules: [a], selection: {b: c}}\n",
        "list.yml": "- a\n- b\n",
        "empty.yml": "# nothing\n",
        "correlation.yml": "title: x\ncorrelation: {type: event_count}\n",
        "collection.yml": "action: global\ntitle: x\ndetection: {a: 1}\n",
        "broken.yml": "a: [",
        "bomb.yml": "[" * 100_000,
        "code.yml": "a: !!python/name:os.system",
        "blank.yml": "",
        "README.md": "not read",
        ".hidden.yml": "not read",
    }
    for name, content in cases.items():
        write(folder / name, content)
    (folder / "out.yml").symlink_to("/etc/hostname")
    found, log = read(SigmaSource(paths=[str(folder)]))
    assert [document.id for document in found] == [*[f"sigma:{ID}1"] * 3, f"sigma:{ID}3"]
    assert log.tally.dropped == {
        "record.status deprecated": 1,
        "record.status unsupported": 1,
        "record.no_id": 1,
        "sigma.incomplete": 1,
        "sigma.filter": 1,
        "sigma.not_rule": 2,
        "sigma.correlation": 1,
        "sigma.collection": 1,
        "record.not_yaml": 3,
        "file.unreadable": 1,
        "file.link_outside": 1,
    }
    assert {row["record"] for row in log.refused} >= {"rules/old.yml", "rules/blank.yml", "rules/out.yml"}


def test_a_rule_that_comes_twice_in_a_file(tmp_path: Path) -> None:
    line = json.dumps({"path": "a.yml", "text": RULE})
    found, log = read(SigmaSource(paths=[write(tmp_path / "a.jsonl", f"{line}\n{line}\n")]))
    assert len(found) == 1
    assert log.tally.dropped == {"record.repeated_id": 1}


def test_a_named_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.yml: the file is empty; expected Sigma rules"):
        read(SigmaSource(paths=[write(tmp_path / "a.yml", "")]))
    problems = collect.problems({"sigma": SigmaSource(paths=[str(tmp_path / "none")])})
    assert [problem.key for problem in problems] == ["source.sigma.paths"]


def test_parts_are_read_alone(tmp_path: Path) -> None:
    write(tmp_path / "rules/a.yml", RULE)
    write(tmp_path / "rules/b.yml", RULE.replace(f"id: {ID}1", f"id: {ID}3"))
    config = SigmaSource(paths=[str(tmp_path / "rules")])
    assert reader.READER.parts is not None
    assert [Path(part).name for part in reader.READER.parts(config)] == ["a.yml", "b.yml"]
    assert list(reader.READER.external_files(config)) == ["rules/a.yml", "rules/b.yml"]


@each_place("sigma/sigma.jsonl.gz")
def test_published_rules(place: Path) -> None:
    rows = [json.loads(line) for line in gzip.decompress(place.read_bytes()).splitlines()]
    found, log = read(SigmaSource(paths=[str(place)]))
    assert len(found) == len(rows) == (3780 if is_full(place) else 30)
    assert not log.refused
    tag = re.compile(r"^\s*- attack\.t(\d{4}(?:\.\d{3})?)\s*(?:#.*)?$", re.MULTILINE)
    techniques = sum(len(set(tag.findall(row["text"]))) for row in rows)
    assert sum(len(document.fields["techniques"]) for document in found) == techniques > len(rows)
    files = {document.fields["file"]: document for document in found}
    for row in rows[::7]:
        document, rule = files[row["path"]], yaml.load(row["text"], yaml.CSafeLoader)
        assert yaml.load(document.fields["detection"], yaml.CSafeLoader)["detection"] == rule["detection"]
        assert document.fields["level"] == rule["level"]
        assert document.fields["condition"] == [" ".join(rule["detection"]["condition"].split())]
    assert len({document.id for document in found}) == len(rows)


def test_a_file_that_takes_the_id_of_a_rule_of_another_is_refused_beside_it(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    for name in ("a", "b"):
        (tmp_path / "rules" / f"{name}.yml").write_text(RULE)
    (tmp_path / "rules" / "c.yml").write_text(RULE.replace(f"{ID}1", f"{ID}7"))
    summary = collect.collect({"sigma": SigmaSource(paths=[str(tmp_path / "rules")])}, tmp_path / "out")
    told = summary["sources"]["sigma"]
    assert told["documents"] == 2
    assert told["dropped"] == {"record.repeated_id": 1}
