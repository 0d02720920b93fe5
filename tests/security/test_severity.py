from __future__ import annotations

import pytest

from secft.security.severity import CVSS_WORDS, NAMES, SCALE, cvss_word, severity_of_score, severity_of_word


@pytest.mark.parametrize(
    ("score", "name", "word", "word_of_version_2"),
    [
        (0.0, "info", "None", "Low"),
        (0.1, "low", "Low", "Low"),
        (3.9, "low", "Low", "Low"),
        (4.0, "medium", "Medium", "Medium"),
        (6.9, "medium", "Medium", "Medium"),
        (7.0, "high", "High", "High"),
        (9.0, "critical", "Critical", "High"),
        (10.0, "critical", "Critical", "High"),
    ],
)
def test_limits_of_the_levels(score: float, name: str, word: str, word_of_version_2: str) -> None:
    assert severity_of_score(score) == severity_of_score(str(score)) == name
    assert cvss_word(score, "3.1") == cvss_word(score, "4.0") == word
    assert cvss_word(score, "2.0") == word_of_version_2


@pytest.mark.parametrize("score", [-0.1, 10.1, "", "high", None, float("nan")])
def test_what_is_no_score_is_unknown(score: object) -> None:
    assert severity_of_score(score) == "unknown"


def test_words_of_tools() -> None:
    assert [severity_of_word(word) for word in (" Negligible", "MODERATE", "error", "blocker", "odd", None, 7)] == [
        "info", "medium", "high", "critical", "unknown", "unknown", "unknown",
    ]  # fmt: skip


def test_each_word_stands_for_one_level() -> None:
    words = [word for level in SCALE for word in level.words]
    assert len(words) == len(set(words))
    assert all(level.name in level.words and word == level.cvss for level, word in zip(SCALE, CVSS_WORDS, strict=True))
    assert NAMES == ("info", "low", "medium", "high", "critical")
