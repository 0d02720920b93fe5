from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.dataset.sources.oscal import OscalSource, reader
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.records import Document
from tests.samples import each_place, is_full


def prop(name: str, value: str, **more: str) -> dict[str, str]:
    return {"name": name, "value": value, **more}


def control(identifier: str, statement: str = "Do it.", **more: Any) -> dict[str, Any]:
    part = {"id": f"{identifier}_smt", "name": "statement", "prose": statement}
    return {"id": identifier, "title": f"Title {identifier}", "parts": [part], **more}


def catalogue(*controls: dict[str, Any], **more: Any) -> dict[str, Any]:
    groups = [{"id": "ac", "title": "Access Control", "controls": list(controls)}]
    return {"catalog": {"uuid": "x", "metadata": {"version": "9.9"}, "groups": groups, **more}}


def read(path: Path, content: Any) -> tuple[list[Document], ReadLog]:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    log = ReadLog()
    return list(reader.READER.read(OscalSource(path=str(path)), log)), log


def test_statement_parameters_and_enhancement(tmp_path: Path) -> None:
    parameters = [
        {"id": "p1", "label": "personnel"},
        {"id": "p2", "select": {"how-many": "one-or-more", "choice": ["lock for {{ insert: param, p3 }} ", "notify"]}},
        {"id": "p3", "label": "time", "props": [prop("alt-label", "time period", **{"class": "sp800-53"})]},
        {"id": "p4", "values": ["ten"]},
        {"id": "p5", "label": "organization-defined events"},
    ]
    items = [
        {"name": "item", "props": [prop("label", "a.")], "prose": "Tell {{ insert: param, p1 }} ; and",
         "parts": [{"name": "item", "props": [prop("label", "1.")], "prose": "{{ insert: param, p2 }}"}]},
        {"name": "item", "props": [prop("label", "b.")],
         "prose": "{{ insert: param, p4 }} of {{ insert: param, p5 }}, {{ insert: param, none }}, [law](#x) **now**."},
    ]  # fmt: skip
    parts = [
        {"name": "statement", "parts": items},
        {"name": "guidance", "prose": "First\nline.\n\nSecond."},
        {"name": "assessment-objective",
         "parts": [{"name": "assessment-objective", "prose": "{{ insert: param, p1 }} is told;",
                    "props": [prop("label", "AC-02a.", **{"class": "sp800-53a"})]}]},
        {"name": "assessment-method", "props": [prop("method", "EXAMINE")],
         "parts": [{"name": "assessment-objects", "prose": "Policy\n\nplans"}]},
    ]  # fmt: skip
    links = [
        {"rel": "related", "href": "#ac-3"},
        {"rel": "related", "href": "#zz-9.1"},
        {"rel": "reference", "href": "#r"},
    ]
    enhancement = control("ac-2.1", links=[{"rel": "required", "href": "#ac-2"}])
    first = control("ac-2", params=parameters, links=links, controls=[enhancement])
    first["parts"] = parts
    resources = [{"uuid": "r", "title": "Law", "rlinks": [{"href": "https://law"}]}]
    found, log = read(
        tmp_path / "c.json", catalogue(first, control("ac-3"), **{"back-matter": {"resources": resources}})
    )
    assert [document.id for document in found] == ["AC-2", "AC-2(1)", "AC-3"]
    fields = found[0].fields
    assert fields["statement"].splitlines() == [
        "a. Tell [Assignment: organization-defined personnel]; and",
        "  1. [Selection (one or more): lock for [Assignment: organization-defined time period]; notify]",
        "b. ten of [Assignment: organization-defined events], [Assignment: organization-defined value], law now.",
    ]
    assert fields["guidance"] == "First line.\n\nSecond."
    assert fields["objectives"] == [
        {"label": "AC-02a.", "prose": "[Assignment: organization-defined personnel] is told;"}
    ]
    assert fields["assessment"] == [{"method": "Examine", "objects": ["Policy", "plans"]}]
    assert fields["related"] == ["AC-3", "ZZ-9(1)"]
    assert fields["references"] == [{"title": "Law", "url": "https://law"}]
    assert (fields["group"], fields["group_title"], fields["parent"]) == ("AC", "Access Control", "")
    assert (found[1].title, found[1].fields["parent"]) == ("Title ac-2 | Title ac-2.1", "AC-2")
    assert found[1].fields["required"] == ["AC-2"]
    assert (found[0].kind, found[0].source_version) == ("control", "9.9")
    assert not log.refused


