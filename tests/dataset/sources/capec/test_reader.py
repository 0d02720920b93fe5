"""CAPEC: fields, relations, mitigations, what is left out for defenders' sake, counted refusals."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.capec import CapecSource
from secft.errors import InputError
from tests.samples import each_place, is_full

from ..conftest import read, write


def pattern(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "attack-pattern",
        "id": f"attack-pattern--{number}",
        "name": f"Name  {number}",
        "description": "An attacker tries things.",
        "external_references": [
            {"source_name": "capec", "external_id": f"CAPEC-{number}"},
            {"source_name": "cwe", "external_id": "CWE-79"},
            {"source_name": "cwe", "external_id": "CWE-../1"},
            {"source_name": "ATTACK", "external_id": "T1059.001"},
            {"source_name": "ATTACK", "external_id": "x"},
        ],
        "x_capec_status": "Stable",
        "x_capec_version": "3.9",
        **more,
    }


def course(number: int, description: str) -> dict[str, Any]:
    return {"type": "course-of-action", "id": f"coa--{number}", "name": f"coa-5-{number}", "description": description}


def mitigates(course_number: int, number: int) -> dict[str, Any]:
    return {
        "type": "relationship",
        "relationship_type": "mitigates",
        "source_ref": f"coa--{course_number}",
        "target_ref": f"attack-pattern--{number}",
    }


def bundle(*objects: Any) -> bytes:
    return json.dumps({"type": "bundle", "id": "b", "objects": list(objects)}).encode()


RICH = pattern(
    5,
    description="<xhtml:p>First  one.</xhtml:p>\n <xhtml:p>Tags like <script> &amp; <img> stay.</xhtml:p>"
    "<xhtml:ul><xhtml:li>a</xhtml:li> <xhtml:li><xhtml:b>b</xhtml:b></xhtml:li></xhtml:ul>",
    x_capec_child_of_refs=["attack-pattern--9", "attack-pattern--7", "attack-pattern--404", "attack-pattern--3"],
    x_capec_can_follow_refs=["attack-pattern--7"],
    x_capec_prerequisites=["It is open.", 7, " "],
    x_capec_consequences={"Access_Control": ["Gain Privileges", "Gain Privileges"], "Integrity": ["Modify Data"]},
    x_capec_skills_required={"Low": "None."},
    x_capec_likelihood_of_attack="High",
    x_capec_typical_severity="Low",
    x_capec_execution_flow="<p>Step one: do harm</p>",
    x_capec_example_instances=["payload here"],
    x_capec_indicators=["Many failed logins."],
)


def test_fields_and_text(tmp_path: Path) -> None:
    content = bundle(
        RICH,
        pattern(7),
        pattern(9),
        pattern(3, x_capec_status="Deprecated"),
        course(10, "Close it."),
        course(2, "<xhtml:p>Watch it.</xhtml:p>"),
        mitigates(10, 5),
        mitigates(2, 5),
        mitigates(2, 5),
        mitigates(77, 5),
        "not a JSON object",
    )
    found, log = read(CapecSource(path=write(tmp_path / "capec.json.gz", gzip.compress(content))))
    assert [document.id for document in found] == ["CAPEC-5", "CAPEC-7", "CAPEC-9"]
    document = found[0]
    fields = document.fields
    assert (document.kind, document.title, document.source_version) == ("attack_pattern", "Name 5", "3.9")
    assert fields["description"] == "First one.\n\nTags like <script> & <img> stay.\n- a\n- b"
    assert fields["relations"] == [
        {"nature": "ChildOf", "id": "CAPEC-7"},
        {"nature": "ChildOf", "id": "CAPEC-9"},
        {"nature": "CanFollow", "id": "CAPEC-7"},
    ]
    assert fields["parent"] == "CAPEC-7"
    assert fields["prerequisites"] == ["It is open."]
    assert fields["consequences"] == [
        {"scope": "Access Control", "impacts": ["Gain Privileges"]},
        {"scope": "Integrity", "impacts": ["Modify Data"]},
    ]
    assert fields["mitigations"] == [
        {"id": "coa-5-2", "description": "Watch it."},
        {"id": "coa-5-10", "description": "Close it."},
    ]
    assert fields["skills"] == [{"level": "Low", "description": "None."}]
    assert (fields["cwes"], fields["techniques"]) == (["CWE-79"], ["T1059.001"])
    assert document.text.endswith(
        "Prerequisites:\n- It is open.\n\nConsequences:\n- Access Control: Gain Privileges\n- Integrity: Modify Data"
        "\n\nMitigations:\n- Watch it.\n- Close it.\n\nIndicators:\n- Many failed logins."
    )
    whole = json.dumps([document.text, fields])
    assert "Step one" not in whole
    assert "payload" not in whole
    assert log.tally.dropped == {"record.status Deprecated": 1}


def test_every_refusal_has_a_reason(tmp_path: Path) -> None:
    content = bundle(
        pattern(1),
        pattern(1, id="attack-pattern--again"),
        pattern(2, external_references="none"),
        pattern(3, description=None),
        pattern(4, name=" "),
        pattern(5, revoked=True),
        pattern(6, x_capec_status="Obsolete"),
        pattern(7, description={"a": 1}, x_capec_consequences=["x"], x_capec_skills_required="y"),
        pattern(8, description="A \ud800 surrogate.", x_capec_consequences=["x"], x_capec_child_of_refs={"a": 1}),
    )
    found, log = read(CapecSource(path=write(tmp_path / "capec.json", content)))
    assert [document.id for document in found] == ["CAPEC-1", "CAPEC-8"]
    assert found[1].text.encode() == b"A ? surrogate."
    assert log.tally.dropped == {
        "record.repeated_id": 1,
        "record.no_id": 1,
        "capec.incomplete": 3,
        "record.revoked": 1,
        "record.status Obsolete": 1,
    }
    assert {"record": "CAPEC-6", "reason": "record.status Obsolete"} in log.refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b'{"type": "bund', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "STIX type is 'list'"),
        (b'{"type": "bundle", "objects": {}}', "STIX type"),
        (bundle(course(1, "x")), "no attack-pattern"),
        (bundle(pattern(1, external_references=[])), "no attack-pattern has an id of CAPEC"),
        (gzip.compress(bundle(pattern(1)))[:-9], "truncated"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = write(tmp_path / "capec.json", content)
    with pytest.raises(InputError, match=said) as caught:
        read(CapecSource(path=path))
    assert path in str(caught.value)


def test_problems_name_the_key(tmp_path: Path) -> None:
    found = collect.problems({"capec": CapecSource(path=str(tmp_path / "none"))})
    assert [problem.key for problem in found] == ["source.capec.path"]


@each_place("capec/capec.stix.json.gz")
def test_a_published_catalogue(place: Path) -> None:
    objects = json.loads(gzip.decompress(place.read_bytes()))["objects"]
    live = {
        item["id"]: item
        for item in objects
        if item["type"] == "attack-pattern"
        and item["x_capec_status"] not in ("Deprecated", "Obsolete")
        and item["description"].strip()
    }
    links = {
        (item["target_ref"], item["source_ref"])
        for item in objects
        if item["type"] == "relationship" and item["target_ref"] in live
    }
    found, log = read(CapecSource(path=str(place)))
    assert len(found) == len(live) == (556 if is_full(place) else 11)
    assert sum(log.tally.dropped.values()) == sum(item["type"] == "attack-pattern" for item in objects) - len(live)
    for source, field in (("cwe", "cwes"), ("ATTACK", "techniques")):
        ids = {
            (name, ref["external_id"])
            for name, item in live.items()
            for ref in item["external_references"]
            if ref["source_name"] == source and ref.get("external_id")
        }
        assert sum(len(document.fields[field]) for document in found) == len(ids)
    letters = re.compile(r"</?xhtml[^>]*>|\s+")
    texts = {item["id"]: letters.sub("", item["description"]) for item in objects if "coa-" in item.get("name", "")}
    assert sum(len(document.fields["mitigations"]) for document in found) == len(
        {(target, texts[source]) for target, source in links if texts[source]}
    )
    assert not [document.id for document in found if "xhtml" in document.text or "&amp;" in document.text]
    by_id = {document.id: document for document in found}
    assert by_id["CAPEC-66"].fields["parent"] == "CAPEC-248"
    assert all(document.fields["parent"] in by_id for document in found if document.fields["parent"])
