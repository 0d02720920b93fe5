"""Kept replies: found again, never half, never wrong."""

from __future__ import annotations

import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from secft.chat.cache import ReplyCache, request_key
from secft.chat.protocol import Reply, Request
from secft.errors import InputError, StorageError

IDENTITY = {"client": "openai", "model": "m", "temperature": 0.0}
REQUEST = Request(({"role": "user", "content": "Why?"},), {"type": "object"}, 10, "explain/1")
REPLY = Reply("because «ü»", "served", 3, 4, "stop", "d" * 64, "{}")


def test_a_kept_reply_comes_back_as_cached(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path, IDENTITY)
    key = cache.key(REQUEST)
    assert cache.get(key) is None
    cache.put(key, REPLY)
    assert cache.get(key) == replace(REPLY, cached=True)
    assert ReplyCache(tmp_path, IDENTITY).get(key) == replace(REPLY, cached=True)


def test_the_key_holds_all_that_decides() -> None:
    other = [
        replace(REQUEST, messages=({"role": "user", "content": "Why not?"},)),
        replace(REQUEST, messages=({"role": "system", "content": "Why?"},)),
        replace(REQUEST, schema=None),
        replace(REQUEST, max_tokens=11),
    ]
    keys = {request_key(IDENTITY, request) for request in [REQUEST, *other]}
    keys |= {request_key({**IDENTITY, "temperature": 0.5}, REQUEST)}
    assert len(keys) == 6
    assert request_key(IDENTITY, replace(REQUEST, purpose="another/2")) == request_key(IDENTITY, REQUEST)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("because", "perhaps"),
        lambda text: "[]",
        lambda text: "{}",
        lambda text: json.dumps({**json.loads(text), "reply": {"text": "x"}}),
        lambda text: "[" * 100_000,
    ],
)
def test_a_broken_entry_is_told_and_counts_as_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object
) -> None:
    cache = ReplyCache(tmp_path, IDENTITY)
    key = cache.key(REQUEST)
    cache.put(key, REPLY)
    (path,) = tmp_path.rglob("*.json")
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    assert cache.get(key) is None
    assert "the model is asked again" in capsys.readouterr().err
    cache.put(key, REPLY)
    assert cache.get(key) is not None
    assert cache.get("c" * 64) is None
    assert capsys.readouterr().err == ""


def test_an_entry_under_a_wrong_name_counts_as_absent(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path, IDENTITY)
    cache.put("a" * 64, REPLY)
    (tmp_path / "bb").mkdir()
    (tmp_path / "aa" / f"{'a' * 64}.json").rename(tmp_path / "bb" / f"{'b' * 64}.json")
    assert cache.get("b" * 64) is None


def write_many(directory: Path, name: str) -> None:
    cache = ReplyCache(directory, IDENTITY)
    for number in range(50):
        cache.put(f"{number:064d}", replace(REPLY, text=name * 1000))
        kept = cache.get(f"{number:064d}")
        assert kept is not None
        assert len(set(kept.text)) == 1


def test_processes_share_a_directory(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path, name)) for name in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(list(tmp_path.rglob("*"))) == 51


def test_a_file_in_the_way_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("")
    for place in (tmp_path / "replies", tmp_path / "replies" / "below"):
        with pytest.raises(InputError, match="a file stands where"):
            ReplyCache(place, IDENTITY)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root, as in containers, may write everywhere
    with pytest.raises(StorageError, match="no permission"):
        ReplyCache(tmp_path / "replies", IDENTITY)
