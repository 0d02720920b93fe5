from __future__ import annotations

from pathlib import Path

import pytest

from secft.errors import InputError
from secft.files import tree_digests, write_json
from secft.versions import ARCHIVE, MANIFEST, check_files, publish_newest, publish_version

FORM = "test/1"


def finished(directory: Path, content: str, **facts: str) -> Path:
    """Write a directory with a file, one below a folder, and the manifest last."""
    (directory / "more").mkdir(parents=True)
    (directory / "rows.txt").write_text(content)
    (directory / "more" / "part.txt").write_text(content)
    files = tree_digests(directory)
    write_json(directory / MANIFEST, {"format": FORM, "digest": content, "files": files, **facts})
    return directory


@pytest.mark.parametrize("move", [False, True])
def test_equal_content_is_found_again_and_other_content_is_the_next_version(tmp_path: Path, move: bool) -> None:
    data = tmp_path / "data"
    first = publish_version(finished(tmp_path / "a", "one"), data, "x", FORM, move=move)
    again = publish_version(finished(tmp_path / "b", "one", note="later"), data, "x", FORM, move=move)
    other = publish_version(finished(tmp_path / "c", "two"), data, "x", FORM, move=move)
    assert (first.name, again, other.name) == ("x-v1", first, "x-v2")
    assert (tmp_path / "a").exists() is not move
    assert not any(path.stat().st_mode & 0o222 for path in data.rglob("*.txt"))
    assert publish_version(finished(tmp_path / "d", "one"), data, "x-v1", FORM, move=move).name == "x-v1-v1"


def test_what_has_to_agree_can_be_more_than_the_digest(tmp_path: Path) -> None:
    first = publish_version(finished(tmp_path / "a", "one", kind="p"), tmp_path, "x", FORM, same=("digest", "kind"))
    other = publish_version(finished(tmp_path / "b", "one", kind="q"), tmp_path, "x", FORM, same=("digest", "kind"))
    assert (first.name, other.name) == ("x-v1", "x-v2")


def test_numbers_of_removed_versions_in_between_are_not_used_again(tmp_path: Path) -> None:
    places = [publish_version(finished(tmp_path / f"{n}", f"{n}"), tmp_path / "data", "x", FORM) for n in range(3)]
    for path in sorted(places[1].rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    places[1].rmdir()
    assert publish_version(finished(tmp_path / "n", "n"), tmp_path / "data", "x", FORM).name == "x-v4"


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / "data" / ".x-v1.tmp").mkdir(parents=True)
    assert publish_version(finished(tmp_path / "a", "one"), tmp_path / "data", "x", FORM).name == "x-v1"
    assert not list((tmp_path / "data").glob(".x-v1.tmp"))


def test_changed_files_and_other_formats_are_refused(tmp_path: Path) -> None:
    place = finished(tmp_path / "a", "one")
    assert check_files(place, FORM)["digest"] == "one"
    with pytest.raises(InputError, match="not a manifest of the format other/1"):
        check_files(place, "other/1")
    (place / "rows.txt").write_text("two")
    (place / "new.txt").write_text("")
    with pytest.raises(InputError, match=r"new\.txt, rows\.txt changed since"):
        publish_version(place, tmp_path / "data", "x", FORM)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a:b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a dataset"):
        publish_version(finished(tmp_path / "a", "one"), tmp_path / "data", name, FORM)


def test_a_newest_version_replaces_what_is_other_or_damaged_and_clears_what_was_left(tmp_path: Path) -> None:
    target = tmp_path / "models" / "x"
    leftover = tmp_path / "models" / ".x.tmp"
    leftover.mkdir(parents=True)
    (leftover / "half.bin").write_bytes(b"0")

    def put(digest: str) -> Path:
        def build(directory: Path) -> None:
            finished(directory / "made", digest)
            for path in (directory / "made").iterdir():
                path.rename(directory / path.name)
            (directory / "made").rmdir()

        return publish_newest(target, FORM, MANIFEST, build)

    assert put("one") == put("one") == target
    assert not leftover.exists()
    assert not (target.parent / ARCHIVE).exists()
    put("two")
    put("one")
    assert sorted(path.name for path in (target.parent / ARCHIVE).iterdir()) == ["x-v1", "x-v2"]
    assert check_files(target, FORM)["digest"] == "one"


def test_a_failed_build_leaves_the_version_that_stands(tmp_path: Path) -> None:
    target = tmp_path / "x"

    def fail(directory: Path) -> None:
        (directory / "half.bin").write_bytes(b"0")
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        publish_newest(target, FORM, MANIFEST, fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
