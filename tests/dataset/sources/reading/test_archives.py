"""Archives and JSONL of files: what is read, what is refused and why; YAML that is out to harm."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from secft.dataset.sources.reading import archives
from secft.dataset.sources.reading.archives import Packed, read_packed
from secft.dataset.sources.reading.safe_yaml import BadYaml, load_yaml
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError


def tar_of(*members: tarfile.TarInfo | tuple[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def unpack(path: Path, suffixes: tuple[str, ...] = (".md",)) -> tuple[list[Packed], dict[str, int]]:
    log = ReadLog()
    return list(read_packed(path, suffixes, "texts", log)), log.tally.dropped


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_tar(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "a"
    path.write_bytes(
        pack(
            tar_of(
                ("./a/b.md", b"\xef\xbb\xbftext"),
                ("a/b.txt", b"no"),
                ("a/.git/x.md", b"no"),
                ("../up.md", b"no"),
                ("/etc/abs.md", b"no"),
                ("a/../../b.md", b"no"),
                ("a\\b.md", b"no"),
                ("a/\x01.md", b"no"),
                link("a/link.md", "/etc/passwd"),
                link("a/hard.md", "a/b.md", tarfile.LNKTYPE),
                link("a/fifo.md", "", tarfile.FIFOTYPE),
                ("z.md", b"\xff"),
                ("z.md", b"again"),
            )
        )
    )
    found, dropped = unpack(path)
    assert [(item.name, item.text) for item in found] == [("a/b.md", "text"), ("z.md", "\N{REPLACEMENT CHARACTER}")]
    assert dropped == {
        "archive.unsafe_name": 5,
        "archive.not_plain": 3,
        "archive.repeated": 1,
    }


def test_tar_that_hides_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar_of(("big.md", b"a" * 5_000_000), ("b.md", b"b"))))
    found, dropped = unpack(path)
    assert [item.name for item in found] == ["b.md"]
    assert dropped == {"archive.too_large": 1}
    header = tarfile.TarInfo("c.md")
    header.pax_headers = {"comment": "a" * 20_000_000}
    path.write_bytes(gzip.compress(tar_of(header)))
    with pytest.raises(InputError, match=r"a\.tar\.gz: .*larger than allowed"):
        unpack(path)
    monkeypatch.setattr(archives, "MAX_ARCHIVE", 50_000)
    path.write_bytes(gzip.compress(tar_of(*((f"{number}.md", b"a" * 900) for number in range(99)))))
    with pytest.raises(InputError, match="larger than allowed"):
        unpack(path)


def test_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 1000)
    path = tmp_path / "a.zip"
    linked = zipfile.ZipInfo("link.md")
    linked.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/b.md", "../up.md", "/abs.md", "c.txt", "folder/"):
            archive.writestr(name, "text")
        archive.writestr(linked, "/etc/passwd")
        archive.writestr("big.md", "a" * 5000)
        archive.writestr("broken.md", "some words here")
    path.write_bytes(path.read_bytes().replace(b"broken.md" + b"", b"broken.md", 1))
    found, dropped = unpack(path)
    assert [item.name for item in found] == ["a/b.md", "broken.md"]
    assert dropped == {
        "archive.unsafe_name": 2,
        "archive.not_plain": 1,
        "archive.too_large": 1,
    }
    monkeypatch.setattr(archives, "MAX_ARCHIVE", 5)
    with pytest.raises(InputError, match="larger than"):
        unpack(path)


def test_a_damaged_member_of_a_zip_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.md", "good words")
        archive.writestr("b.md", "more words")
    path.write_bytes(path.read_bytes().replace(b"good words", b"gOOd words"))
    found, dropped = unpack(path)
    assert [item.name for item in found] == ["b.md"]
    assert dropped == {"archive.broken": 1}


@pytest.mark.parametrize("content", [b"PK\x03\x04 nonsense", tar_of(("a.md", b"b" * 9000))[:2000]])
def test_broken_archives_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.bin: not a whole .* expected texts"):
        unpack(path)


def test_lines_of_files_and_of_records(tmp_path: Path) -> None:
    rows = [
        json.dumps({"path": "a/b.md", "text": "one \ud800"}),
        json.dumps({"id": "X-1"}),
        "[]",
        "{",
        "[" * 50_000,
        json.dumps({"path": "../b.md", "text": "two"}),
    ]
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    found, dropped = unpack(path)
    assert [(item.name, item.text, item.record) for item in found] == [
        ("a/b.md", "one ?", None),
        ("a.jsonl.gz:2", "", {"id": "X-1"}),
    ]
    assert dropped == {"record.not_object": 1, "record.not_json": 2, "archive.unsafe_name": 1}


def test_a_file_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.md.gz"
    path.write_bytes(gzip.compress(b"# Words"))
    assert unpack(path) == ([Packed("a.md", b"# Words")], {})
    with pytest.raises(InputError, match="cannot be read"):
        unpack(tmp_path / "none")


def test_yaml() -> None:
    assert load_yaml("a: 1\n---\nb: [x, *y]\n".replace("*y", "y")) == [{"a": 1}, {"b": ["x", "y"]}]
    assert load_yaml("a: &x [1]\nb: *x") == [{"a": [1], "b": [1]}]
    deep = "\n".join(" " * depth + "a:" for depth in range(60))
    assert load_yaml(deep)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 20_000 + "a",
        "{a: " * 50_000,
        "? " * 20_000,
        "\n".join(" " * depth + "a:" for depth in range(200)),
        "a: &x [*x]",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
        "a: !!python/object/apply:os.system [ls]",
        "a: [",
        "a: 2020-99-99",
        "a: *nobody",
        "\x00",
    ],
    ids=range(12),
)
def test_harmful_yaml_is_refused(text: str) -> None:
    with pytest.raises(BadYaml):
        load_yaml(text)
