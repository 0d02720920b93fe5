"""``python -m secft doctor``: what this machine is, which backends train what here, and what is missing."""

from __future__ import annotations

import argparse
import importlib.metadata
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from secft.columns import columns, plain_text, size
from secft.command import Command, Verb, json_flag, print_json
from secft.config.roots import PathsConfig, PlacesConfig, Root
from secft.environment import (
    cpu_flags,
    cuda_devices,
    cuda_obstacle,
    free_disk_bytes,
    hardware,
    install_command,
    memory_bytes,
)
from secft.errors import InputError, SecftError, did_you_mean
from secft.log import complain
from secft.train.backends import BACKENDS, SEPARATE
from secft.train.environments import UNDONE, check, repair
from secft.train.methods import as_rows

TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
"""Instruction sets that decide how fast training on a CPU is, and which number formats pay."""


def examine(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print the facts; with --fix make or repair environments first.

    Returns:
        0, or 2 if an environment is not in order: one that is broken, or one that was named and is not there.
    """
    words = [*arguments.names, *arguments.backend]
    names, root = _names(words), Path(config.paths.backends)
    code = _fix(names, root) if arguments.fix else 0
    states = {name: check(name, root, files=arguments.files) for name in names}
    facts = {
        "machine": _machine(config.paths),
        "extras": _extras(),
        "backends": {
            name: {
                "directory": str(root / name),
                "state": "ready" if not found else found[0].code,
                "findings": [{"kind": problem.code, "detail": problem.reason} for problem in found],
                "bytes": BACKENDS[name].environment_bytes,
            }
            for name, found in states.items()
        },
        "run": _run_problems(config.paths),
    }
    if arguments.json:
        print_json(facts)
    else:
        _print(facts)
    harmless = () if words else UNDONE
    broken = any(problem.code not in harmless for found in states.values() for problem in found)
    return code or (InputError.exit_code if broken else 0)


def _names(words: Sequence[str]) -> list[str]:
    for word in words:
        if word not in SEPARATE:
            close = did_you_mean(word, SEPARATE)
            hint = f" Did you mean {close!r}?" if close else ""
            told = f"{word!r} is no backend with an environment of its own.{hint}"
            raise InputError(f"{told} There are: {', '.join(SEPARATE)}. The others train in the environment of secft.")
    return [name for name in SEPARATE if name in words or not words]


def _fix(names: list[str], root: Path) -> int:
    """Make or repair environments; one that fails does not keep the others from being made."""
    code = 0
    for name in names:
        try:
            repair(name, root, complain)
        except SecftError as error:
            if error.exit_code == 130:
                raise
            complain(str(error))
            code = code or error.exit_code
    return code


def _machine(paths: PathsConfig) -> dict[str, Any]:
    flags = cpu_flags()
    return {
        **hardware(),
        "memory_bytes": memory_bytes(),
        "cuda_devices_bytes": cuda_devices(),
        "cuda_obstacle": cuda_obstacle(),
        "instruction_sets": [flag for flag in TELLING_FLAGS if flag in flags],
        "torch": _version("torch"),
        "free_bytes": {
            name: free_disk_bytes(Path(getattr(paths, name)))
            for name in ("data", "models", "outputs", "cache", "backends")
        },
    }


def _run_problems(paths: PathsConfig) -> list[str]:
    """Return what keeps the main job from being started here: the same checks that a run makes."""
    from secft.config.compose import read_config
    from secft.pipelines import pipeline_of

    config = replace(read_config([]), paths=paths)
    return [str(problem) for problem in pipeline_of(config).problems(config)]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extras() -> dict[str, list[str]]:
    """Return extra -> what it asks for that is not installed, or not in a fitting version."""
    try:
        told = importlib.metadata.metadata("secft")
    except importlib.metadata.PackageNotFoundError:
        return {}
    extras = told.get_all("Provides-Extra") or []
    wanted = [Requirement(text) for text in importlib.metadata.requires("secft") or []]
    found: dict[str, list[str]] = {}
    for extra in sorted(extras):
        asked = [one for one in wanted if one.marker and _needed(one, extra) and one.name != "secft"]
        if asked:
            found[extra] = sorted(filter(None, map(_lacking, asked)))
    return found


def _needed(requirement: Requirement, extra: str) -> bool:
    assert requirement.marker is not None  # only requirements with a marker belong to an extra
    return requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate({"extra": ""})


def _lacking(requirement: Requirement) -> str:
    version = _version(requirement.name)
    if version is None:
        return requirement.name
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name}{requirement.specifier} (installed is {version})"


def _print(facts: dict[str, Any]) -> None:
    for title, text in _sections(facts):
        print(plain_text(f"{title}\n{text}\n"))


def _sections(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Machine", columns(("what", "here"), list(_machine_rows(facts["machine"])))
    legend = "yes: on any device; GPU: needs a CUDA device; -: not at all. Reasons: docs/backends.md"
    yield "Methods and backends", f"{columns(('method', *BACKENDS), as_rows())}\n{legend}"
    here = "ready" if _version("torch") else "torch is not installed"
    own = [[name, here, ""] for name, record in BACKENDS.items() if not record.separate]
    rows = own + [[name, _state(told), told["directory"]] for name, told in facts["backends"].items()]
    yield "Main job", "\n".join(facts["run"]) or "nothing keeps it from being started"
    yield "Environments of backends", columns(("backend", "state", "place"), rows)
    if facts["extras"]:
        yield "Optional parts", columns(("extra", "missing"), [_extra_row(*item) for item in facts["extras"].items()])


def _machine_rows(machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "processor", f"{machine['processor']} ({machine['system']} {machine['machine']})"
    yield "instructions", " ".join(machine["instruction_sets"]) or "unknown"
    yield "cores", str(machine["cores"])
    yield "memory", size(machine["memory_bytes"])
    devices = ", ".join(size(count) for count in machine["cuda_devices_bytes"])
    obstacle = f"; cannot be used: {machine['cuda_obstacle']}" if machine["cuda_obstacle"] else ""
    yield "CUDA devices", f"{devices}{obstacle}" if devices else "none: training runs on the processor"
    yield "torch", machine["torch"] or f"not installed: {install_command('train')}"
    for name, free in machine["free_bytes"].items():
        yield f"paths.{name}", f"{size(free)} free"


def _state(told: dict[str, Any]) -> str:
    if told["state"] == "ready":
        return "ready"
    if told["state"] == "missing":
        return f"not made yet: on first use, or with --fix ({size(told['bytes'])})"
    if told["state"] == "being made":
        return "being made by another process"
    return "not in order: " + "; ".join(f"{one['kind']}: {one['detail']}" for one in told["findings"])


def _extra_row(extra: str, missing: list[str]) -> list[str]:
    if not missing:
        return [extra, "nothing"]
    return [extra, f"{', '.join(missing)}: {install_command(re.sub('[^a-z0-9-]', '', extra))}"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    known = f"backends with an environment of their own: {', '.join(SEPARATE)}; without it all are meant"
    parser.add_argument("--fix", action="store_true", help="make environments, and make anew those not in order")
    parser.add_argument("--backend", metavar="NAME", nargs="+", action="extend", default=[], help=known)
    parser.add_argument(
        "--files", action="store_true", help="also compare every installed file with what was installed"
    )
    json_flag(parser)
    parser.add_argument("names", metavar="NAME", nargs="*", help="as after --backend")


COMMAND = Command(
    name="doctor",
    about="this machine, what backends train here, what is missing; --fix makes it",
    root=Root("doctor", PlacesConfig),
    verbs={"": Verb("print the facts; make and repair environments only with --fix", examine, _arguments)},
)
