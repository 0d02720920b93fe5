"""From a job to a trainer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from secft.config.schemas.training import LoraConfig
from secft.errors import InputError
from secft.train import TrainJob
from tests.train.conftest import train_here

# The libraries deprecate things among themselves; what they warn about is not ours to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("restored_signals"),
]


Make = Callable[..., TrainJob]


def test_unknown_target_module_is_an_input_error(make_job: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trainer\.lora"):
        train_here(make_job(lora=LoraConfig(target_modules=["nope_proj"])), tmp_path / "run")
