"""Input files: which ones a path stands for, and reading them line by line within bounds."""

from __future__ import annotations

import gzip
import os
import tracemalloc
from pathlib import Path

import pytest

from secft.dataset.sources.reading import input_files, paths
from secft.dataset.sources.reading.input_files import expand_paths, paths_problems, read_lines, refused_links
from secft.errors import InputError

FILES = [
    "d/part10.json",
    "d/part9.json",
    "d/sub/a.JSON",
    "d/notes.txt",
    "d/.hidden.json",
    "d/.git/x.json",
    "other.json",
]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_walked_in_natural_order(tree: Path) -> None:
    assert expand_paths(["d"], [".json"]) == ["d/part9.json", "d/part10.json", "d/sub/a.JSON"]
    assert expand_paths(["d"]) == ["d/notes.txt", "d/part9.json", "d/part10.json", "d/sub/a.JSON"]
    twice = expand_paths(["d/sub", "d", "d/part9.json", str(tree / "d")], [".json"])
    assert sorted(Path(path).name for path in twice) == ["a.JSON", "part10.json", "part9.json"]


def test_the_order_of_paths_does_not_matter(tree: Path) -> None:
    named = ["other.json", "d/sub", "d/part10.json"]
    assert expand_paths(named) == expand_paths(named[::-1])


def test_a_named_file_may_end_as_it_likes(tree: Path) -> None:
    assert expand_paths(["d/notes.txt", "d/sub"], [".json"]) == ["d/notes.txt", "d/sub/a.JSON"]
    assert expand_paths(["d/.hidden.json"]) == ["d/.hidden.json"]


def test_globs(tree: Path) -> None:
    assert expand_paths(["d/*.json"]) == ["d/part9.json", "d/part10.json"]
    assert expand_paths(["d/**/*"], [".json"]) == ["d/notes.txt", "d/part9.json", "d/part10.json", "d/sub/a.JSON"]
    assert expand_paths([f"{tree}/d/part[0-9].json"]) == [f"{tree}/d/part9.json"]
    assert expand_paths(["s*", "d/s*"], [".json"]) == ["d/sub/a.JSON"]
    (tree / "odd[1].json").write_text("x")
    assert expand_paths(["odd[1].json"]) == ["odd[1].json"]


def test_links_that_lead_out_are_refused(tree: Path) -> None:
    (tree / "d/out.json").symlink_to("../other.json")
    (tree / "d/outdir").symlink_to("/etc")
    (tree / "d/gone.json").symlink_to("nowhere.json")
    (tree / "d/loop.json").symlink_to("loop.json")
    (tree / "d/again.json").symlink_to("part9.json")
    (tree / "d/up").symlink_to("sub")
    for named in ("d", "d/*"):
        assert expand_paths([named], [".json"])[-3:] == ["d/part9.json", "d/part10.json", "d/sub/a.JSON"]
        assert refused_links([named], [".json"]) == ["d/gone.json", "d/loop.json", "d/out.json", "d/outdir"]
    (tree / "link").symlink_to("d/sub")
    assert expand_paths(["link"]) == ["link/a.JSON"], "what the user names may be a link"
    assert refused_links(["link"]) == []


def test_a_link_to_a_hidden_file_inside_is_kept(tree: Path) -> None:
    (tree / "d/shown.json").symlink_to(".hidden.json")
    assert "d/shown.json" in expand_paths(["d"])


