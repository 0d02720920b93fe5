from __future__ import annotations

import pytest

from secft import progress


def test_work_without_a_known_end_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(second) for second in range(0, 1000, 4))
    monkeypatch.setattr("secft.progress.time.monotonic", lambda: next(clock))
    assert list(progress.counted(range(9), "documents: jsonl", "documents")) == list(range(9))
    assert capsys.readouterr().err.splitlines() == [
        "documents: jsonl: 4 documents, 0/s", "documents: jsonl: 8 documents, 0/s",
    ]  # fmt: skip


def test_little_work_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.counted([], "documents", "documents")) == []
    assert list(progress.counted("ab", "documents", "documents")) == ["a", "b"]
    assert capsys.readouterr().err == ""
