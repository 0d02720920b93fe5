from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.config.compose import compose_job, open_key_overrides, read_config
from secft.dataset import collect
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.source import ReadLog
from secft.errors import InputError
from secft.pipelines import FINETUNE
from secft.records import Document

CHAT = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}


def read(config: JsonlSource | ParquetSource) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    return collect.read_documents(config, log), log


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def parquet(path: Path, rows: list[dict[str, Any]], **more: Any) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, **more)
    return str(path)


def make(kind: str, path: Path, rows: list[dict[str, Any]], **more: Any) -> JsonlSource | ParquetSource:
    if kind == "jsonl":
        return JsonlSource(path=jsonl(path / "x.jsonl", rows), **more)
    return ParquetSource(paths=[parquet(path / "x.parquet", rows)], **more)


both = pytest.mark.parametrize("kind", ["jsonl", "parquet"])


@both
def test_columns_are_mapped(kind: str, tmp_path: Path) -> None:
    rows = [{"prompt": "Why?", "completion": "So.", "about": "CWE-79", "nr": 7, "user": "ignored", "assistant": "no"}]
    columns = {"prompt": "user", "completion": "assistant", "about": "entity", "nr": "id"}
    (document,), _ = read(make(kind, tmp_path, rows, fields=columns, license="mit"))
    assert [turn["content"] for turn in document.fields["messages"]] == ["Why?", "So."]
    assert (document.id, document.kind, document.fields["entity"]) == (f"{kind}:7", "record", "CWE-79")
    assert (document.license, document.source_version[:7]) == ("mit", "sha256:")


@both
def test_texts_become_guides(kind: str, tmp_path: Path) -> None:
    rows = [
        {"body": " Patch early.\n\nPatch often. ", "head": "Patching", "url": "https://x", "license": "CC0"},
        {"body": "Second line\nis not the title.", "head": None, "url": "", "license": None},
        {"body": " ", "head": "Empty", "url": "", "license": ""},
    ]
    config = make(kind, tmp_path, rows, fields={"body": "text", "head": "title"}, license="mit")
    with pytest.raises(InputError, match="an empty text"):
        read(config)
    setattr(config, "max_bad_lines" if kind == "jsonl" else "max_bad_rows", 1)
    found, log = read(config)
    assert [(document.kind, document.title, document.license, document.url) for document in found] == [
        ("guide", "Patching", "CC0", "https://x"),
        ("guide", "Second line", "mit", ""),
    ]
    assert found[0].text == "Patch early.\n\nPatch often."
    assert found[0].fields == {"parent": ""}
    assert log.tally.dropped == {"chat_record.no_text": 1}


