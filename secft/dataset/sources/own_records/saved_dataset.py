"""Find the files of a Hugging Face dataset that ``save_to_disk`` wrote: a Dataset, or a DatasetDict of several."""

from __future__ import annotations

import os
from pathlib import Path

from secft.dataset.sources.reading.json_values import mapping, mappings, string, strings
from secft.errors import InputError
from secft.files import read_json

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
EXPECTED = "a folder written by datasets.Dataset.save_to_disk"
_MAX_JSON = 64 << 20


def is_saved_dataset(path: str) -> bool:
    """Tell whether a path is a folder that save_to_disk wrote."""
    return (Path(path) / STATE).is_file() or (Path(path) / SPLITS).is_file()


def _small_json(path: Path) -> dict[str, object]:
    if path.is_file() and path.stat().st_size > _MAX_JSON:
        raise InputError(f"{path}: larger than {_MAX_JSON:,} bytes; expected {EXPECTED}.")
    try:
        read = read_json(path)
    except RecursionError:
        raise InputError(f"{path}: nested too deeply; expected {EXPECTED}.") from None
    if not isinstance(read, dict):
        raise InputError(f"{path}: is not a JSON object; expected {EXPECTED}.")
    return read


def _inside(folder: Path, name: str) -> Path:
    """Return a file or folder directly inside a folder.

    Raises:
        InputError: the name leads somewhere else, or there is no such thing.
    """
    path = folder / name
    if name != Path(name).name or name in ("", ".", "..") or "\\" in name:
        raise InputError(f"{folder}: names {name!r}, which is not inside it; refused. Expected {EXPECTED}.")
    if not path.exists():
        raise InputError(f"{path}: is missing; expected {EXPECTED}.")
    boundary = os.path.realpath(folder)
    if os.path.commonpath([os.path.realpath(path), boundary]) != boundary:
        raise InputError(f"{path}: is a link that leads out of the folder; refused.")
    return path


def saved_files(folder: Path) -> list[Path]:
    """Return the Arrow files of a saved dataset in their order; of a DatasetDict, split by split.

    Raises:
        InputError: the folder is incomplete, leads out of itself, or its rows were selected without being copied.
    """
    if (folder / SPLITS).is_file():
        splits = strings(_small_json(folder / SPLITS), "splits")
        return [path for split in splits for path in _files_of_split(_inside(folder, split))]
    return _files_of_split(folder)


def _files_of_split(folder: Path) -> list[Path]:
    state = _small_json(folder / STATE)
    if mappings(state, "_indices_files") or mapping(state, "_indices_data_files"):
        raise InputError(f"{folder}: holds a selection of rows; save it again after flatten_indices().")
    return [_inside(folder, string(item, "filename")) for item in mappings(state, "_data_files")]


def saved_license(folder: Path) -> str:
    """Return the licence that a saved dataset names, or an empty string."""
    return string(_small_json(folder / INFO), "license") if (folder / INFO).is_file() else ""
