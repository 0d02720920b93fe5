"""How many secrets the scrubbing finds, by type, and how often it changes what holds none.

    python benchmarks/scrubbing.py                     # the labelled set
    python benchmarks/scrubbing.py --show              # with what was missed and what was changed in error
    python benchmarks/scrubbing.py --unseen first      # a list by somebody who had not seen the rules: first or second
    python benchmarks/scrubbing.py --documents FILE    # share of changed documents of a documents.jsonl, and speed

The set is drawn by seed from specifications, by code that shares nothing with the rules it measures. A planted value
counts as found when nothing of six characters of it is left.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from scrubbing_set.look_alikes import look_alikes
from scrubbing_set.planted import Planted, planted
from scrubbing_set.unseen import LISTS, unseen_look_alikes, unseen_planted

from secft.config.schemas.curation import SecretsConfig
from secft.dataset.curation.secrets import PLACEHOLDER, Placeholders, findings, scrub_text

LEFT = 6
"""Characters of a value that may not be left in a row."""


def _left(value: str, text: str) -> bool:
    text = PLACEHOLDER.sub("", text)
    count = min(LEFT, len(value))
    return any(value[start : start + count] in text for start in range(len(value) - count + 1))


def measure_planted(settings: SecretsConfig, given: Iterable[Planted], show: bool) -> None:
    """Print the share that is found, by group."""
    found: dict[str, Counter[bool]] = defaultdict(Counter)
    for one in given:
        clean = scrub_text(one.text, settings, Placeholders())
        missed = _left(one.value, clean)
        found[one.group][not missed] += 1
        if missed and show:
            _show_missed(one, clean)
    print(f"{'planted':36} {'found':>6} {'of':>5} {'%':>6}")
    for group, counts in found.items():
        _row(group, counts[True], counts.total())
    _row("all", sum(counts[True] for counts in found.values()), sum(counts.total() for counts in found.values()))


def _show_missed(one: Planted, clean: str) -> None:
    print(f"missed [{one.type}] {clean[:240]!r}")


def _row(name: str, part: int, whole: int) -> None:
    print(f"{name:36} {part:6,} {whole:5,} {100 * part / max(whole, 1):6.1f}")


def measure_look_alikes(settings: SecretsConfig, given: Iterable[tuple[str, str]], show: bool) -> None:
    """Print the share that is changed, by group."""
    changed: dict[str, Counter[bool]] = defaultdict(Counter)
    for group, text in given:
        clean = scrub_text(text, settings, Placeholders())
        changed[group][clean != text] += 1
        if clean != text and show:
            print(f"changed {text!r} -> {clean!r}")
    print(f"\n{'look-alikes':36} {'changed':>6} {'of':>4} {'%':>6}")
    for group, counts in changed.items():
        _row(group, counts[True], counts.total())
    _row("all", sum(counts[True] for counts in changed.values()), sum(counts.total() for counts in changed.values()))


def measure_documents(settings: SecretsConfig, files: list[Path], show: bool) -> None:
    """Print how many documents are changed, by which kinds, and how many megabytes a second are read."""
    for path in files:
        texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
        size = sum(len(text.encode()) for text in texts) / 1e6
        start = time.process_time()
        found = [findings(text, settings) for text in texts]
        seconds = time.process_time() - start
        kinds = Counter(kind for one in found for *_, kind in one)
        changed = sum(map(bool, found))
        print(
            f"\n{path}: {changed:,} of {len(texts):,} documents changed ({100 * changed / len(texts):.2f} %), "
            f"{size / seconds:.1f} MB/s; {dict(kinds.most_common())}"
        )
        for text, spans in zip(texts, found, strict=True):
            for start_at, end, kind in spans if show else ():
                print(
                    f"  {kind}: {text[max(0, start_at - 40) : start_at]!r} [{text[start_at:end][:80]!r}]"
                    f" {text[end : end + 16]!r}"
                )


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print what was missed or changed in error")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--unseen", choices=LISTS, help="a list that the rules had not seen, instead of the set")
    parser.add_argument("--own", action="store_true", help="secft's own rules alone, without detect-secrets")
    parser.add_argument("--documents", type=Path, nargs="*", default=[], help="files documents.jsonl")
    given = parser.parse_args()
    settings = SecretsConfig(detect_secrets=not given.own)
    if given.documents:
        measure_documents(settings, given.documents, given.show)
        return
    if given.unseen:
        lines = (Planted(*one) for one in unseen_planted(given.unseen, given.seed))
        measure_planted(settings, lines, given.show)
        measure_look_alikes(settings, unseen_look_alikes(given.unseen, given.seed), given.show)
        return
    measure_planted(settings, planted(given.seed), given.show)
    measure_look_alikes(settings, look_alikes(given.seed), given.show)


if __name__ == "__main__":
    main()
