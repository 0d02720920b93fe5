from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from secft.config.schemas.dedup import DedupConfig
from secft.dataset.clean import comparable
from secft.dataset.dedup import IMPLEMENTATIONS, Text, clusters, jaccard, shingles
from secft.dataset.dedup.buckets import runs_of
from secft.dataset.dedup.compared import compared_text
from secft.dataset.dedup.forest import Forest
from secft.dataset.dedup.join import exact_join
from secft.dataset.dedup.native import library
from secft.dataset.dedup.sketch import sketch
from secft.dataset.dedup.verify import Candidates, MemoryStore, Sets, sets_in_memory, verified
from secft.dataset.dedup.words import blocks, shingle_hashes, with_tail, word_hashes
from secft.dataset.natural import natural
from secft.records import Example

ODD = [
    "", " ", "one", "One two", "one  TWO!", "a b c", "A-b c", "a b c a b c", "x_1 y.2 (z)",
    "e.g. \t tabs\nlines\x1cend",
    "Ünïcode straße ﬁne №5", "STRASSE fine no5", "日本語 のテキスト", "mixed ASCII und Größe", "naïve nai\u0308ve",
    "x" * 7, "x" * 8, "x" * 9, "x" * 16, "x" * 17, "x" * 511, "x" * 512, "x" * 600 + " y", "x" * 600 + "z y", "é" * 300,
    "“Quoted” – it’s… a\u00a0test → ok • one·two − three", "“ﬁne” — №", "™ ½ ² x²",
]  # fmt: skip


class Pool:
    """Workers as other processes, results in the order of the items."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        yield from self.pool.map(work, items)


def varied(count: int, seed: int = 3, groups: int = 2) -> list[Text]:
    """Return texts of made-up words, a third of them edited copies of others."""
    random_ = random.Random(seed)
    words = [f"w{number}" for number in range(3000)]
    rows: list[list[str]] = []
    for _ in range(count):
        if rows and random_.random() < 0.33:
            row = random_.choice(rows)[:]
            for _ in range(random_.randrange(4)):
                row[random_.randrange(len(row))] = random_.choice(words)
        else:
            row = random_.choices(words, k=random_.randrange(3, 90))
        rows.append(row)
    return [Text(f"t:{place}", f"g{place % groups}", " ".join(row)) for place, row in enumerate(rows)]


def truth(texts: list[Text], threshold: float = 0.8) -> set[tuple[str, str]]:
    pairs: set[tuple[str, str]] = set()
    for group in {text.group for text in texts}:
        sets = {text.key: shingles(comparable(text.text), 3) for text in texts if text.group == group}
        pairs |= exact_join(sets, threshold)
    return pairs


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 1.0])
def test_join_is_exact(threshold: float) -> None:
    sets = {text.key: shingles(text.text, 2) for text in varied(400, seed=5)}
    sets |= {f"s:{size}": frozenset(f"w{number}" for number in range(size)) for size in range(1, 40)}
    every = {
        (min(pair), max(pair)) for pair in combinations(sets, 2) if jaccard(sets[pair[0]], sets[pair[1]]) >= threshold
    }
    assert len(every) > 20
    assert exact_join(sets, threshold) == every


def test_words_are_those_of_the_form_for_comparison() -> None:
    hashes, counts = word_hashes(ODD)
    expected = [comparable(text).split() for text in ODD]
    assert counts.tolist() == [len(words) for words in expected]
    flat = [word for words in expected for word in words]
    by_word: dict[str, set[int]] = {}
    for word, value in zip(flat, hashes.tolist(), strict=True):
        by_word.setdefault(word, set()).add(value)
    assert all(len(values) == 1 for values in by_word.values())
    assert len(set().union(*by_word.values())) == len(by_word)


@pytest.mark.parametrize("words", [1, 2, 3, 7])
def test_hashed_sets_equal_the_sets_of_strings(words: int) -> None:
    texts = [*ODD, *(text.text for text in varied(60))]
    made = sketch([Text(str(place), "", text) for place, text in enumerate(texts)], DedupConfig(shingle_words=words))
    sets = [shingles(comparable(text), words) for text in texts]
    assert made.sizes.tolist() == [len(items) for items in sets]
    starts = np.cumsum(made.sizes) - made.sizes
    parts = [set(made.shingles[start : start + size].tolist()) for start, size in zip(starts, made.sizes, strict=True)]
    for one, other in combinations(range(len(texts)), 2):
        assert len(parts[one] & parts[other]) == len(sets[one] & sets[other])
        assert (made.digests[one] == made.digests[other]).all() == (sets[one] == sets[other])


@pytest.mark.parametrize("settings", [DedupConfig(), DedupConfig(shingle_words=1, permutations=77, seed=9)])
def test_compiled_loops_and_numpy_agree(monkeypatch: pytest.MonkeyPatch, settings: DedupConfig) -> None:
    if library() is None:
        pytest.skip("no C compiler")
    texts = [*(Text(str(place), "", text) for place, text in enumerate(ODD)), *varied(3000)]
    compiled, clusters_compiled = sketch(texts, settings), IMPLEMENTATIONS["fast"](texts, settings)
    for module in ("sketch", "verify", "buckets"):
        monkeypatch.setattr(f"secft.dataset.dedup.{module}.library", lambda: None)
    plain = sketch(texts, settings)
    for part in ("shingles", "sizes", "groups", "digests", "bands"):
        assert np.array_equal(getattr(compiled, part), getattr(plain, part)), part
    assert IMPLEMENTATIONS["fast"](texts, settings) == clusters_compiled


@pytest.fixture(params=["compiled", "numpy"], autouse=True)
def _loops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test of this file with the compiled loops and without them."""
    if request.param == "numpy":
        for module in ("sketch", "verify", "buckets"):
            monkeypatch.setattr(f"secft.dataset.dedup.{module}.library", lambda: None)


