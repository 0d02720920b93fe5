# ruff: noqa: E501
"""Mutants of good inputs: every reader takes them or refuses them in words, and what it takes can be written.

None takes longer than ``LONGEST``, nor all of an input more memory than ``MOST_MEMORY``.
``FUZZ_EXAMPLES`` says how many of each input (``make fuzz``); what was found stands in ``tests/data/fuzz``, by source.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secft.config.schemas.curation import SecretsConfig
from secft.config.schemas.source import SourceConfig
from secft.dataset import collect
from secft.dataset.source_summary import ShardContents
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.table import SOURCES, reader_of
from secft.errors import SecftError
from tests.dataset.sources.seeds import BINARY_SEEDS, SEEDS

IS_FUZZING = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
LONGEST = 20.0
"""Seconds of processor time that a mutant may take."""
MOST_MEMORY = 1 << 30
"""Bytes by which the mutants of an input may raise the peak of this process."""
FOUND = Path(__file__).resolve().parents[2] / "data" / "fuzz"
CASES = [(source, *seed) for source, seeds in SEEDS.items() for seed in seeds]
ODD: list[Any] = [
    None, True, 0, -1, 2**70, 1e308, float("inf"), "", " ", "\ud800", "\x1b[2J\x00", "a" * 5000, "é\u202e", "<b>&#27;",
    [], {}, [[]], [None], [1, "a", {}], {"": ""}, {"a": {"b": [None]}}, "CVE-9-9", "2030-99-99", "{{ insert: param, a }}",
]  # fmt: skip
TOKENS = [
    b"\x00", b"\x1b[2J", b"\xff\xfe", b"\xed\xa0\x80", b"<", b">", b"&#27;", b"&x;", b"<![CDATA[", b"<!DOCTYPE a [", b"]]>",
    b"{", b"}", b"[", b"]", b'"', b"\\", b"\\ud800", b",", b":", b"\n", b"- ", b"---\n", b"&a ", b"*a", b"<<: ", b"!!bool ",
    b"!!python/name:os.system ", b"|", b"```", b"#", b"(" * 300, b"[" * 300, b"<a>" * 300, b" " * 3000, b"9" * 500,
]  # fmt: skip
steps = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(TOKENS)), min_size=1, max_size=4)
swaps = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(ODD)), min_size=1, max_size=4)


def bent(value: Any, changes: list[tuple[float, Any]]) -> Any:
    """Return JSON in which some values are others."""
    made = json.loads(json.dumps(value))
    for where, odd in changes:
        places: list[tuple[Any, Any]] = []
        left = [made]
        while left:
            item = left.pop()
            keys = list(item) if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else []
            places += [(item, key) for key in keys]
            left += [item[key] for key in keys]
        if places:
            holder, key = places[min(int(where * len(places)), len(places) - 1)]
            holder[key] = json.loads(json.dumps(odd))
    return made


def damaged(data: bytes, changes: list[tuple[float, float, bytes]]) -> bytes:
    """Return bytes of which pieces are replaced by tokens."""
    for where, length, token in changes:
        start = int(where * len(data))
        data = data[:start] + token + data[start + int(length**4 * len(data)) :]
    return data


def read(source: str, name: str, data: bytes) -> None:
    """Read a file as its source and make lines of what it holds.

    Raises:
        Exception: of any other kind than the errors of this package.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        schema = SOURCES[source].config
        several = "paths" in {item.name for item in dataclasses.fields(schema)}
        config: SourceConfig = schema(paths=[str(path)]) if several else schema(path=str(path))  # type: ignore[call-arg]
        contents, log = ShardContents(SecretsConfig()), ReadLog()
        try:
            for document in reader_of(source, config).read(config, log):
                contents.line(document).encode()
        except SecftError as error:
            assert str(error)  # noqa: PT017
        for row in log.refused:
            json.dumps(row, ensure_ascii=False).encode()


@pytest.mark.parametrize(("source", "name", "seed"), CASES, ids=[f"{source}-{name}" for source, name, _ in CASES])
def test_the_seed_is_good(source: str, name: str, seed: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(seed if isinstance(seed, str) else json.dumps(seed), encoding="utf-8")
    schema = SOURCES[source].config
    several = "paths" in {item.name for item in dataclasses.fields(schema)}
    config: SourceConfig = schema(paths=[str(path)]) if several else schema(path=str(path))  # type: ignore[call-arg]
    assert list(reader_of(source, config).read(config, ReadLog()))


@pytest.mark.parametrize(("source", "name", "seed"), CASES, ids=[f"{source}-{name}" for source, name, _ in CASES])
def test_mutants_are_read_or_refused(source: str, name: str, seed: Any) -> None:
    text = seed if isinstance(seed, str) else json.dumps(seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=EXAMPLES, derandomize=not IS_FUZZING, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def try_one(data: st.DataObject) -> None:
        if not isinstance(seed, str) and data.draw(st.booleans()):
            made = json.dumps(bent(seed, data.draw(swaps))).encode()
        else:
            made = damaged(text.encode(), data.draw(steps))
        start = time.process_time()
        read(source, name, made)
        assert time.process_time() - start < LONGEST

    try_one()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024 < MOST_MEMORY


def collected(source: str, name: str, data: bytes) -> tuple[int, dict[str, int]]:
    """Return how many documents a file gives in the process with limits, and the reasons of refusals with counts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        config: SourceConfig = SOURCES[source].config(paths=[str(path)])  # type: ignore[call-arg]
        try:
            found = collect.collect({source: config}, Path(folder) / "out")["sources"][source]
        except SecftError as error:
            return 0, {str(error): 1}
        return found["documents"], found["dropped"]


@pytest.mark.parametrize("source", BINARY_SEEDS)
def test_mutants_of_binary_files_are_read_or_refused_within_limits(source: str) -> None:
    name, make = BINARY_SEEDS[source]
    seed = make()
    assert collected(source, name, seed)[0] > 0

    # A library that crashes takes its process along, and the next one starts in a second: fewer of them by default.
    @settings(
        max_examples=EXAMPLES if IS_FUZZING else EXAMPLES // 3, derandomize=not IS_FUZZING, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(steps)
    def try_one(changes: list[tuple[float, float, bytes]]) -> None:
        documents, refused = collected(source, name, damaged(seed, changes))
        assert documents or refused
        assert not {"process.failed", "process.timed_out", "process.out_of_memory"} & set(refused)

    try_one()


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_stays_mended(path: Path) -> None:
    read(path.parent.name, path.name, path.read_bytes())