@both
def test_every_shape_is_read_alike(kind: str, tmp_path: Path) -> None:
    rows = [
        {**CHAT, "task": "t"},
        {"system": "s", "user": "a", "assistant": "b"},
        {"instruction": "a", "input": "more", "output": "b"},
        {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
        {"user": "pick", "assistant": "x", "choices": ["x", "y"], "answer": 0},
        {"messages": {"role": ["user", "assistant"], "content": ["a", "b"]}},
    ]
    for number, row in enumerate(rows):
        folder = tmp_path / str(number)
        folder.mkdir()
        (document,), _ = read(make(kind, folder, [row]))
        assert document.fields["messages"][-1]["role"] == "assistant"
    assert document.fields["messages"][0] == {"role": "user", "content": "a"}


@both
def test_bad_rows_are_counted(kind: str, tmp_path: Path) -> None:
    rows = [{**CHAT, "id": "a"}, {"messages": None, "id": "b"}, {**CHAT, "id": "a"}, {"messages": [], "id": "c"}]
    config = make(kind, tmp_path, rows)
    with pytest.raises(InputError, match=r"2 bad (line|row)\(s\), 0 allowed"):
        read(config)
    setattr(config, "max_bad_lines" if kind == "jsonl" else "max_bad_rows", 2)
    found, log = read(config)
    assert [document.id for document in found] == [f"{kind}:a"]
    assert log.tally.dropped == {"record.empty": 1, "record.repeated_id": 1, "chat_record.no_turns": 1}


@both
def test_wrong_mappings_are_problems(kind: str, tmp_path: Path) -> None:
    config = make(kind, tmp_path, [CHAT], fields={"a": "usr", "b": "user", "c": "user", "d": "text"})
    found = collect.problems({kind: config})
    assert [problem.key for problem in found] == [f"source.{kind}.fields.{name}" for name in "acd"]
    assert "Did you mean 'user'?" in str(found[0])
    assert "messages" in found[0].allowed
    assert "the column b is the user already" in str(found[1])
    assert "Leave out text, or user" in str(found[2])


@both
def test_the_command_line_takes_new_columns(kind: str) -> None:
    where = f"source.{kind}.path=x" if kind == "jsonl" else f"source.{kind}.paths=[x]"
    overrides = [
        f"source=[{kind}]",
        where,
        f"source.{kind}.fields.prompt=user",
        f"source.{kind}.fields.reply=assistant",
    ]
    config: Any = read_config(overrides).source[kind]
    assert config.fields == {"prompt": "user", "reply": "assistant"}
    assert open_key_overrides(overrides)[2] == f"++source.{kind}.fields.prompt=user"
    assert read_config([*overrides[:2], f"source.{kind}.fields={{prompt: user}}"]).source[kind] is not None
    deep = compose_job([*overrides[:2], f"source.{kind}.fields.a.b=user"])
    assert [problem.key for problem in deep.problems] == [f"source.{kind}.fields.a.b"]


@both
def test_texts_need_synthesis_and_conversations_do_not(kind: str) -> None:
    where = f"source.{kind}.path=x" if kind == "jsonl" else f"source.{kind}.paths=[x]"
    texts = f"source.{kind}.fields.body=text"

    def about(*overrides: str) -> list[str]:
        found = FINETUNE.problems(read_config([f"source=[{kind}]", where, *overrides]), machine=False)
        return [problem.reason for problem in found if problem.key == "synthesis"]

    assert about("synthesis=none") == []
    assert about("synthesis=none", texts) == [f"the source {kind} gives documents, not chat records"]
    assert about("synthesis=template", texts) == []
    assert about("synthesis=template") == about() == []
    assert "already" in about("synthesis=llm")[0]


def test_the_whole_program_takes_new_columns(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "secft",
        "source=[jsonl]",
        "source.jsonl.path=x",
        "source.jsonl.fields.prompt=user",
    ]
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [*command, "--cfg", "job"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["source"]["jsonl"]["fields"]["prompt"] == "user"


def test_text_that_is_no_unicode_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"user": "a \\ud800", "assistant": "b", "choices": ["b"], "answer": 0}\n')
    collect.collect({"jsonl": JsonlSource(path=str(path))}, tmp_path / "out")
    assert "a ?" in (tmp_path / "out" / collect.DOCUMENTS).read_text()


def memory_of(code: str, *arguments: str) -> tuple[str, int]:
    """Run code that prints one line in a process of its own; return the line and how much memory it added (KiB)."""
    start = "import resource, sys\npeak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    done = subprocess.run([sys.executable, "-c", start + code, *arguments], capture_output=True, text=True, check=True)
    line, added = done.stdout.splitlines()
    return line, int(added)


LONG_LINE = """
from secft.dataset.sources.own_records import JsonlSource
from secft.dataset import collect
from secft.dataset.sources.source import ReadLog
before = peak()
log = ReadLog()
found = collect.read_documents(JsonlSource(path=sys.argv[1], max_bad_lines=1), log)
print(len(found), log.tally.dropped)
print(peak() - before)
"""


def test_a_line_of_100_megabytes_is_not_held(tmp_path: Path) -> None:
    with (tmp_path / "x.jsonl").open("w") as stream:
        stream.write(json.dumps(CHAT) + "\n" + '{"user": "')
        for _ in range(100):
            stream.write("a" * (1 << 20))
        stream.write('", "assistant": "b"}\n' + json.dumps(CHAT) + "\n")
    line, added = memory_of(LONG_LINE, str(tmp_path / "x.jsonl"))
    assert line == "2 {'record.too_long 4,194,304': 1}"
    assert added < 40 << 10


def test_files_folders_and_names(tmp_path: Path) -> None:
    parquet(tmp_path / "in" / "part10.parquet", [CHAT])
    parquet(tmp_path / "in" / "deep" / "part9.parquet", [CHAT, CHAT])
    (tmp_path / "in" / "notes.txt").write_text("no")
    parquet(tmp_path / "out.parquet", [CHAT])
    (tmp_path / "in" / "link.parquet").symlink_to(tmp_path / "out.parquet")
    found, log = read(ParquetSource(paths=[str(tmp_path / "in")]))
    assert [document.id for document in found] == [
        "parquet:deep/part9.parquet#0000001",
        "parquet:deep/part9.parquet#0000002",
        "parquet:part10.parquet#0000001",
    ]
    assert log.tally.dropped == {"file.link_outside": 1}
    twins = [parquet(tmp_path / name / "x.parquet", [CHAT]) for name in "ab"]
    found, _ = read(ParquetSource(paths=twins))
    assert [document.id for document in found] == [f"parquet:{path}#0000001" for path in twins]


def test_other_columns_are_not_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "x.parquet", [{**CHAT, "image": b"x" * 1000}])
    (document,), _ = read(ParquetSource(paths=[path]))
    assert "image" not in document.fields
    with pytest.raises(InputError, match=r"none of its columns is known \(a, b\)"):
        read(ParquetSource(paths=[parquet(tmp_path / "y.parquet", [{"a": 1, "b": 2}])]))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(500) + b"PAR1", b"ARROW1" + bytes(100), b"text"])
def test_broken_files_say_what_was_expected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(InputError, match="expected a Parquet file"):
        read(ParquetSource(paths=[str(tmp_path / "x.parquet")]))