def test_nothing_and_next_to_nothing() -> None:
    assert shingle_hashes([], 3)[0].size == 0
    assert sketch([], DedupConfig()).sizes.size == 0
    for find in IMPLEMENTATIONS.values():
        assert find([], DedupConfig()) == {}
        assert find([Text("b", "", "!"), Text("a", "", "")], DedupConfig()) == {"b": "a", "a": "a"}


def test_buckets_hold_equal_keys() -> None:
    random_ = random.Random(11)
    for highest in (3, 4000, 2**64 - 1):
        keys = np.array([random_.randrange(highest) for _ in range(3000)] + [5, 5], dtype=np.uint64)
        members = np.arange(keys.size, dtype=np.int64) * 2
        made = runs_of(keys, members)
        expected: dict[int, list[int]] = {}
        for key, member in zip(keys.tolist(), members.tolist(), strict=True):
            expected.setdefault(key, []).append(member)
        found: dict[int, list[int]] = {}
        for bucket, member in zip(made.buckets.tolist(), made.members.tolist(), strict=True):
            found.setdefault(bucket, []).append(member)
        assert sorted(found.values()) == sorted(group for group in expected.values() if len(group) > 1)
        assert (np.diff(made.buckets) >= 0).all()


def test_blocks_hold_every_row_once() -> None:
    sizes = np.array([5, 1, 100_000, 1, 7, 3, 1], dtype=np.int64)
    made = blocks(sizes, 10)
    assert sorted(np.concatenate(made).tolist()) == list(range(sizes.size))
    assert all(len(block) == 1 or len(block) * sizes[block].max() <= 10 for block in made)
    assert blocks(np.zeros(0, dtype=np.int64), 10) == []


def test_verification_is_exact() -> None:
    texts = varied(300, groups=2)
    made = sketch(texts, DedupConfig())
    values = with_tail(made.shingles, made.sizes)
    plain = Sets(values, np.cumsum(made.sizes) - made.sizes, made.sizes, made.groups)
    mapped = sets_in_memory(made.shingles, made.sizes, made.groups)
    sets = [shingles(comparable(text.text), 3) for text in texts]
    left, right = np.array(list(combinations(range(len(texts)), 2)), dtype=np.int64).T
    for threshold in (0.3, 0.5, 0.8, 1.0):
        expected = [
            texts[one].group == texts[other].group and jaccard(sets[one], sets[other]) >= threshold
            for one, other in zip(left, right, strict=True)
        ]
        for sets_compared in (plain, mapped):
            store = MemoryStore(sets_compared)
            assert verified(Candidates(store, left, right, threshold)).tolist() == expected
        assert any(expected)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_engines_find_what_the_join_finds(name: str) -> None:
    texts = varied(3000)
    pairs = truth(texts)
    found = IMPLEMENTATIONS[name](texts, DedupConfig())
    assert len(pairs) > 300
    left_out = {key: first for key, first in found.items() if key != first}
    assert all((min(pair), max(pair)) in pairs for pair in left_out.items()), "left out what is not like the kept one"
    missed = sum(found[one] == one and found[other] == other for one, other in pairs)
    assert missed <= 0.01 * len(pairs), "kept two that are like each other"
    assert all(natural(first) <= natural(key) for key, first in found.items())
    assert all(found[first] == first for first in found.values())


def test_order_and_workers_change_nothing() -> None:
    texts = varied(5000)
    expected = IMPLEMENTATIONS["fast"](texts, DedupConfig())
    shuffled = texts[:]
    random.Random(1).shuffle(shuffled)
    assert IMPLEMENTATIONS["fast"](shuffled, DedupConfig()) == expected
    for workers in (1, 3):
        with Pool(workers) as pool:
            assert IMPLEMENTATIONS["fast"](shuffled, DedupConfig(), pool) == expected


