"""Reading what the process of a training leaves in its directory."""

from __future__ import annotations

from pathlib import Path

from secft.documents.train_result import TrainResult
from secft.errors import InputError, TrainingError
from secft.files import read_json

RESULT = "result.json"


def read_result(directory: Path) -> TrainResult:
    """Read what a training left in its directory.

    Raises:
        TrainingError: there is no complete result.
    """
    path = directory / RESULT
    if not path.is_file():
        raise TrainingError(f"the training ended without a result in {directory}")
    values = read_json(path)
    if not (directory / values["adapter_dir"]).is_dir():
        raise TrainingError(f"{path} names a model that is not there: {values['adapter_dir']}")
    try:
        return TrainResult.from_dict(values, directory)
    except InputError as error:
        raise TrainingError(str(error)) from error
