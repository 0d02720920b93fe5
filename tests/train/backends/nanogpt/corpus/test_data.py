"""Data in nanoGPT's formats: byte for byte what its prepare.py writes, immutable, split without mixing."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secft.errors import InputError
from secft.files import read_json
from secft.train.backends.nanogpt.corpus.data import DataSettings, prepare
from secft.train.backends.nanogpt.corpus.obfuscate import Obfuscator
from secft.train.backends.nanogpt.corpus.published import check_data
from secft.train.backends.nanogpt.meta import read_meta, write_meta
from secft.train.backends.nanogpt.recipe import nanogpt_config
from tests.train.backends.nanogpt.conftest import log_text


def decoded(directory: Path, part: str) -> str:
    itos = read_meta(directory / "meta.pkl")["itos"]
    return "".join(itos[int(number)] for number in np.fromfile(directory / f"{part}.bin", dtype="<u2"))


def test_the_files_are_those_of_nanogpts_prepare(tmp_path: Path) -> None:
    text = log_text() + "é ü 漢 😀\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    data = prepare([tmp_path / "a.txt"], tmp_path / "data", DataSettings("a", split="nanogpt"))
    # What data/shakespeare_char/prepare.py describes: sorted characters, nine tenths, uint16, a pickled table.
    characters = sorted(set(text))
    stoi = {character: number for number, character in enumerate(characters)}
    ids = np.array([stoi[character] for character in text], dtype=np.uint16)
    cut = int(len(text) * 0.9)
    assert (data / "train.bin").read_bytes() == ids[:cut].tobytes()
    assert (data / "val.bin").read_bytes() == ids[cut:].tobytes()
    tables = {"vocab_size": len(characters), "itos": dict(enumerate(characters)), "stoi": stoi}
    assert pickle.loads((data / "meta.pkl").read_bytes()) == tables
    assert list(read_meta(data / "meta.pkl")) == ["vocab_size", "itos", "stoi"]


def test_a_split_by_time_cuts_between_lines_and_loses_nothing(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.log").write_text(log_text(50, seed=number))
    data = prepare(sorted(tmp_path.glob("*.log")), tmp_path / "data", DataSettings("logs", validation_share=0.4))
    train, val = decoded(data, "train"), decoded(data, "val")
    assert train + val == "".join(log_text(50, seed=number) for number in range(3))
    assert train.endswith("\n")
    assert 0.35 < len(val) / len(train + val) <= 0.4
    parts = [source["part"] for source in read_json(data / "manifest.json")["sources"]]
    assert parts == ["train", "both", "val"]


def test_a_split_by_file_keeps_equal_files_together(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.log").write_text(log_text(30, seed=number % 3))
    for seed in range(4):
        settings = DataSettings(f"s{seed}", split="file", validation_share=0.3, seed=seed)
        data = prepare(sorted(tmp_path.glob("*.log")), tmp_path / "data", settings)
        parts: dict[str, set[str]] = {}
        for source in read_json(data / "manifest.json")["sources"]:
            parts.setdefault(source["sha256"], set()).add(source["part"])
        assert all(len(found) == 1 for found in parts.values())
        assert {part for found in parts.values() for part in found} == {"train", "val"}
    with pytest.raises(InputError, match="at least two files"):
        prepare([tmp_path / "0.log"], tmp_path / "data", DataSettings("one", split="file"))


def test_versions_are_found_again_never_overwritten_and_checked(tmp_path: Path) -> None:
    source = tmp_path / "a.log"
    source.write_text(log_text(60))
    first = prepare([source], tmp_path / "data", DataSettings("logs"))
    assert prepare([source], tmp_path / "data", DataSettings("logs")) == first
    source.write_text(log_text(61))
    second = prepare([source], tmp_path / "data", DataSettings("logs"))
    assert (first.name, second.name) == ("logs-v1", "logs-v2")
    assert {path.name for path in (tmp_path / "data" / "nanogpt").iterdir() if not path.name.startswith(".")} == {
        "logs-v1",
        "logs-v2",
    }
    assert check_data(first)["splits"]["train"]["tokens"] * 2 == (first / "train.bin").stat().st_size
    os.chmod(first / "val.bin", 0o644)  # noqa: PTH101
    with (first / "val.bin").open("ab") as stream:
        stream.write(b"\x00\x00")
    with pytest.raises(InputError, match=r"val\.bin changed"):
        check_data(first)


def test_what_cannot_be_read_is_counted_with_its_reason(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (tmp_path / "outside.log").write_text("secret\n")
    (folder / "a.log").write_bytes(b"good line\nodd \xff byte\r\n" * 40)
    (folder / "b.log.gz").write_bytes(gzip.compress(log_text(20).encode()))
    (folder / "c.log.gz").write_bytes(gzip.compress(log_text(20).encode())[:-20])
    (folder / "d.bin").write_bytes(b"\x00\x01" * 50)
    (folder / "e.log").write_bytes(b"")
    (folder / "f.log").symlink_to(tmp_path / "outside.log")
    (folder / "g.log.gz").write_bytes(gzip.compress(b"bomb" * 2**20))
    settings = DataSettings("logs", most_bytes=2**20)
    data = prepare([folder, tmp_path / "nowhere"], tmp_path / "data", settings)
    manifest = read_json(data / "manifest.json")
    assert dict(manifest["refused"]) == {
        "c.log.gz": "damaged",
        "d.bin": "binary",
        "e.log": "empty",
        "f.log": "outside",
        "g.log.gz": "too large",
        "nowhere": "missing",
    }
    assert manifest["counts"] == {"undecodable lines": 40}
    assert [source["file"] for source in manifest["sources"]] == ["a.log", "b.log.gz"]
    text = decoded(data, "train") + decoded(data, "val")
    assert "secret" not in text
    assert "bomb" not in text
    assert "odd \ufffd byte\n" in text
    with pytest.raises(InputError, match="no text could be read"):
        prepare([folder / "e.log"], tmp_path / "data", settings)


def test_obfuscated_data_holds_no_name_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "1.log").write_text("then alice met gate-7 at 10.1.2.3\n" * 30)
    (tmp_path / "2-alice.log").write_text("login user=alice host=gate-7 from 8.8.4.4\n" * 30)
    obfuscator = Obfuscator(bytes(32))
    sources = [tmp_path / "1.log", tmp_path / "2-alice.log"]
    data = prepare(sources, tmp_path / "data", DataSettings("logs"), obfuscator)
    text = decoded(data, "train") + decoded(data, "val") + (data / "manifest.json").read_text()
    for name in ("alice", "gate-7", "10.1.2.3", "8.8.4.4"):
        assert name not in text
    assert read_json(data / "manifest.json")["obfuscated"]["user"] >= 60
    again = prepare(sources, tmp_path / "data", DataSettings("logs"), Obfuscator(bytes(32)))
    assert again == data


def test_a_tokenizer_of_any_model_is_used_and_kept(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False)
    tokenizer.train_from_iterator([log_text()], trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "a.log").write_text(log_text(100))
    (tmp_path / "b.log").write_text(log_text(100, seed=1))
    settings = DataSettings("bpe", tokenizer=str(tmp_path), split="file", validation_share=0.5)
    data = prepare([tmp_path / "a.log", tmp_path / "b.log"], tmp_path / "data", settings)
    assert not (data / "meta.pkl").exists()
    assert (data / "tokenizer.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()
    texts = []
    for part in ("train", "val"):
        numbers = np.fromfile(data / f"{part}.bin", dtype="<u2")
        assert numbers[-1] == tokenizer.token_to_id("<|endoftext|>")
        # Tokens of the byte-level alphabet stand for the text once a space is written as itself.
        text = "".join(tokenizer.id_to_token(int(number)) for number in numbers[:-1])
        texts.append(text.replace("Ġ", " ").replace("Ċ", "\n"))
    assert set(texts) == {log_text(100), log_text(100, seed=1)}
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        prepare([tmp_path / "a.log"], tmp_path, DataSettings("x", tokenizer=str(tmp_path / "a.log")))


class Trap:
    """Runs a command where it is unpickled without care."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize(
    "value",
    [
        {"vocab_size": 2, "itos": {0: "a", 1: "b"}, "stoi": {"a": 1, "b": 0}},
        {"vocab_size": -1},
        {"vocab_size": True},
        {"vocab_size": 2, "itos": {0: "a"}, "stoi": {"a": 0}},
        ["a"],
        {"vocab_size": 1, "itos": {0: b"a"}, "stoi": {b"a": 0}},
        {"vocab_size": 1, "itos": {0: Path}, "stoi": {Path: 0}},
    ],
)
def test_a_meta_file_that_is_no_table_is_refused(tmp_path: Path, value: Any) -> None:
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(InputError):
        read_meta(tmp_path / "meta.pkl")


def test_a_meta_file_runs_no_code(tmp_path: Path) -> None:
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": 1, "x": Trap(tmp_path / "ran")}))
    with pytest.raises(InputError, match="system"):
        read_meta(tmp_path / "meta.pkl")
    assert not (tmp_path / "ran").exists()
    write_meta(tmp_path / "meta.pkl", "ab")
    assert read_meta(tmp_path / "meta.pkl")["stoi"] == {"a": 0, "b": 1}


def test_a_configuration_file_is_plain_assignments() -> None:
    text = nanogpt_config({"n_layer": 4, "dropout": 0.0, "bias": False, "dataset": "x'\n__import__('os')"})
    names: dict[str, Any] = {}
    exec(text, names)  # as nanoGPT does
    assert (names["n_layer"], names["dropout"], names["bias"]) == (4, 0.0, False)
    assert names["dataset"] == "x'\n__import__('os')"
    with pytest.raises(InputError, match="not settings of nanoGPT"):
        nanogpt_config({"import os\nx": 1})
    with pytest.raises(InputError, match="a number"):
        nanogpt_config({"n_layer": [1]})
