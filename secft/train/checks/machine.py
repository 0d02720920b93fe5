"""The machine that a training is planned for: this one, or one that the configuration describes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from secft.config.schemas.hardware import HardwareConfig
from secft.environment import cores, cpu_computes_bf16, cuda_devices, memory_bytes

GIB = 2**30
BF16_CAPABILITY = 8
"""Major compute capability from which CUDA devices compute in bf16 (Ampere)."""
CAPABILITY_MAJOR = 75
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR of CUDA's driver API."""
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Machine:
    """What trains.

    Attributes:
        device: ``cpu`` or ``cuda``.
        devices: how many on one machine; 1 for a CPU.
        memory: bytes of one device; main memory for a CPU.
        free: bytes that are free right now, or None where that is not known.
        bf16: it computes in bf16.
        here: this machine has such devices. Their memory is as the configuration says it, even where it says more than
            there is: a user may know better than a prediction.
        summary: one line for people.
    """

    device: str
    devices: int
    memory: int
    free: int | None
    bf16: bool
    here: bool
    summary: str


def machine_of(hardware: HardwareConfig) -> Machine:
    """Return the machine that a configuration means."""
    found = cuda_devices()
    device = ("cuda" if found else "cpu") if hardware.device == "auto" else hardware.device
    return _gpu(hardware, found) if device == "cuda" else _cpu(hardware)


def _cpu(hardware: HardwareConfig) -> Machine:
    size = main_memory()
    memory = int(hardware.memory_gib * GIB) if hardware.memory_gib else size
    bf16 = cpu_computes_bf16() if hardware.bf16 is None else hardware.bf16
    summary = f"{hardware.name}: {cores()} CPU cores, {memory / GIB:.1f} GiB, {'bf16' if bf16 else 'fp32'}"
    return Machine("cpu", 1, memory, None if hardware.memory_gib else free_memory(), bf16, True, summary)


def _gpu(hardware: HardwareConfig, found: list[int]) -> Machine:
    devices = hardware.devices or max(len(found), 1)
    size = int(hardware.memory_gib * GIB) if hardware.memory_gib else min(found, default=24 * GIB)
    here = len(found) >= devices
    if hardware.bf16 is not None:
        bf16 = hardware.bf16
    else:
        bf16 = min(capabilities(), default=BF16_CAPABILITY) >= BF16_CAPABILITY
    where = "" if here else ", not this machine"
    summary = f"{hardware.name}: {devices} x CUDA, {size / GIB:.0f} GiB each, {'bf16' if bf16 else 'fp32'}{where}"
    return Machine("cuda", devices, size, None, bf16, here, summary)


def main_memory() -> int:
    """Return the main memory that this process may use, in bytes: of the machine, or of its control group."""
    limits = [memory_bytes()]
    for name in CGROUP_LIMITS:
        try:
            text = Path(name).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def free_memory() -> int | None:
    """Return the main memory that is available right now, in bytes, or None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if found is None else int(found) * 1024


@lru_cache
def capabilities() -> list[int]:
    """Return the major compute capability of each CUDA device, asked of the driver; empty without one."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    found = []
    for index in range(len(cuda_devices())):
        device, value = ctypes.c_int(), ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(device), index)
        if driver.cuDeviceGetAttribute(ctypes.byref(value), CAPABILITY_MAJOR, device) == 0:
            found.append(value.value)
    return found
