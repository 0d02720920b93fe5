from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from secft.dataset import store as stored
from secft.dataset import store_index
from secft.dataset.store import DocumentStore
from secft.errors import InputError
from secft.records import Document

IDS = ["CWE-79", "CWE-9", 'a "quoted" id', "back\\slash", "guía#0001", "line\nbreak", "日本", ""]


def document(identifier: str, text: str = "Some text.") -> Document:
    return Document(identifier, "guide", f"About {identifier}", text, {"n": 1}, "test", "1", "cc0-1.0", "")


def write(path: Path, documents: Sequence[Document]) -> Path:
    path.write_text("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in documents), "utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore.build(write(tmp_path / "d.jsonl", [document(one) for one in IDS]), tmp_path / "index")


def test_documents_are_found_by_id_and_by_position(store: DocumentStore) -> None:
    assert len(store) == len(IDS)
    assert list(store) == list(store.keys()) == IDS
    assert [store[one] for one in IDS] == [document(one) for one in IDS]
    assert [store.at(number).id for number in range(len(IDS))] == IDS
    assert list(store.values()) == [document(one) for one in IDS]
    assert dict(store.items()) == store == {one: document(one) for one in IDS}
    assert [one.id for one in store.rows(2, 4)] == IDS[2:4]
    assert [one.id for one in store.rows(6, 100)] == IDS[6:]
    assert list(store.rows(100, 200)) == []


def test_what_is_not_there(store: DocumentStore) -> None:
    assert "CWE-7" not in store
    assert 79 not in store
    assert store.get("CWE-7") is None
    with pytest.raises(KeyError, match="CWE-7"):
        store["CWE-7"]


def test_other_processes_open_the_same_index(store: DocumentStore) -> None:
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    assert dict(pickle.loads(packed)) == dict(store)


def test_a_hash_that_two_ids_share_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_index, "hash_of", lambda identifier: len(identifier) % 2)
    monkeypatch.setattr(stored, "hash_of", store_index.hash_of)
    documents = [document(f"{'x' * (number % 3)}{number}") for number in range(40)]
    store = DocumentStore.build(write(tmp_path / "d.jsonl", documents), tmp_path / "index")
    assert [store[one.id] for one in documents] == documents
    assert "40" not in store


def test_documents_are_kept_up_to_a_number_of_bytes(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store["CWE-79"] is store["CWE-79"]
    monkeypatch.setattr(stored, "_KEPT_BYTES", 400)
    for one in IDS * 2:
        assert store[one].id == one
        assert store._kept_bytes <= 400
    assert 0 < len(store._kept) < len(IDS)


def test_ids_that_do_not_stand_first_are_found(tmp_path: Path) -> None:
    rows = [dict(reversed(asdict(document(one)).items())) for one in IDS]
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert list(DocumentStore.build(path, tmp_path / "index")) == IDS


def test_documents_of_some_kinds(tmp_path: Path) -> None:
    kinds = ["guide", "record", 'odd "kind"', "rule"]
    documents = [replace(document(one), kind=kinds[number % 4]) for number, one in enumerate(IDS)]
    store = DocumentStore.build(write(tmp_path / "d.jsonl", documents), tmp_path / "index")
    for wanted in ([], ["record"], ["guide", "rule"], kinds[2:]):
        assert list(store.rows_of(wanted)) == [one for one in documents if one.kind in wanted]


def test_an_empty_file(tmp_path: Path) -> None:
    store = DocumentStore.build(write(tmp_path / "d.jsonl", []), tmp_path / "index")
    assert (len(store), list(store), "x" in store) == (0, [], False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no json", "d.jsonl:2: not valid JSON"),
        ('{"id": "cut', "d.jsonl:2: not valid JSON"),
        ('{"id": "cut \\" too', "d.jsonl:2: not valid JSON"),
        ("[1]", "d.jsonl:2: expected a JSON object, found list"),
        ('{"name": "x"}', "d.jsonl:2: a document lacks a column"),
        ("", "d.jsonl:2: not valid JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "d.jsonl", [document("a")])
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(InputError, match=message):
        DocumentStore.build(path, tmp_path / "index")


def test_a_line_that_breaks_after_its_id_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", [document("a")])
    path.write_text(path.read_text("utf-8") + '{"id": "b", "kind":\n{"id": "c"}\n', "utf-8")
    store = DocumentStore.build(path, tmp_path / "index")
    with pytest.raises(InputError, match=r"d\.jsonl:2: not valid JSON"):
        store["b"]
    with pytest.raises(InputError, match="lacks a column or has one too many"):
        store["c"]
    with pytest.raises(InputError, match=r"d\.jsonl:2: not valid JSON"):
        list(store.values())


def test_an_id_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", [document("a"), document("b"), document("a", "Other text.")])
    with pytest.raises(InputError, match="document a comes twice"):
        DocumentStore.build(path, tmp_path / "index")


def test_an_index_of_another_file_is_refused(store: DocumentStore, tmp_path: Path) -> None:
    write(tmp_path / "d.jsonl", [document("other")])
    with pytest.raises(InputError, match="has changed"):
        DocumentStore.open(tmp_path / "d.jsonl", tmp_path / "index")
    with pytest.raises(InputError, match="not the index"):
        DocumentStore.open(tmp_path / "d.jsonl", tmp_path / "nothing")
    with pytest.raises(InputError, match=r"missing\.jsonl: cannot be read"):
        DocumentStore.build(tmp_path / "missing.jsonl", tmp_path / "index")
