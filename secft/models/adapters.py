"""An adapter that a training begins with: what its files say, and whether it belongs to a base model.

Nothing is loaded: settings and the headers of the weights are read. Format: PEFT, ``adapter_config.json`` beside
``adapter_model.safetensors``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError
from secft.files import digest, sha256_file
from secft.models.base_model import weight_files
from secft.models.soundness import read_header, read_object

SETTINGS, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_PARTS = (".lora_A.weight", ".lora_B.weight")
_WHOLE = ("modules_to_save", "trainable_token_indices", "target_parameters")
"""Settings of adapters that change more than the products of matrices."""


@dataclass(frozen=True)
class StartAdapter:
    """An adapter on this machine.

    Attributes:
        path: its directory.
        run: name of the run that made it, or "" where only the directory is known.
        digest: SHA-256 over its settings and weights.
        rank: of its matrices.
        alpha: its scale is alpha / rank.
        dropout: before it.
        target_modules: names of modules, or ``all-linear``.
        bias: which biases it changes: none, all, lora_only.
        magnitudes: direction and magnitude are learned apart (DoRA).
        based_on: what its settings name as their base.
    """

    path: Path
    run: str
    digest: str
    rank: int
    alpha: int
    dropout: float
    target_modules: tuple[str, ...]
    bias: str
    magnitudes: bool
    based_on: str

    def lineage(self) -> dict[str, Any]:
        """Return what cards and the registry tell of it."""
        return {"run": self.run, "name": self.run or self.path.name, "digest": self.digest, "rank": self.rank}


def read_adapter(directory: Path, run: str = "") -> StartAdapter:
    """Read what an adapter's files say.

    Args:
        directory: of the adapter.
        run: that made it, if known.

    Raises:
        InputError: it is no adapter, or none that a training can go on from.
    """
    for name in (SETTINGS, WEIGHTS):
        if not (directory / name).is_file():
            raise InputError(f"{directory}: {name} is missing; an adapter of peft in safetensors is expected")
    settings = read_object(directory / SETTINGS)
    if settings.get("peft_type") != "LORA":
        raise InputError(f"{directory}: is of the kind {settings.get('peft_type')!r}, and only LORA is gone on with")
    if settings.get("task_type") not in (None, "CAUSAL_LM"):
        raise InputError(f"{directory}: is made for {settings['task_type']}, not to write answers (CAUSAL_LM)")
    if "auto_map" in settings:
        raise InputError(f"{directory}: names Python code of its own (auto_map), which is never run")
    more = [name for name in _WHOLE if settings.get(name)]
    if more:
        raise InputError(f"{directory}: changes more of the model than low-rank matrices ({', '.join(more)})")
    rank = settings.get("r")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 0 < rank <= 1 << 16:
        raise InputError(f"{directory}: {SETTINGS} gives the rank {rank!r}")
    for name in ("lora_alpha", "lora_dropout"):
        if type(settings.get(name)) not in (int, float, type(None)):
            raise InputError(f"{directory}: {SETTINGS} gives {name} as {settings[name]!r}, not a number")
    return StartAdapter(
        path=directory,
        run=run,
        digest=digest({name: sha256_file(directory / name) for name in (SETTINGS, WEIGHTS)}),
        rank=rank,
        alpha=int(settings.get("lora_alpha") or rank),
        dropout=float(settings.get("lora_dropout") or 0.0),
        target_modules=_targets(settings.get("target_modules")),
        bias=str(settings.get("bias") or "none"),
        magnitudes=bool(settings.get("use_dora")),
        based_on=str(settings.get("base_model_name_or_path") or ""),
    )


def _targets(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(sorted(map(str, value))) if isinstance(value, list) else ()


def check_fits(adapter: StartAdapter, base: Path) -> None:
    """Refuse an adapter whose matrices are none of a base model's modules.

    Args:
        adapter: what a training begins with.
        base: directory of the base model.

    Raises:
        InputError: a module has another shape, or none of them is there; the message names one.
    """
    shapes: dict[str, Any] = {}
    for path in weight_files(base):
        shapes |= {name: entry["shape"] for name, entry in read_header(path).items()}
    header = read_header(adapter.path / WEIGHTS)
    pairs = _pairs(header)
    if not pairs:
        raise InputError(f"{adapter.path}: {WEIGHTS} holds no low-rank matrices")
    known = {module: pair for module, pair in pairs.items() if f"{module}.weight" in shapes}
    if not known:
        module = next(iter(pairs))
        raise InputError(f"{adapter.path}: changes {module}, and {base.name} has no such module")
    for module, (down, up) in known.items():
        there, here = [up[0], down[1]], list(shapes[f"{module}.weight"])
        if there not in (here, here[::-1]):
            sizes = f"{there[0]} x {there[1]}, and in {base.name} it has {' x '.join(map(str, here))}"
            raise InputError(f"{adapter.path}: was made for another base model: {module} has {sizes}")


def _pairs(header: Mapping[str, Any]) -> dict[str, tuple[list[int], list[int]]]:
    """Return module -> shapes (rank, inputs) and (outputs, rank) of its two matrices."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for name in header:
        if name.startswith(_PREFIX) and name.endswith(_PARTS[0]):
            module = name.removeprefix(_PREFIX).removesuffix(_PARTS[0])
            other = header.get(f"{_PREFIX}{module}{_PARTS[1]}")
            down = header[name]["shape"]
            if other is None or len(down) != 2 or len(other["shape"]) != 2:
                raise InputError(f"{WEIGHTS}: the matrices of {module} are incomplete")
            found[module] = (down, other["shape"])
    return found