def test_refusals_are_counted(tmp_path: Path) -> None:
    found, log = read(
        tmp_path / "c.json",
        catalogue(
            control("ac-1"),
            control("ac-1"),
            control("ac-4", props=[prop("status", "Withdrawn")], links=[{"rel": "incorporated-into", "href": "#ac-1"}]),
            control("ac-5", statement=" "),
            control(""),
            "not a JSON object",  # type: ignore[arg-type]
            control("ac-6", props="no", params=3, links=[1], controls={}),
        ),
    )
    assert [document.id for document in found] == ["AC-1", "AC-6"]
    assert log.tally.dropped == {
        "record.repeated_id": 1,
        "record.withdrawn": 1,
        "oscal.no_statement": 1,
        "record.no_id": 1,
    }
    assert {"record": "AC-4", "reason": "record.withdrawn", "detail": "now in AC-1"} in log.refused


def test_endless_parameters_and_parts_are_refused(tmp_path: Path) -> None:
    circle = [{"id": "p", "select": {"choice": ["{{ insert: param, p }} {{ insert: param, p }}"]}}]
    ladder = [
        {"id": f"q{level}", "select": {"choice": [f"{{{{ insert: param, q{level + 1} }}}}"] * 40}} for level in range(6)
    ]
    deep: dict[str, Any] = {"name": "item", "prose": "x"}
    for _ in range(100):
        deep = {"name": "item", "parts": [deep]}
    found, log = read(
        tmp_path / "c.json",
        catalogue(
            control("ac-1", "{{ insert: param, p }}", params=circle),
            control("ac-2", "{{ insert: param, q0 }}", params=ladder),
            {**control("ac-3"), "parts": [{"name": "statement", "parts": [deep]}]},
            control("ac-4"),
        ),
    )
    assert [document.id for document in found] == ["AC-4"]
    assert log.tally.dropped == {"record.too_deep": 3}


def test_controls_of_another_catalogue_keep_their_ids(tmp_path: Path) -> None:
    inner = {"id": "g1.1", "title": "Inner", "controls": [control("cis-1.1.1", props=[prop("label", "1.1.1")])]}
    found, _ = read(tmp_path / "c.json", {"catalog": {"groups": [{"id": "g1", "groups": [inner]}]}})
    assert [(document.id, document.fields["group_title"]) for document in found] == [("cis-1.1.1", "Inner")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"profile": {"imports": []}}, "is an OSCAL profile"),
        ({"system-security-plan": {}}, "holds system-security-plan"),
        ([], "holds list"),
        ({"catalog": {"metadata": {}}}, "contains no controls"),
        ("{", "not valid JSON"),
        ("", "is empty"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_other_files_say_what_was_expected(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / "c.json", content)
    assert "expected" in str(caught.value).lower()


@each_place("nist/NIST_SP-800-53_rev5_HIGH-catalog.json")
def test_a_published_catalogue(place: Path) -> None:
    log = ReadLog()
    found = list(reader.READER.read(OscalSource(path=str(place)), log))
    data = json.loads(place.read_bytes())
    top = [item for group in data["catalog"]["groups"] for item in group["controls"]]
    below = [item for outer in top for item in outer.get("controls", [])]
    assert len(found) == len(top) + len(below) == (370 if is_full(place) else 19)
    assert sum(bool(document.fields["parent"]) for document in found) == len(below)
    assert not log.refused
    if is_full(place):
        assert sum(len(document.fields["assessment"]) for document in found) == 1056
        assert sum(len(document.fields["related"]) for document in found) == 2209
    assert not [document.id for document in found if "{{" in document.text or "param" in document.text.split()]
    by_id = {document.id: document for document in found}
    assert by_id["AC-2(1)"].fields["parent"] == "AC-2"
    assert "[Assignment: organization-defined personnel or roles]" in by_id["AC-2"].fields["statement"]
    assert all(name in by_id or name[2] == "-" for document in found for name in document.fields["related"])
