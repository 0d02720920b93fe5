"""What whole runs have in common: the data stages of the small run, made once for all processes of the tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from secft.artifact import ArtifactStore
from secft.config.compose import read_config
from secft.log import RunLog
from secft.pipelines import FINETUNE_STAGES
from secft.stage import run_stages
from tests.pipeline.test_run import SMALL

DATA = 3
"""Documents, examples, dataset."""


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Give a directory the data stages of the small run, as an earlier run in it would have left them."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small-data"
    with FileLock(place.with_suffix(".lock")):
        if not (place / "finished").exists():
            run_stages(FINETUNE_STAGES[:DATA], read_config(SMALL), ArtifactStore(place / "stages"), RunLog())
            (place / "finished").touch()

    def give(cwd: Path) -> None:
        shutil.copytree(place / "stages", cwd / ".secft" / "stages")

    return give