def test_missing_paths(tree: Path) -> None:
    with pytest.raises(InputError, match="no/such: no such file or folder"):
        expand_paths(["no/such"])
    assert expand_paths(["d/*.xml"]) == []
    found = paths_problems(["d", "other.json", "d/*.json", "nope", "d/*.xml"], "source.osv.paths")
    assert [(problem.key, problem.value) for problem in found] == [
        ("source.osv.paths", "nope"),
        ("source.osv.paths", "d/*.xml"),
    ]
    assert "names no file" in str(paths_problems([], "source.osv.paths")[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(tree: Path) -> None:
    (tree / "d/sub").chmod(0)
    with pytest.raises(InputError, match="d/sub"):
        expand_paths(["d"])


def test_too_many_files(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_FILES", 2)
    with pytest.raises(InputError, match="more than 2 files"):
        expand_paths(["d"])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_numbered_and_long_ones_skipped(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(b"\xef\xbb\xbfone\r\n\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\n" + b"z" * 50 + b"\n  \nend"))
    assert list(read_lines(path, "text", 10)) == [(1, b"one"), (3, None), (4, b"y" * 10), (5, None), (7, b"end")]


def test_a_long_line_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"a" * 50_000_000 + b"\nb\n", 1))
    tracemalloc.start()
    assert list(read_lines(path, "text", 1000)) == [(1, None), (2, b"b")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_broken_files_of_lines_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    for content, said in ((b"", "is empty"), (b"\n \n", "is empty"), (gzip.compress(b"a\n" * 9999)[:-9], "truncated")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=said):
            list(read_lines(path, "text", 10))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_lines(tmp_path / "none", "text", 10))
    monkeypatch.setattr(input_files, "MAX_STREAM_BYTES", 30)
    for content in (b"a\n" * 20, b"a" * 1000):
        path.write_bytes(content)
        with pytest.raises(InputError, match="larger than 30"):
            list(read_lines(path, "text", 10))


def test_names_of_parts(tree: Path) -> None:
    (tree / "d/out.json").symlink_to("../other.json")
    assert paths.parts_of(["d"], [".json"]) == ["d/out.json", "d/part9.json", "d/part10.json", "d/sub/a.JSON"]
    assert [part for part in paths.parts_of(["d"]) if paths.is_refused_link(["d"], part)] == ["d/out.json"]
    assert not paths.is_refused_link(["d", "d/out.json"], "d/out.json"), "it is named itself"
    assert paths.shown_name(["d"], "d/sub/a.JSON") == "d/sub/a.JSON"
    assert paths.shown_name([f"{tree}/d"], f"{tree}/d/sub/a.JSON") == "d/sub/a.JSON"
    assert paths.shown_name([f"{tree}/d/s*"], f"{tree}/d/sub/a.JSON") == "d/sub/a.JSON"
    assert paths.shown_name(["d/sub/a.JSON"], "d/sub/a.JSON") == "a.JSON"
    assert paths.shown_name(["."], "d/sub/a.JSON") == "d/sub/a.JSON"
    assert paths.shown_name(["*"], "d/sub/a.JSON") == "d/sub/a.JSON"
    (tree / "e").mkdir()
    (tree / "e/a.JSON").write_text("x")
    named = paths.named_files(["d/sub/a.JSON", "e/a.JSON"])
    assert {name: str(path) for name, path in named.items()} == {"sub/a.JSON": "d/sub/a.JSON", "e/a.JSON": "e/a.JSON"}


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (["a/d", "b/d"], ["a/d/x", "b/d/x"]),
        (["d", "b/d"], ["d/x", "b/d/x"]),
        (["a/d", "c"], ["d/x", "c/x"]),
        (["a/d/x", "b/d/x"], ["a/d/x", "b/d/x"]),
        (["a/d/x", "b/d/y"], ["x", "y"]),
        (["1/s/d", "2/s/d", "c"], ["1/s/d/x", "2/s/d/x", "c/x"]),
        (["p/d", "q/d/e", "r/e"], ["p/d/x", "q/d/e/x", "r/e/x"]),
        (["a/d", "a/d/d"], ["d/x", "d/d/x"]),
        (["a/d/*", "b/d/*"], ["a/d/x", "b/d/x"]),
        ([".", "{tree}/a/d"], ["x", "d/x"]),
    ],
)
def test_paths_of_the_same_name_are_told_apart(tree: Path, named: list[str], shown: list[str]) -> None:
    named = [path.format(tree=tree) for path in named]
    found = {}
    for path in named:
        file = Path(path.removesuffix("*"))
        file = file / "x" if file.name not in {"x", "y"} else file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
        found[path] = paths.shown_name(named, str(file))
        assert paths.shown_name(named[::-1], str(file)) == found[path]
        absolute = [f"{tree}/{other}" for other in named if other[0] not in "./"]
        if len(absolute) == len(named) and named[0] != "d":
            assert paths.shown_name(absolute, f"{tree}/{file}") == found[path], "the same on every machine"
    assert list(found.values()) == shown


def test_many_files_are_named_in_no_time(tmp_path: Path) -> None:
    named = [f"{number}/same/report.json" for number in range(3000)]
    assert paths.shown_name(named, named[7]) == "7/same/report.json"


def test_odd_bytes_and_line_breaks_in_names_are_escaped() -> None:
    odd = os.fsdecode(b"d/a\xff\nb.json")
    assert paths.shown_name(["d"], odd) == "d/a\\udcff\\nb.json"
