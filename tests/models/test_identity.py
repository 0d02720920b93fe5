"""Which model a directory holds, and under which licence."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.models.identity import hub_id_of, licence_of


def model(place: Path, readme: str = "", **files: str) -> Path:
    place.mkdir(parents=True)
    if readme:
        (place / "README.md").write_text(readme, encoding="utf-8")
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("header", "licence"),
    [
        ("license: apache-2.0", "apache-2.0"),
        ("license: other\nlicense_name: Qwen-Research", "qwen-research"),
        ("license: other", "other"),
        ("license: [mit]", "mit"),
        ("language: en", ""),
        ("license: {a: [", ""),
        ("- a\n- b", ""),
    ],
)
def test_a_readme_names_the_licence(tmp_path: Path, header: str, licence: str) -> None:
    assert licence_of(model(tmp_path / "m", f"---\n{header}\n---\n# M\n")) == licence


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("                  Apache License\n              Version 2.0, January 2004", "apache-2.0"),
        ("MIT License\n\nCopyright", "mit"),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "llama3.1"),
        ("Gemma Terms of Use\nLast modified", "gemma"),
        ("All rights reserved.", ""),
    ],
)  # fmt: skip
def test_else_a_licence_file_does(tmp_path: Path, text: str, licence: str) -> None:
    assert licence_of(model(tmp_path / "m", LICENSE=text)) == licence


def test_the_cache_of_the_hub_names_the_repository(tmp_path: Path) -> None:
    place = model(tmp_path / "models--makers--small-model" / "snapshots" / "abc")
    assert hub_id_of(place) == "makers/small-model"


def test_a_readme_names_it_where_the_directory_has_its_name(tmp_path: Path) -> None:
    text = 'model_name = "makers/Small-1B"\nIt was made of makers/Base-1B.'
    assert hub_id_of(model(tmp_path / "Small-1B", text)) == "makers/Small-1B"
    assert hub_id_of(model(tmp_path / "my-model", text)) == ""
    assert hub_id_of(model(tmp_path / "makers--Small-1B", text)) == "makers/Small-1B"
    assert hub_id_of(model(tmp_path / "x" / "Small-1B", "https://huggingface.co/makers/Small-1B/tree")) == ""
