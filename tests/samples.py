"""Real data for tests: the samples that ship with them, and the full data where it lies beside a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "tests" / "data" / "public"
FULL = ROOT.parent / "shared" / "data"
CASES = ROOT.parent / "shared" / "cases" / "data"


def published(name: str) -> Path:
    """Return a file or folder of the full data where it is there, else of the samples."""
    return FULL / name if (FULL / name).exists() else SAMPLES / name


def is_full(place: Path) -> bool:
    """Tell whether a place is part of the full data."""
    return place.is_relative_to(FULL)


def each_place(name: str) -> pytest.MarkDecorator:
    """Run a test with ``place``: on the sample, and on the full data where it is there."""
    places = {"sample": SAMPLES / name, **({"full": FULL / name} if (FULL / name).exists() else {})}
    return pytest.mark.parametrize("place", places.values(), ids=list(places))


def case_files(name: str) -> Path:
    """Return the folder of a case that lies beside a checkout; the test is skipped where there is none."""
    if not (CASES / name).is_dir():
        pytest.skip(f"the case {name} (../shared/cases/data) is not there")
    return CASES / name
