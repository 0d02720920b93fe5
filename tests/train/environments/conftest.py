"""Environments are made from wheels that the tests write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.train.environments import ensure
from tests.train.environments.made import write_lock, write_wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "alpha", "1.0", needs="never_installed>=3")
    write_wheel(folder, "alpha", "1.1")
    write_wheel(folder, "beta", "2.0")
    write_wheel(folder, "gamma", "3.0")
    return folder


@pytest.fixture(scope="module", autouse=True)
def _only_these_wheels(wheels: Path) -> Iterator[None]:
    """Settings of pip as a user without a network has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    """An environment that was made once; what is told while it is made; tests put back what they change."""
    place = tmp_path_factory.mktemp("finished")
    write_lock(place / "locks", "# two packages\nalpha==1.0\nbeta==2.0  # the second\n")
    added = place / "locks" / "demo"
    added.mkdir()
    (added / "stand_in.py").write_text("REAL = False\n", encoding="utf-8")
    told: list[str] = []
    ensure("demo", place / "root", told.append, locks=place / "locks")
    return place / "root", place / "locks", told
