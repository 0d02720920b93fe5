"""What this machine is and has, found without importing a heavy library."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from secft.errors import MissingExtraError

REPORTED_PACKAGES = (
    "secft", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "lm_eval", "datasketch", "pyarrow",
    "hydra-core", "numpy", "safetensors", "bitsandbytes", "detect-secrets", "xllamacpp",
    "openai", "google-genai", "ray",
)  # fmt: skip


def missing_modules(names: tuple[str, ...]) -> list[str]:
    """Return the modules that are not installed, without importing any."""
    return [name for name in names if find_spec(name) is None]


def install_command(extra: str) -> str:
    """Return the command that installs an optional part of secft where it runs: from its checkout, or as packages.

    No index is asked for a package of the name ``secft``: whoever took that name there would be installed.

    Args:
        extra: as pyproject.toml has it.
    """
    from packaging.requirements import Requirement

    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return f"pip install {shlex.quote(f'{checkout}[{extra}]')}"
    try:
        told = [Requirement(text) for text in importlib.metadata.requires("secft") or []]
    except importlib.metadata.PackageNotFoundError:
        told = []
    wanted = [one for one in told if one.marker and one.marker.evaluate({"extra": extra}) and one.name != "secft"]
    asked = [f"{one.name}{one.specifier}" for one in wanted if not one.marker or not one.marker.evaluate({"extra": ""})]
    return (
        f"pip install {' '.join(map(shlex.quote, asked))}"
        if asked
        else f"pip install '.[{extra}]', in a checkout of secft"
    )


def require(modules: tuple[str, ...], extra: str, what: str) -> None:
    """Check that packages are installed before they are imported.

    Args:
        modules: what is imported.
        extra: that brings them.
        what: needs them, for the message.

    Raises:
        MissingExtraError: one is not.
    """
    missing = missing_modules(modules)
    if missing:
        raise MissingExtraError(f"{what} needs {', '.join(missing)}, not installed: {install_command(extra)}")


@lru_cache
def cuda_devices() -> list[int]:
    """Return the memory of each CUDA device in bytes, asked of the driver; empty without one.

    Asked of CUDA itself, not of NVML (nvidia-ml-py): NVML counts the devices that CUDA_VISIBLE_DEVICES hides, too.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    sizes = []
    for index in range(count.value):
        device, size = ctypes.c_int(), ctypes.c_size_t()
        driver.cuDeviceGet(ctypes.byref(device), index)
        driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        sizes.append(int(size.value))
    return sizes


@lru_cache
def cuda_obstacle() -> str:
    """Return why the installed torch cannot use the CUDA devices of this machine; empty where it can, or has none.

    Torch is not imported. Its own CUDA decides, and the driver must be of the same major version or a newer one.
    """
    if not cuda_devices() or find_spec("torch") is None:
        return ""
    version = importlib.metadata.version("torch")
    own = _cuda_of_torch()
    if not own:
        return f"the installed torch {version} is built without CUDA"
    known = ctypes.c_int()
    try:
        if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(known)) != 0:
            return ""
    except (OSError, AttributeError):
        return ""
    if known.value // 1000 < int(own.partition(".")[0]):
        driver = f"{known.value // 1000}.{known.value % 1000 // 10}"
        return f"the installed torch {version} needs a driver for CUDA {own}, and this one is for CUDA {driver}"
    return ""


def _cuda_of_torch() -> str:
    """Return the version of CUDA that torch is built with, as torch/version.py tells it; empty without one."""
    place = find_spec("torch")
    try:
        text = Path(str(place.origin)).with_name("version.py").read_text(encoding="utf-8") if place else ""
    except OSError:
        return ""
    found = re.search(r"^cuda\b[^=\n]*=\s*['\"](\d+\.\d+)", text, re.MULTILINE)
    return found[1] if found else ""


def memory_bytes() -> int:
    """Return the main memory of this machine in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def free_disk_bytes(place: Path) -> int:
    """Return the free space where a path is, or would be."""
    existing = next(parent for parent in [place.absolute(), *place.absolute().parents] if parent.exists())
    return shutil.disk_usage(existing).free


def cpu_flags() -> frozenset[str]:
    """Return the instruction sets of the processor as Linux names them; empty elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    line = next((line for line in text.splitlines() if line.startswith(("flags", "Features"))), "")
    return frozenset(line.partition(":")[2].split())


CPU_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def cpu_computes_bf16() -> bool:
    """Tell whether the processor multiplies bfloat16 natively; emulation would be slower than fp32."""
    return bool(cpu_flags() & CPU_BF16_FLAGS)


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hardware() -> dict[str, Any]:
    """Return what a reader needs to judge timings: processor, cores, memory, devices."""
    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(memory_bytes() / 2**30, 1),
        "bf16": cpu_computes_bf16(),
        "cuda_devices_gib": [round(size / 2**30, 1) for size in cuda_devices()],
    }


def packages() -> dict[str, str]:
    """Return the versions of the packages that can change a result."""
    found = {}
    for name in REPORTED_PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(directory: Path) -> dict[str, Any]:
    """Return commit and dirty state of the checkout around a directory; empty outside of one."""
    try:
        commit = _git(directory, "rev-parse", "HEAD")
        dirty = bool(_git(directory, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"commit": commit, "dirty": dirty}


def environment() -> dict[str, Any]:
    """Return everything about this machine that belongs into a run's manifest."""
    return {
        "python": platform.python_version(),
        "packages": packages(),
        "hardware": hardware(),
        "git": git_state(Path.cwd()),
    }


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", *arguments]  # the one that the user has
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
