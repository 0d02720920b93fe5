"""Controls and control enhancements of an OSCAL catalogue (JSON), such as NIST SP 800-53.

Fields of a document (kind ``control``): ``statement`` (what is required, one line an item, parameters readable),
``guidance``, ``objectives`` [{label, prose}], ``assessment`` [{method, objects}], ``parameters`` [{id, text,
guidelines}], ``related`` and ``required`` (ids of controls), ``references`` [{title, url}], ``group`` and
``group_title`` (the family), ``parent`` (the control that an enhancement belongs to, or empty), ``parent_title``,
``class``, ``oscal_id``. Ids are those of the catalogue's label where it reads like one, such as ``AC-2(1)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.dataset.sources.oscal import OscalSource
from secft.dataset.sources.oscal.prose import (
    MAX_DEPTH,
    Parameters,
    TooDeepError,
    objectives,
    part_text,
    prop,
    render_parameter,
    render_prose,
)
from secft.dataset.sources.reading.input_files import path_problems, read_json_input
from secft.dataset.sources.reading.json_values import mapping, mappings, string
from secft.dataset.sources.source import Reader, ReadLog
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document

EXPECTED = "an OSCAL catalogue as JSON, with `catalog`"
_LABEL = re.compile(r"[A-Z]{2,6}-\d{1,4}(\(\d{1,4}\))?")
_NIST_ID = re.compile(r"([a-z]{2})-(\d{1,4})(?:\.(\d{1,4}))?")
_OBJECTIVE = ("assessment-objective", "objective")
_METHOD = ("assessment-method", "assessment")
_MOVED = ("incorporated-into", "moved-to")


@dataclass(frozen=True)
class _Placed:
    """A control and where it stands: its group, the control above it, and every parameter in scope."""

    control: dict[str, Any]
    group: dict[str, Any]
    parent: dict[str, Any]
    depth: int


def _name(control: dict[str, Any]) -> str:
    """Return the id that people use, for example AC-2(1)."""
    label, identifier = prop(control, "label"), string(control, "id")
    if _LABEL.fullmatch(label):
        return label
    parts = _NIST_ID.fullmatch(identifier)
    if not parts:
        return identifier
    family, number, enhancement = parts.groups()
    return f"{family.upper()}-{number}" + (f"({enhancement})" if enhancement else "")


def _controls_of(node: dict[str, Any], group: dict[str, Any], parent: dict[str, Any], depth: int) -> Iterator[_Placed]:
    for control in mappings(node, "controls"):
        yield _Placed(control, group, parent, depth)
        if depth < MAX_DEPTH:
            yield from _controls_of(control, group, control, depth + 1)


def _walk(node: dict[str, Any], group: dict[str, Any], depth: int = 0) -> Iterator[_Placed]:
    """Yield the controls of a catalogue or group, of the groups in it, and the enhancements below them."""
    yield from _controls_of(node, group, {}, depth)
    for inner in mappings(node, "groups"):
        if depth < MAX_DEPTH:
            yield from _walk(inner, inner, depth + 1)


def _all_parameters(catalogue: dict[str, Any], placed: list[_Placed]) -> Parameters:
    holders = [catalogue, *(item.group for item in placed), *(item.control for item in placed)]
    return {string(item, "id"): item for holder in holders for item in mappings(holder, "params")}


def _links(control: dict[str, Any], relation: str) -> list[str]:
    return [string(link, "href").lstrip("#") for link in mappings(control, "links") if string(link, "rel") == relation]


def _parts(control: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [part for part in mappings(control, "parts") if string(part, "name") in names]


class _Catalogue:
    """A catalogue with what controls refer to: names of controls, parameters and references by id."""

    def __init__(self, catalogue: dict[str, Any], path: Path, license_name: str) -> None:
        self.path, self.license = path, license_name
        self.placed = list(_walk(catalogue, {}))
        self.parameters = _all_parameters(catalogue, self.placed)
        self.names = {string(item.control, "id"): _name(item.control) for item in self.placed}
        self.resources = {
            string(item, "uuid"): item for item in mappings(mapping(catalogue, "back-matter"), "resources")
        }
        self.version = string(mapping(catalogue, "metadata"), "version") or "unknown"

    def linked(self, control: dict[str, Any], relation: str) -> list[str]:
        """Return the names of controls that a control links to; those outside the catalogue by their own id."""
        return list(dict.fromkeys(self.names.get(href, _name({"id": href})) for href in _links(control, relation)))

    def references(self, control: dict[str, Any]) -> list[dict[str, str]]:
        """Return title and address of the publications that a control refers to."""
        found = [self.resources[href] for href in _links(control, "reference") if href in self.resources]
        return [
            {
                "title": string(item, "title"),
                "url": next((string(link, "href") for link in mappings(item, "rlinks")), ""),
            }
            for item in found
        ]

    def fields(self, item: _Placed) -> dict[str, Any]:
        """Return the fields of a control's document.

        Raises:
            TooDeepError: its parts or parameters are nested without end.
        """
        control = item.control
        return {
            "statement": "\n".join(part_text(part, self.parameters) for part in _parts(control, ("statement",))),
            "guidance": "\n\n".join(part_text(part, self.parameters) for part in _parts(control, ("guidance",))),
            "objectives": [
                found for part in _parts(control, _OBJECTIVE) for found in objectives(part, self.parameters)
            ],
            "assessment": [
                {
                    "method": (prop(part, "method") or string(part, "title")).capitalize(),
                    "objects": [
                        " ".join(line.split())
                        for inner in mappings(part, "parts")
                        for line in string(inner, "prose").split("\n\n")
                        if line.strip()
                    ],
                }
                for part in _parts(control, _METHOD)
            ],
            "parameters": [
                {
                    "id": string(item, "id"),
                    "text": render_parameter(string(item, "id"), self.parameters),
                    "guidelines": "\n".join(
                        render_prose(string(guide, "prose"), self.parameters) for guide in mappings(item, "guidelines")
                    ),
                }
                for item in mappings(control, "params")
            ],
            "related": self.linked(control, "related"),
            "required": self.linked(control, "required"),
            "references": self.references(control),
            "group": string(item.group, "id").upper(),
            "group_title": string(item.group, "title"),
            "parent": _name(item.parent) if item.parent else "",
            "parent_title": string(item.parent, "title"),
            "class": string(control, "class"),
            "oscal_id": string(control, "id"),
        }

    def document(self, item: _Placed, fields: dict[str, Any]) -> Document:
        """Return the document of one control."""
        title = " | ".join(part for part in (fields["parent_title"], string(item.control, "title")) if part)
        checks = "\n".join(f"{entry['label']} {entry['prose']}".strip() for entry in fields["objectives"])
        sections = [fields["statement"], fields["guidance"], f"Assessment objectives:\n{checks}" if checks else ""]
        return Document(
            id=_name(item.control),
            kind="control",
            title=title,
            text="\n\n".join(section for section in sections if section),
            fields=fields,
            source="oscal",
            source_version=self.version,
            license=self.license,
            url="",
            path=str(self.path),
        )


def _open(path: Path) -> dict[str, Any]:
    """Return the catalogue object of a file.

    Raises:
        InputError: the file holds something else.
    """
    data = read_json_input(path, EXPECTED)
    catalogue = mapping(data, "catalog") if isinstance(data, dict) else {}
    if catalogue:
        return catalogue
    if isinstance(data, dict) and "profile" in data:
        raise InputError(
            f"{path}: is an OSCAL profile: it only selects controls of other catalogues. Expected {EXPECTED}; "
            "give the catalogue itself, or the profile resolved into one (NIST publishes them as *-resolved-profile_"
            "catalog.json)."
        )
    found = ", ".join(sorted(map(str, data))[:5]) if isinstance(data, dict) else type(data).__name__
    raise InputError(f"{path}: holds {found or 'an empty object'}; expected {EXPECTED}.")


def _withdrawn(control: dict[str, Any]) -> bool:
    return prop(control, "status").lower() == "withdrawn" or string(control, "status").lower() == "withdrawn"


def _read(config: OscalSource, log: ReadLog) -> Iterator[Document]:
    """Yield controls and enhancements that are in force.

    Raises:
        InputError: the file is not an OSCAL catalogue with controls.
    """
    path = Path(config.path)
    catalogue = _Catalogue(_open(path), path, config.license)
    seen: set[str] = set()
    for item in catalogue.placed:
        name = _name(item.control)
        if not name:
            log.refuse(string(item.control, "title") or "control", Reason("record.no_id"))
        elif name in seen:
            log.refuse(name, Reason("record.repeated_id"))
        elif _withdrawn(item.control):
            moved = [target for relation in _MOVED for target in catalogue.linked(item.control, relation)]
            log.refuse(name, Reason("record.withdrawn"), f"now in {', '.join(moved)}" if moved else "")
        else:
            seen.add(name)
            yield from _document(catalogue, item, name, log)
    if not catalogue.placed:
        raise InputError(f"{path}: the catalogue contains no controls; expected {EXPECTED}.")


def _document(catalogue: _Catalogue, item: _Placed, name: str, log: ReadLog) -> Iterator[Document]:
    try:
        fields = catalogue.fields(item)
    except TooDeepError as error:
        log.refuse(name, Reason("record.too_deep"), str(error))
        return
    if not fields["statement"] and not fields["guidance"]:
        log.refuse(name, Reason("oscal.no_statement"))
        return
    yield catalogue.document(item, fields)


def _external_files(config: OscalSource) -> dict[str, Path]:
    return {"catalogue": Path(config.path)}


def _problems(config: OscalSource, key: str) -> list[Problem]:
    return path_problems(config.path, f"{key}.path")


READER = Reader(read=_read, external_files=_external_files, problems=_problems)