def test_thousands_of_texts_in_one_bucket() -> None:
    """Long shared text, short differences: big buckets in every band, most of whose pairs are below the threshold."""
    random_ = random.Random(2)
    shared = [f"common{number}" for number in range(60)]
    texts = []
    for place in range(3000):
        tail = [f"own{random_.randrange(10**6)}" for _ in range(14)]
        texts.append(Text(f"a:{place}", "", " ".join(shared + tail)))
        if place % 5 == 0:
            texts.append(Text(f"b:{place}", "", " ".join([*shared, *tail[:-2], "changed", tail[-1]])))
    sets = {text.key: shingles(text.text, 3) for text in texts}
    pairs = {(f"a:{place}", f"b:{place}") for place in range(0, 3000, 5)}
    assert all(jaccard(sets[one], sets[other]) >= 0.85 for one, other in pairs)
    assert jaccard(sets["a:1"], sets["a:2"]) < 0.85
    found = IMPLEMENTATIONS["fast"](texts, DedupConfig(threshold=0.85, common_share=1))
    expected = clusters(sets, pairs)
    assert all(expected[key] == expected[first] for key, first in found.items())
    assert sum(found[one] != found[other] for one, other in pairs) <= 0.01 * len(pairs)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_text_is_left_out_only_if_it_is_like_the_kept_one(name: str) -> None:
    """A chain: each text is like the next one, but the first is not like the last."""
    words = [f"w{number}" for number in range(140)]
    texts = [Text(f"c:{start}", "", " ".join(words[start : start + 100])) for start in range(0, 41, 5)]
    sets = {text.key: shingles(text.text, 3) for text in texts}
    assert jaccard(sets["c:0"], sets["c:5"]) >= 0.8 > jaccard(sets["c:0"], sets["c:40"])
    found = IMPLEMENTATIONS[name](texts, DedupConfig())
    assert found == {
        "c:0": "c:0", "c:5": "c:0", "c:10": "c:0", "c:15": "c:15", "c:20": "c:15", "c:25": "c:15", "c:30": "c:30",
        "c:35": "c:30", "c:40": "c:30",
    }  # fmt: skip


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_what_is_common_is_not_compared(name: str) -> None:
    """Tickets of a few words of their own, and a long disclaimer: they are no copies, and copies are found."""
    random_ = random.Random(4)
    disclaimer = " ".join(f"disclaimer{number}" for number in range(80))
    bodies = [" ".join(f"w{random_.randrange(10**6)}" for _ in range(9)) for _ in range(60)]
    texts = [Text(f"t:{place}", "", f"{body} {disclaimer}") for place, body in enumerate(bodies)]
    assert set(IMPLEMENTATIONS[name](texts, DedupConfig(common_share=1)).values()) == {"t:0"}
    copy = Text("t:60", "", f"{bodies[7]}! {disclaimer}")
    found = IMPLEMENTATIONS[name]([*texts, copy], DedupConfig())
    assert {key: first for key, first in found.items() if key != first} == {"t:60": "t:7"}
    same = [Text(f"s:{place}", "", f"{disclaimer} {place % 2}") for place in range(40)]
    assert set(IMPLEMENTATIONS[name](same, DedupConfig()).values()) == {"s:0"}, "it says nothing else"


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize(
    "text",
    [
        "攻击者可以利用此漏洞在受影响的系统上执行任意代码并获得管理员权限因此必须尽快安装供应商提供的安全更新",
        "攻撃者はこの脆弱性を利用して影響を受けるシステムで任意のコードを実行し管理者権限を取得できるため更新が必要です",
        "ผู้โจมตีสามารถใช้ช่องโหว่นี้เพื่อเรียกใช้รหัสบนระบบที่ได้รับผลกระทบและรับสิทธิ์ผู้ดูแลระบบจึงต้องติดตั้งการปรับปรุง",
    ],
    ids=["Chinese", "Japanese", "Thai"],
)
def test_texts_without_spaces_are_compared_by_characters(name: str, text: str) -> None:
    other = text[::-1]
    changed = f"{text[:9]}某{text[10:]}"
    found = IMPLEMENTATIONS[name]([Text("a", "", text), Text("b", "", changed), Text("c", "", other)], DedupConfig())
    assert found == {"a": "a", "b": "a", "c": "c"}


def test_forest_agrees_with_clusters() -> None:
    random_ = random.Random(9)
    pairs = [(random_.randrange(500), random_.randrange(500)) for _ in range(350)]
    forest = Forest(500)
    for start in range(0, 350, 50):
        left, right = np.array(pairs[start : start + 50], dtype=np.int64).T
        forest.join(left, right)
    expected = clusters(map(str, range(500)), [(str(one), str(other)) for one, other in pairs])
    assert forest.all_roots().tolist() == [int(expected[str(node)]) for node in range(500)]


def test_examples_are_compared_by_their_conversation(make_example: Callable[..., Example]) -> None:
    example = make_example("a", "What IS it?", "It's a thing.")
    assert compared_text(example) == "what is it it s a thing"
