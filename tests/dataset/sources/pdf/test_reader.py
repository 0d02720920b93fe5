"""Files to documents: sections, names, limits, what is refused and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fpdf import FPDF

from secft.dataset.sources.pdf import PdfSource, reader
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError, MissingExtraError
from secft.files import canonical_json
from tests.dataset.sources.pdf.papers import PROSE, columns, headline, paper, prose, read


def test_sections_pages_and_provenance(tmp_path: Path) -> None:
    def draw(document: FPDF) -> None:
        headline(document, "Password Storage", 20)
        prose(document, PROSE * 2)
        headline(document, "Argon2")
        prose(document, PROSE * 6)
        document.add_page()
        headline(document, "Session Management", 20)
        prose(document, PROSE * 6 + "See CVE-2021-44228 and CWE-79.")

    path = paper(tmp_path, draw)
    documents, log = read(path, license="CC0", chunk_tokens=200)
    assert log.tally.dropped == {"pdf.margin": 1}
    assert log.refused[0]["detail"] == "Handbook of Testing - Chapter 1 (2 of 2 pages)"
    first, second, third = documents
    assert [document.fields["section"] for document in documents] == [
        "Password Storage",
        "Password Storage > Argon2",
        "Session Management",
    ]
    assert [document.fields["pages"] for document in documents] == [[1, 1], [1, 1], [2, 2]]
    assert second.text == (PROSE * 6).strip()
    assert (first.id, first.kind, first.title) == ("pdf:paper.pdf#1", "guide", "paper: Password Storage")
    assert (first.path, first.url, first.license) == (str(path), "", "CC0")
    assert second.fields["parent"] == first.fields["parent"] == "pdf:paper.pdf > Password Storage"
    assert (third.fields["cves"], third.fields["cwes"]) == (["CVE-2021-44228"], ["CWE-79"])
    assert first.source_version.startswith("sha256:")


def test_limits_and_links_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = paper(folder, lambda document: prose(document, PROSE))
    (tmp_path / "out.pdf").write_bytes(good.read_bytes())
    (folder / "link.pdf").symlink_to(tmp_path / "out.pdf")
    documents, log = read(folder)
    assert len(documents) == 1
    assert log.tally.dropped == {"file.link_outside": 1}
    assert read(good, max_bytes=100)[1].tally.dropped == {"file.too_large": 1}
    two = paper(tmp_path, lambda document: document.add_page(), name="two.pdf")
    assert read(two, max_pages=1)[1].tally.dropped == {"pdf.too_many_pages": 1}
    assert read(good, timeout=0.001)[1].tally.dropped == {"process.timed_out": 1}
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"no file ends in \.pdf"):
        read(tmp_path / "none")


def test_files_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(paper(tmp_path / name, lambda document: prose(document, PROSE), name="same.pdf"))
    assert [document.id for document in read(*paths)[0]] == [f"pdf:{name}/same.pdf#1" for name in "ab"]
    assert [document.id for document in read(tmp_path)[0]] == [
        f"pdf:{tmp_path.name}/{name}/same.pdf#1" for name in ("a", "b")
    ]


def test_problems_are_told_before_the_run(tmp_path: Path) -> None:
    path = paper(tmp_path, lambda document: prose(document, PROSE))
    assert reader.READER.problems(PdfSource(paths=[str(path), "https://example.org/a.pdf"]), "source.pdf") == []
    (missing,) = reader.READER.problems(PdfSource(paths=["nowhere.pdf"]), "source.pdf")
    assert (missing.key, missing.value) == ("source.pdf.paths", "nowhere.pdf")
    (bad,) = reader.READER.problems(PdfSource(paths=["http://user:word@example.org/a.pdf"]), "source.pdf")
    assert "credentials" in bad.reason
    assert "word" not in str(bad)
    (absent,) = reader.READER.problems(PdfSource(paths=[str(path)], engine="docling"), "source.pdf")
    assert (absent.key, absent.remedy) == ("source.pdf.engine", "Run: pip install docling")
    with pytest.raises(MissingExtraError, match="pip install docling"):
        read(path, engine="docling")


def test_the_result_depends_on_nothing_but_the_files(tmp_path: Path) -> None:
    paths = [
        paper(tmp_path, columns, name="one.pdf"),
        paper(tmp_path, lambda document: prose(document, PROSE), name="two.pdf"),
    ]
    once = canonical_json(read(*paths)[0])
    assert canonical_json(read(*reversed(paths))[0]) == once
    config = PdfSource(paths=[str(path) for path in paths])
    assert reader.READER.read_part
    separate = [document for path in paths for document in reader.READER.read_part(config, str(path), ReadLog())]
    assert canonical_json(separate) == once
