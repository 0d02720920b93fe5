"""Real security texts for the measurement of deduplication, with seeded near-duplicates among them."""

from __future__ import annotations

import gzip
import importlib.util
import json
import random
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def real_texts() -> list[str]:
    """Return the texts of ATT&CK, CAPEC, Sigma, OSV, CWE and the incidents of genai-incidents, in a fixed order.

    Descriptions of objects and of relationships, details of advisories and weaknesses, rules as they stand. Texts of
    fewer than four words are left out, equal ones are not: publishers repeat themselves.
    """
    texts = [*_stix("attack/attack"), *_stix("capec/capec"), *_rows("sigma/sigma"), *_advisories(), *_weaknesses()]
    return [text for text in [*texts, *_incidents()] if len(text.split()) >= 4]


def _lines(name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def _stix(name: str) -> list[str]:
    with gzip.open(DATA / f"{name}.stix.json.gz", "rt", encoding="utf-8") as stream:
        return [entry["description"] for entry in json.load(stream)["objects"] if entry.get("description")]


def _rows(name: str) -> list[str]:
    return [row["text"] for row in _lines(name)]


def _advisories() -> list[str]:
    go = [f"{row.get('summary', '')} {row.get('details', '')}" for row in _lines("osv/golang-osv")]
    return [*go, *_rows("osv/pypa-advisories"), *_rows("osv/rustsec")]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"the package {name} is not installed")
    return Path(spec.origin).parent


def _weaknesses() -> list[str]:
    """Return every description of CWE with a text of its own: weaknesses, categories, consequences, mitigations."""
    texts = []
    for path in sorted(_package("cwe2").rglob("*.xml")):
        for element in ElementTree.parse(path).iter():  # noqa: S314  # of an installed package
            if element.tag.rpartition("}")[2] in ("Description", "Extended_Description", "Note", "Intro_Text"):
                texts.append(" ".join("".join(element.itertext()).split()))
    return texts


def _incidents() -> list[str]:
    path = _package("genai_incidents") / "data" / "incidents.min.json"
    incidents = json.loads(path.read_text(encoding="utf-8"))["incidents"]
    return [" ".join(_strings(incident)) for incident in incidents]


def _strings(value: Any) -> list[str]:
    """Return the sentences inside a JSON value: its strings of at least five words."""
    if isinstance(value, str):
        return [value] if value.count(" ") >= 4 else []
    if isinstance(value, dict | list):
        return [text for item in (value.values() if isinstance(value, dict) else value) for text in _strings(item)]
    return []


def edited(text: str, edits: int, words: list[str], random_: random.Random) -> str:
    """Replace, delete or insert ``edits`` words of a text."""
    parts = text.split()
    for _ in range(edits):
        place = random_.randrange(len(parts) + 1)
        kind = random_.randrange(3)
        new = [random_.choice(words)] if kind else []
        parts[place : place + (kind != 1)] = new
    return " ".join(parts)


def with_near_duplicates(texts: list[str], share: float = 0.1, seed: int = 1) -> list[str]:
    """Return the texts with edited copies of some of them, shuffled.

    Args:
        texts: real texts.
        share: edited copies per text.
        seed: seed of choice, edits and order. A copy has one edit for every 15 to 120 words, so that similarities lie
            on both sides of usual thresholds.
    """
    random_ = random.Random(seed)
    words = re.findall(r"\w+", " ".join(texts[:2000]))
    copies = []
    for text in random_.sample(texts, int(share * len(texts))):
        edits = max(1, len(text.split()) // random_.choice((15, 30, 60, 120)))
        copies.append(edited(text, edits, words, random_))
    result = [*texts, *copies]
    random_.shuffle(result)
    return result


def variations(count: int, seed: int = 1) -> Iterator[str]:
    """Yield variations of real sentences, 50 to 80 words long on average 63; fast enough for millions.

    Nine of ten texts are new mixtures: three real sentences with two words put in between. One in ten repeats one of
    the last ten thousand new ones: as it was, or with one to four edits.
    """
    random_ = random.Random(seed)
    sentences = {
        sentence
        for text in real_texts()
        for sentence in re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
        if 12 <= len(sentence.split()) <= 32
    }
    pool = sorted(sentences)
    words = re.findall(r"\w+", " ".join(pool[:5000]))
    recent: list[str] = []
    for number in range(count):
        if recent and random_.random() < 0.1:
            yield edited(random_.choice(recent), random_.randrange(5), words, random_)
            continue
        one, two, three = random_.choices(pool, k=3)
        first, second = random_.choices(words, k=2)
        text = f"{one} {first} {two} {second} {three}"
        if len(recent) < 10_000:
            recent.append(text)
        else:
            recent[number % 10_000] = text
        yield text
