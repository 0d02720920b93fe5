from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secft.dataset.sources.attack.bundle import read_bundle
from secft.dataset.sources.reading.stix import newest_objects


def version(name: str, modified: str, **more: Any) -> dict[str, Any]:
    reference = {"source_name": "mitre-attack", "external_id": "T1001", "url": "https://a.example/"}
    return {"type": "attack-pattern", "id": "attack-pattern--1", "name": name, "modified": modified,
            "external_references": [reference], **more}  # fmt: skip


def test_the_version_modified_last_is_in_force(tmp_path: Path) -> None:
    old, new = version("old", "2030-01-01T00:00:00.000Z"), version("new", "2030-01-01T00:00:00.5Z")
    other = {"type": "attack-pattern", "id": "attack-pattern--2", "name": "other"}
    for objects in ([old, new, other], [new, old, other]):
        bundle = {"type": "bundle", "objects": [*objects, "odd", {"type": "x"}, {"type": "x"}]}
        assert [item.get("name") for item in newest_objects(bundle)] == ["new", "other", None, None]
        path = tmp_path / "bundle.json"
        path.write_text(json.dumps(bundle))
        assert [item["name"] for item in read_bundle(path).techniques] == ["new", "other"]
    # What is revoked now is revoked, whatever it was before.
    revoked = version("gone", "2031-01-01T00:00:00Z", revoked=True)
    assert newest_objects({"objects": [revoked, new]}) == [revoked]
