from __future__ import annotations

import io

import pytest

from secft.dataset.sources.reading.xml import XmlError, local_name, outermost, text_at, xml_events, xml_head

DOCTYPE = "<!DOCTYPE r SYSTEM 'file:///etc/passwd'>"
ENTITIES = "<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"


def kind_of(text: str, *, doctype: bool = False) -> str:
    try:
        list(xml_events(io.BytesIO(text.encode()), doctype=doctype, max_depth=5))
    except XmlError as error:
        return error.kind
    return ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<r><a/></r>", ""),
        ("", "truncated"),
        ("<r><a>", "truncated"),
        ("<r><a></r>", "broken"),
        ("{}", "broken"),
        ("<?xml version='1.0' encoding='klingon'?><r/>", "broken"),
        ("<a>" * 6 + "</a>" * 6, "deep"),
        (f"{DOCTYPE}<r/>", "doctype"),
        (f"{ENTITIES}<r>&b;</r>", "doctype"),
    ],
)
def test_what_is_refused(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_a_document_type_is_accepted_by_request_but_not_its_entities() -> None:
    assert kind_of(f"{DOCTYPE}<r>x</r>", doctype=True) == ""
    assert kind_of(f"{ENTITIES}<r>x</r>", doctype=True) == "entities"
    with pytest.raises(XmlError, match="declares entities"):
        xml_head(f"{ENTITIES}<r/>".encode(), doctype=True)


def test_a_head_needs_no_more_than_the_first_elements() -> None:
    body = "<n:b/>" * 100
    head = xml_head(f"<n:r xmlns:n='urn:x' id='1'>{body}".encode())
    assert (head.root, head.attributes) == ("r", {"id": "1"})
    assert head.names == ["r", *["b"] * 39]
    assert xml_head(f"<r>{'text ' * 1_000_000}<broken".encode()).names == ["r"]
    with pytest.raises(XmlError, match="truncated"):
        xml_head(b"<!-- nothing else -->")


def test_outermost_elements_come_whole_and_one_at_a_time() -> None:
    data = b"<r><a><a>in</a>side</a><b><a>later</a></b><c/></r>"
    assert [text_at(element, ".") for element in outermost(data, ["a"])] == ["inside", "later"]
    found = outermost(b"<r><a>first</a><a>second", ["a"])
    assert next(found).text == "first"
    with pytest.raises(XmlError):
        next(found)


def test_names() -> None:
    assert [local_name(tag) for tag in ("{urn:x}a", "n:a", "a", print)] == ["a", "a", "a", ""]
    assert text_at(None, "a") == ""
