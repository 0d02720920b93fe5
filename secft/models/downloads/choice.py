"""Which files of a repository a model consists of: safetensors, configuration and tokenizer; never what runs code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secft.columns import plain_text
from secft.errors import DownloadError, InputError, did_you_mean
from secft.models.downloads.listing import HubFile, HubListing
from secft.models.soundness import read_object

INDEX = "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
OTHER_WEIGHTS = (".h5", ".msgpack", ".onnx", ".tflite", ".ot", ".npz")
SMALL = (".json", ".model", ".txt", ".jinja")
PAPERS = ("README", "LICENSE", "LICENCE", "NOTICE", "USE_POLICY", "COPYING")
MOST_SMALL = 64 << 20
"""Bytes of a file that is no weights; tokenizers have the largest, of about 30 MB."""


@dataclass(frozen=True)
class Choice:
    """The files of a model.

    Attributes:
        small: configuration, tokenizer, card and licence; they come first and are looked at.
        weights: files that may be weights of it; which ones are is known with the index.
    """

    small: tuple[HubFile, ...]
    weights: tuple[HubFile, ...]


def choose(listing: HubListing, only: str | None) -> Choice:
    """Choose the files of a model.

    Args:
        listing: of the repository.
        only: one file of weights that is wanted, such as a GGUF file; None takes the safetensors.

    Raises:
        InputError: there is no such file.
        DownloadError: there are no weights that can be loaded without running code; the message says what there is.
    """
    top = [one for one in listing.files if "/" not in one.name]
    papers = tuple(one for one in top if one.name.upper().startswith(PAPERS) and one.size <= MOST_SMALL)
    if only is not None:
        return Choice(papers, (_named(listing, only),))
    small = [one for one in top if one.name.lower().endswith(SMALL) and one not in papers]
    large = [one.name for one in small if one.size > MOST_SMALL]
    if large:
        raise DownloadError(
            f"{listing.hub_id}: {large[0]} has more than {MOST_SMALL:,} bytes, and no such file needs so many."
        )
    weights = [one for one in top if _is_weights(one.name)]
    if not weights:
        raise DownloadError(_why_no_weights(listing))
    if all(one.name != "config.json" for one in small):
        raise DownloadError(f"{listing.hub_id} holds no config.json: it is no model that transformers can load.")
    return Choice((*papers, *small), tuple(weights))


def shards(choice: Choice, directory: Path) -> tuple[HubFile, ...]:
    """Return the files of weights that a model consists of.

    Args:
        choice: of its files.
        directory: with the small ones.

    Raises:
        DownloadError: the index names what is not there.
    """
    by_name = {one.name: one for one in choice.weights}
    if (directory / INDEX).is_file():
        try:
            named = read_object(directory / INDEX).get("weight_map")
        except InputError as error:
            raise DownloadError(str(error)) from error
        if not isinstance(named, dict) or not named:
            raise DownloadError(f"{INDEX} names no file for any tensor.")
        missing = [plain_text(str(name))[:80] for name in named.values() if name not in by_name]
        if missing:
            raise DownloadError(
                f"{INDEX} names {missing[0]!r}, and there is no such file of weights in the repository."
            )
        return tuple(by_name[name] for name in sorted(set(named.values())))
    whole = by_name.get("model.safetensors")
    return (whole,) if whole else choice.weights


def _is_weights(name: str) -> bool:
    # Mistral's consolidated files hold the same weights once more; an adapter is no base model.
    return name.endswith(".safetensors") and not name.startswith(("consolidated", "adapter", "optimizer"))


def _named(listing: HubListing, only: str) -> HubFile:
    found = next((one for one in listing.files if one.name == only), None)
    if found is None:
        names = [one.name for one in listing.files if one.name.endswith((".gguf", ".safetensors"))]
        close = did_you_mean(only, names)
        hint = f" Did you mean {close!r}?" if close else f" There are: {', '.join(names) or 'no weights'}."
        raise InputError(f"{listing.hub_id} has no file {only!r}.{hint}")
    if not only.endswith((".gguf", ".safetensors")):
        raise InputError(f"file={only} cannot be taken: only GGUF and safetensors hold weights and no code.")
    return found


def _why_no_weights(listing: HubListing) -> str:
    names = [one.name for one in listing.files]
    start = f"{listing.hub_id} has no safetensors, and nothing else is loaded"
    pickled = _ending(names, PICKLED)
    if pickled:
        return (
            f"{start}: {pickled[0]} is pickle, which runs code of its author when it is read. Ask the owner for "
            "safetensors, or look for the Hub's own conversion among the pull requests (revision=refs/pr/N)."
        )
    if gguf := _ending(names, (".gguf",)):
        return f"{start} unasked. There are GGUF files: choose one with file={gguf[0]} ({', '.join(gguf[:8])})."
    if any(name.startswith("adapter_") for name in names):
        return f"{start}. It is an adapter: the base model is another repository, named in its adapter_config.json."
    other = _ending(names, OTHER_WEIGHTS) or _ending(names, (".safetensors",))
    return f"{start}: {other[0]} is of another framework or part." if other else f"{start}: it holds no weights."


def _ending(names: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    return [name for name in names if name.lower().endswith(suffixes)]
