"""OWASP's Markdown: sections, requirements of ASVS in all its forms, what is refused and why."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from secft.dataset import collect
from secft.dataset.sources.owasp import OwaspSource
from secft.dataset.sources.reading import markdown
from secft.errors import InputError
from tests.samples import each_place, is_full

from ..conftest import read, write

WORDS = "Passwords are stored with a slow hash, so that a stolen table is of little use. " * 4
SHEET = f"""# Password Storage Cheat Sheet

## Introduction

{WORDS}

See CWE-916 and [Argon2](http://x).

## Argon2

{WORDS}

```python
hash(password)
```

## TODO section

{WORDS * 4}

### Empty

TODO

## References

- [A](http://a)
- [B](http://b)
"""
CHAPTER = f"""# V1 Encoding

## Control Objective

{WORDS}

## V1.2 Injection

Why it matters: {WORDS}

| # | Description | Level |
| :---: | :--- | :---: |
| **1.2.1** | Verify that output [is](x) encoded. | 1 |
| **1.2.10** | Verify that `a` is escaped. | 3 |
| **x** | not a requirement | 3 |

| Other | Table |
|---|---|
| 1.1.1 | stays |
"""


def tar(*members: tuple[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in members:
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def test_sections_of_a_cheat_sheet(tmp_path: Path) -> None:
    path = write(tmp_path / "cheatsheets/Password_Storage_Cheat_Sheet.md", SHEET)
    found, log = read(OwaspSource(paths=[str(tmp_path / "cheatsheets")], chunk_tokens=200, license="mine"))
    name = "cheatsheets/Password_Storage_Cheat_Sheet.md"
    assert [document.id for document in found] == [f"owasp:{name}#{number}" for number in range(1, len(found) + 1)]
    assert [document.fields["section"] for document in found][:2] == ["Introduction", "Argon2"]
    first = found[0]
    assert (first.kind, first.title, first.license) == ("guide", "Password Storage Cheat Sheet > Introduction", "mine")
    assert first.url == "https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html"
    assert first.path == path
    assert first.fields["headings"] == ["Password Storage Cheat Sheet", "Introduction"]
    assert (first.fields["parent"], first.fields["cwes"]) == (f"owasp:{name}", ["CWE-916"])
    assert first.text.endswith("See CWE-916 and Argon2.")
    assert found[1].text.endswith("```python\nhash(password)\n```")
    assert max(len(document.text) for document in found) <= 200 * 4
    assert not [document.id for document in found if "References" in document.title]
    assert log.tally.dropped in ({}, {"owasp.short_section": 1})


def test_folder_archive_and_lines_give_the_same(tmp_path: Path) -> None:
    write(tmp_path / "sheets/A.md", SHEET)
    archive = write(tmp_path / "sheets.tar.gz", tar(("sheets/A.md", SHEET)))
    lines = write(tmp_path / "sheets.jsonl", json.dumps({"path": "sheets/A.md", "text": SHEET}))
    shapes = [read(OwaspSource(paths=[path]))[0] for path in (str(tmp_path / "sheets"), archive, lines)]
    plain = [[(document.id, document.title, document.text, document.fields) for document in found] for found in shapes]
    assert plain[0] == plain[1] == plain[2]
    assert len(plain[0]) >= 2


def test_requirements_of_asvs_5(tmp_path: Path) -> None:
    found, log = read(OwaspSource(paths=[write(tmp_path / "0x10-V1.md", CHAPTER)]))
    controls = [document for document in found if document.kind == "control"]
    assert [document.id for document in controls] == ["ASVS-V1.2.1", "ASVS-V1.2.10"]
    first = controls[0]
    assert first.title == "ASVS 5.0 V1.2.1: Injection"
    assert first.text == (
        "Verify that output is encoded.\n\nASVS 5.0, chapter V1 Encoding, section V1.2 Injection, level 1."
    )
    assert first.fields == {
        "description": "Verify that output is encoded.",
        "level": 1,
        "chapter": "V1 Encoding",
        "section": "V1.2 Injection",
        "number": "1.2.1",
        "standard": "ASVS 5.0",
        "cwes": [],
        "file": "0x10-V1.md",
        "parent": "ASVS-V1.2",
    }
    assert controls[1].fields["level"] == 3
    guides = "\n".join(document.text for document in found if document.kind == "guide")
    assert "Why it matters" in guides
    assert "1.1.1 | stays" in guides
    assert "Verify that" not in guides
    assert not log.refused


def flat(number: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "chapter_id": "V1",
        "chapter_name": "Encoding",
        "section_id": "V1.2",
        "section_name": "Injection",
        "req_id": f"V{number}",
        "req_description": description,
        **more,
    }


ROWS = [flat("1.2.1", "Verify that output is encoded.", L="1"), flat("1.2.10", "Verify that `a` is escaped.", L="3")]


def as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def nested(item: dict[str, Any]) -> str:
    section = {"Shortcode": "V1.2", "Name": "Injection", "Items": [item]}
    return json.dumps({"Requirements": [{"Shortcode": "V1", "Name": "Encoding", "Items": [section]}]})


def test_json_and_csv_agree_with_markdown(tmp_path: Path) -> None:
    shapes = {
        "a.md": CHAPTER,
        "b.csv": "\N{ZERO WIDTH NO-BREAK SPACE}" + as_csv(ROWS),
        "c.json": json.dumps({"requirements": ROWS}),
        "d.json": nested({"Shortcode": "V1.2.1", "Description": "Verify that output is encoded.", "L": "1"}),
    }
    for name, content in shapes.items():
        found, _ = read(OwaspSource(paths=[write(tmp_path / name, content)]))
        first = next(document for document in found if document.kind == "control")
        assert (first.id, first.text, first.fields["level"]) == (
            "ASVS-V1.2.1",
            "Verify that output is encoded.\n\nASVS 5.0, chapter V1 Encoding, section V1.2 Injection, level 1.",
            1,
        )


def test_version_4_has_its_own_ids(tmp_path: Path) -> None:
    table = "| # | Description | L1 | L2 | L3 | CWE |\n|---|---|---|---|---|---|\n"
    text = f"# V1 Encoding\n\n## V1.2 Injection\n\nWords that lead to the table.\n\n{table}"
    text += "| **1.2.1** | Verify that output is encoded. | | ✓ | ✓ | 116, 79 |\n"
    text += "| **1.2.2** | [DELETED, MERGED TO 1.2.1] | | | | |\n"
    item = {
        "Shortcode": "V1.2.1",
        "Description": "Verify that output is encoded.",
        "L1": {"Required": False},
        "L2": {"Required": True},
        "L3": {"Required": True},
        "CWE": [116, 79],
    }
    row = flat("1.2.1", "Verify that output is encoded.", level1="", level2="✓", level3="✓", cwe="116,79")
    for name, content in {"a.md": text, "b.json": nested(item), "c.csv": as_csv([row])}.items():
        found, log = read(OwaspSource(paths=[write(tmp_path / name, content)]))
        document = next(document for document in found if document.kind == "control")
        assert (document.id, document.fields["level"]) == ("ASVS-4.0-V1.2.1", 2)
        assert document.fields["cwes"] == ["CWE-116", "CWE-79"]
        assert document.source_version == "ASVS 4.0"
        assert log.tally.dropped.get("owasp.moved_requirement", 0) == (name == "a.md")


def test_every_refusal_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "MAX_CHARACTERS", 30_000)
    folder = tmp_path / "docs"
    cases = {
        "good.md": SHEET,
        "README.md": SHEET,
        "IndexTopTen.md": SHEET,
        "old.md": f"# DEPRECATED: Something\n\n{WORDS}",
        "moved.md": "# Something\n\nThis has moved to [there](x).",
        "blank.md": "",
        "XSS_Filter_Evasion_Cheat_Sheet.md": SHEET,
        "long.md": "a " * 20_000,
        "package.json": '{"name": "x"}',
        "deep.json": "[" * 100_000,
        "other.csv": "a,b\n1,2\n",
        "broken.csv": 'req_id\n"x',
        "twice.csv": as_csv([ROWS[0], ROWS[0]]),
        "lines.jsonl": json.dumps({"id": 1}),
        ".git/x.md": SHEET,
        "script.py": "not read",
    }
    for name, content in cases.items():
        write(folder / name, content)
    write(folder / "bad.tar.gz", gzip.compress(b"nonsense" * 99))
    (folder / "etc.md").symlink_to("/etc/hostname")
    found, log = read(OwaspSource(paths=[str(folder)]))
    assert {document.fields["file"] for document in found} == {"docs/good.md", "docs/twice.csv"}
    log.tally.dropped.pop("owasp.short_section", None)
    assert log.tally.dropped == {
        "owasp.not_guide": 2,
        "record.deprecated": 1,
        "owasp.short_text": 1,
        "owasp.excluded": 1,
        "owasp.long_text": 1,
        "owasp.not_asvs": 4,
        "record.repeated_id": 1,
        "owasp.no_path": 1,
        "file.unreadable": 2,
        "file.link_outside": 1,
    }


def test_exclude_is_configured(tmp_path: Path) -> None:
    path = write(tmp_path / "XSS_Filter_Evasion_Cheat_Sheet.md", SHEET)
    assert read(OwaspSource(paths=[path]))[0] == []
    assert read(OwaspSource(paths=[path], exclude=[]))[0]


def test_a_named_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.tgz: .*; expected texts of OWASP"):
        read(OwaspSource(paths=[write(tmp_path / "a.tgz", b"nonsense")]))
    found = collect.problems({"owasp": OwaspSource(paths=[str(tmp_path / "none")])})
    assert [problem.key for problem in found] == ["source.owasp.paths"]


@each_place("owasp/cheatsheets.tar.gz")
def test_published_cheat_sheets(place: Path) -> None:
    found, log = read(OwaspSource(paths=[str(place)]))
    with tarfile.open(place) as archive:
        texts = {item.name: archive.extractfile(item).read().decode() for item in archive if item.isfile()}  # type: ignore[union-attr]
    files = {document.fields["file"] for document in found}
    refused = {row["record"] for row in log.refused if row["reason"] != "owasp.short_section"}
    assert files | refused == set(texts)
    assert len(refused) == (5 if is_full(place) else 0)
    assert not files & refused
    code = sum(document.text.count("```") for document in found)
    assert code % 2 == 0
    for name in sorted(files)[:: 10 if is_full(place) else 1]:
        source = re.sub(r"\]\([^)]*\)", "", re.split(r"\n#+ (?:References|Related)", texts[name])[0])
        words = re.findall(r"[a-z]{5,}", source)
        whole = " ".join(f"{document.title} {document.text}" for document in found if document.fields["file"] == name)
        kept = set(re.findall(r"[a-z]{5,}", whole))
        assert sum(word in kept for word in words) / len(words) > 0.93, name
    assert max(len(document.text) for document in found) <= 384 * 4
    assert len({document.id for document in found}) == len(found)


@each_place("owasp/asvs")
def test_published_asvs(place: Path) -> None:
    row = re.compile(r"^\| \*\*(\d+\.\d+\.\d+)\*\* \| (.*) \| (\d) \|$", re.MULTILINE)
    rows = [match for path in place.glob("0x1*.md") for match in row.findall(path.read_text())]
    rows += [match for path in place.glob("0x2*.md") for match in row.findall(path.read_text())]
    found, _ = read(OwaspSource(paths=[str(place)]))
    controls = {document.id: document for document in found if document.kind == "control"}
    assert len(controls) == len(rows) == (345 if is_full(place) else 46)
    assert {(name, document.fields["level"]) for name, document in controls.items()} == {
        (f"ASVS-V{number}", int(level)) for number, _, level in rows
    }
    plain = {f"ASVS-V{number}": text for number, text, _ in rows if not set("[]<&\\*_") & set(text)}
    assert len(plain) > len(rows) / 2
    assert all(controls[name].fields["description"] == text for name, text in plain.items())
    assert all(document.fields["section"].startswith("V") for document in controls.values())
