"""The model registry: adapters that passed their gates, each with its card, its decision and digests."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secft.documents.decision import GATES, Decision
from secft.documents.document import as_json
from secft.errors import GateFailedError, InputError
from secft.files import digest, tree_digests, write_json, write_text
from secft.naming import check_name
from secft.versions import publish_newest

REGISTRATION = "registration.json"
FORMAT = 1
_KEPT = (".json", ".safetensors", ".jinja", ".model", ".txt")
_CODE_INSIDE = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".py", ".so")


def register(
    adapter_dir: Path,
    card: str,
    gates: Decision,
    models_root: Path,
    provider: str,
    run_id: str,
    facts: Mapping[str, Any] | None = None,
    measured: Mapping[str, str] | None = None,
) -> Path:
    """Put an adapter that passed its gates into the registry.

    The same content again changes nothing. Other content under the same name moves the old entry to
    ``<provider>/.archive/<run-id>-vN``; nothing is ever deleted.

    Args:
        adapter_dir: the adapter, or a whole model: safetensors, configuration, tokenizer.
        card: text of MODEL_CARD.md.
        gates: the decision.
        models_root: the registry.
        provider: first level below it, the engine that trained.
        run_id: second level.
        facts: what else registration.json should tell, for example the base's digest.
        measured: relative path -> SHA-256 of the files that the gates judged; None compares nothing.

    Returns:
        The entry.

    Raises:
        GateFailedError: the verdict is not pass.
        InputError: the names are no file names; or the adapter has no safetensors, holds files that can run code, or
            is not what was measured.
    """
    if gates.verdict != "pass":
        reasons = "; ".join(gates.reasons) or "no reason is recorded"
        raise GateFailedError(f"{run_id}: the gates say {gates.verdict!r}, so nothing was registered: {reasons}")
    provider = check_name(provider, "the provider of a registered model")
    run_id = check_name(run_id, "a registered model")
    files = check_adapter(adapter_dir)

    def build(directory: Path) -> None:
        for path in files:
            target = directory / path.relative_to(adapter_dir)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        copied = tree_digests(directory, leave_out=())
        other = [name for name in copied if measured is not None and measured.get(name) != copied[name]]
        if other:
            raise InputError(
                f"{adapter_dir}: {', '.join(other)} changed since it was measured, so nothing was registered; the same "
                "command trains and measures it again."
            )
        identity = digest(copied)
        write_text(directory / "MODEL_CARD.md", card)
        write_json(directory / GATES, as_json(gates))
        registration = {"format": FORMAT, "run": run_id, "provider": provider, "digest": identity}
        registration["files"] = tree_digests(directory, leave_out=())
        write_json(directory / REGISTRATION, {**(facts or {}), **registration})

    return publish_newest(models_root / provider / run_id, FORMAT, REGISTRATION, build)


def check_adapter(directory: Path) -> list[Path]:
    """List the files of an adapter that are registered.

    Raises:
        InputError: weights are missing, or a file could run code when it is loaded, or lies outside.
    """
    found = sorted(path for path in directory.rglob("*") if path.is_file() or path.is_symlink())
    refused = [path.name for path in found if path.suffix.lower() in _CODE_INSIDE]
    if refused:
        raise InputError(
            f"{directory}: {', '.join(refused)} can run code when loaded; only safetensors are registered."
        )
    outside = [path.name for path in found if not path.resolve().is_relative_to(directory.resolve())]
    if outside:
        raise InputError(f"{directory}: {', '.join(outside)} points outside of the adapter.")
    if not any(path.suffix == ".safetensors" for path in found):
        raise InputError(f"{directory}: there are no safetensors to register.")
    return [path for path in found if path.suffix in _KEPT and path.is_file()]
