"""Models of the Hugging Face hub that are already on this machine."""

from __future__ import annotations

from pathlib import Path

from secft.errors import InputError, ModelNotFoundError
from secft.models.base_model import NO_TEMPLATE, missing_parts
from secft.models.downloads.cache import hub_cache_dir, references, snapshot_at, snapshot_dir, snapshots
from secft.models.downloads.record import content_digests, examine, faults_of
from secft.models.soundness import directory_faults

NO_CHAT_TEMPLATE = (
    "has no chat template, as base models have none. Use an instruct model, put a chat_template.jinja into its "
    "directory, or choose one: model.chat_template=chatml, alpaca, or a Jinja file"
)


def locate_hub_model(name: str, hub_id: str, path: Path | None, revision: str) -> Path:
    """Find a complete copy of a hub model on this machine.

    Args:
        name: option name, for messages.
        hub_id: ``owner/name``.
        path: directory that the user gave, or None.
        revision: branch, tag or commit looked up in the hub cache.

    Raises:
        ModelNotFoundError: with every place that was looked at and how to get the model.
    """
    looked: list[str] = []
    candidates = [path] if path is not None else [snapshot_dir(hub_id, revision)]
    for candidate in candidates:
        if candidate is None or not candidate.is_dir():
            looked.append(str(path) if path is not None else f"{hub_cache_dir()} (no snapshot of {hub_id}@{revision})")
            continue
        _check_unchanged(name, hub_id, revision, candidate)
        try:
            missing = missing_parts(candidate)
            faults = directory_faults(candidate) if missing in ([], [NO_TEMPLATE]) else []
        except InputError as error:
            missing, faults = [], [str(error)]
        if faults:
            raise ModelNotFoundError(f"model {name!r} in {candidate} cannot be used: {'; '.join(faults)}")
        if missing in ([], [NO_TEMPLATE]):  # a chat template may be chosen
            return candidate
        looked.append(f"{candidate} (lacks {', '.join(missing)})")
    download = f"Get it with `{get_command(hub_id, revision)}` (or let the run: model.download=true), or point"
    raise ModelNotFoundError(
        f"model {name!r} is not on this machine. Looked in: {'; '.join(looked)}.{_other_revisions(hub_id)} "
        f"{download if hub_id else 'Point'} model.path at a directory that holds config.json, safetensors weights and "
        "the tokenizer, or at a GGUF file."
    )


def get_command(hub_id: str, revision: str) -> str:
    """Return the command that downloads a model."""
    return f"python -m secft models get {hub_id}{f' revision={revision}' if revision != 'main' else ''}"


def checked_digests(directory: Path) -> dict[str, str]:
    """Return name -> SHA-256 of the files of a snapshot of the Hub, read already; nothing for another place."""
    if snapshot_at(directory) is None:
        return {}
    return {path.name: content_digests(path)[0] for path in directory.iterdir() if path.is_file()}


def _check_unchanged(name: str, hub_id: str, revision: str, directory: Path) -> None:
    """Compare a snapshot in the Hub's cache with what was downloaded; another directory is what its owner says.

    Raises:
        ModelNotFoundError: a file is another one, missing or added.
    """
    snapshot = snapshot_at(directory)
    if snapshot is None:
        return
    try:
        faults = faults_of(examine(snapshot, content=True))
    except InputError as error:
        faults = [str(error)]
    if faults:
        raise ModelNotFoundError(
            f"model {name!r} in {directory} is not what was downloaded: {'; '.join(faults[:5])}. "
            f"`{get_command(hub_id or snapshot.hub_id, revision)}` brings back what differs; to use a changed model, "
            "copy the directory to another place and name it by model.path."
        )


def _other_revisions(hub_id: str) -> str:
    """Return which revisions are here, as an advice, or an empty string."""
    here = snapshots(hub_id) if hub_id else []
    told = [", ".join([one.commit, *references(one)]) for one in here[:5]]
    return f" There are other revisions (model.revision): {'; '.join(told)}." if told else ""