def test_a_damaged_place_ends_a_file(tmp_path: Path) -> None:
    rows = [{"user": f"q{number}" * 50, "assistant": "b"} for number in range(5000)]
    settings: dict[str, Any] = {"row_group_size": 1000, "compression": "gzip", "use_dictionary": False}
    path = Path(parquet(tmp_path / "x.parquet", rows, **settings))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(InputError, match="broken from here on"):
        read(ParquetSource(paths=[str(path)]))
    found, log = read(ParquetSource(paths=[str(path)], max_bad_rows=1))
    assert 1000 <= len(found) < 5000
    assert log.tally.dropped == {"file.broken_rest": 1}


def test_no_rows_is_an_error(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"user": pa.array([], pa.string())}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="holds no rows"):
        read(ParquetSource(paths=[str(tmp_path / "x.parquet")]))


LARGE = """
from secft.dataset.sources.own_records.arrow_rows import rows
from pathlib import Path
import pyarrow.parquet
before = peak()
print(sum(1 for row in rows(Path(sys.argv[1]), lambda names: names)))
print(peak() - before)
"""


def test_a_large_file_is_read_in_batches(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"user": [os.urandom(5000).hex() for _ in range(2000)], "assistant": ["b"] * 2000})
    with pq.ParquetWriter(tmp_path / "x.parquet", table.schema) as writer:
        for _ in range(5):
            writer.write_table(table, row_group_size=500)
    assert (tmp_path / "x.parquet").stat().st_size > 50 << 20
    line, added = memory_of(LARGE, str(tmp_path / "x.parquet"))
    assert line == "10000"
    assert added < 64 << 10


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dataset and a DatasetDict as the library itself writes them."""
    pytest.importorskip("datasets", reason="the package datasets is not installed")
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run(
        [
            sys.executable,
            "-c",
            "import datasets, sys\n"
            "say = lambda role, text: {'role': role, 'content': text}\n"
            "row = lambda n: {'messages': [say('user', f'q{n}'), say('assistant', 'b')]}\n"
            "one = datasets.Dataset.from_list([row(n) for n in range(700)])\n"
            "one.info.license = 'cc-by-4.0'\n"
            "one.save_to_disk(sys.argv[1] + '/one', num_shards=2)\n"
            "two = one.select(range(10, 0, -2))\n"
            "datasets.DatasetDict({'train': one, 'test': two}).save_to_disk(sys.argv[1] + '/both')\n",
            str(folder),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home")},
    )
    return folder


def test_a_saved_dataset(saved: Path) -> None:
    found, _ = read(ParquetSource(paths=[str(saved / "one")]))
    assert len(found) == 700
    assert [document.fields["messages"][0]["content"] for document in found[:3]] == ["q0", "q1", "q2"]
    assert found[0].id == "parquet:data-00000-of-00002.arrow#0000001"
    assert {document.license for document in found} == {"cc-by-4.0"}
    found, _ = read(ParquetSource(paths=[str(saved / "one")], license="mit"))
    assert found[0].license == "mit"
    files = collect.external_files({"p": ParquetSource(paths=[str(saved / "one")])})
    assert sorted(path.name for path in files.values()) == [
        "data-00000-of-00002.arrow",
        "data-00001-of-00002.arrow",
        "dataset_info.json",
    ]


def test_a_saved_dataset_dict(saved: Path) -> None:
    found, _ = read(ParquetSource(paths=[str(saved / "both")]))
    test = [document for document in found if document.id.startswith("parquet:test/")]
    assert len(found) == 705
    assert [document.fields["messages"][0]["content"] for document in test] == ["q10", "q8", "q6", "q4", "q2"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"_data_files": [{"filename": "../x.arrow"}]}, "not inside it"),
        ({"_data_files": [{"filename": "/etc/passwd"}]}, "not inside it"),
        ({"_data_files": [{"filename": "none.arrow"}]}, "is missing"),
        ({"_data_files": [{"filename": "out.arrow"}]}, "leads out"),
        ({"_data_files": [], "_indices_files": [{"filename": "i.arrow"}]}, "flatten_indices"),
        ({"_data_files": "no"}, "holds no rows"),
        ([], "not a JSON object"),
        ("[" * 100_000, "deep|not valid JSON"),
    ],
)
def test_hostile_saved_datasets(tmp_path: Path, state: Any, message: str) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (tmp_path / "x.arrow").write_bytes(b"x")
    (folder / "out.arrow").symlink_to(tmp_path / "x.arrow")
    (folder / "state.json").write_text(state if isinstance(state, str) else json.dumps(state))
    with pytest.raises(InputError, match=message):
        read(ParquetSource(paths=[str(folder)]))


def test_a_truncated_arrow_file(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    data = (saved / "one" / "data-00000-of-00002.arrow").read_bytes()
    (folder / "a.arrow").write_bytes(data[: len(data) // 2])
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "a.arrow"}]}))
    with pytest.raises(InputError, match=r"cannot be read|broken from here on"):
        read(ParquetSource(paths=[str(folder)]))
