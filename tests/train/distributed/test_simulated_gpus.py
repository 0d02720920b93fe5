"""A driver with GPUs that torch cannot use, and more GPUs than a training uses: a stub of the driver stands for them.

It shows what is decided before a training and what its process is told; no kernel runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from secft.compiled import find_compiler

DRIVER = """
#include <stddef.h>
#include <stdlib.h>
int cuInit(unsigned f) { return 0; }
int cuDeviceGetCount(int *n) { *n = atoi(getenv("STUB_DEVICES")); return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceTotalMem_v2(size_t *s, int d) { *s = 85899345920UL; return 0; }
int cuDeviceGetAttribute(int *v, int a, int d) { *v = 9; return 0; }
int cuDriverGetVersion(int *v) { *v = atoi(getenv("STUB_DRIVER")); return 0; }
"""
PROGRAM = """
import json, sys
import secft.environment as environment
if sys.argv[1]:
    environment._cuda_of_torch = lambda: sys.argv[1]
from secft.config.compose import read_config
from secft.estimate import estimate
from secft.planning import machine, training
from secft.planning.situation import Situation, settled
from secft.train.distributed.choice import settings_of
from secft.pipelines import FINETUNE
from secft.stage import lasting
from secft.stages.training import TrainSettings
def seen(overrides):
    raw = read_config(["model=tiny", *overrides])
    situation = Situation(raw)
    config, decided = settled(raw)
    settings = settings_of(config.distributed, config.hardware)
    return {
        "stops": [str(one) for one in machine.hardware_problems(situation)],
        "told": [str(one) for one in training.device_flaws(situation)],
        "device": settings.device,
        "variables": settings.variables(),
        "seconds": estimate(situation.setup, 10**9).seconds,
        "decided": decided,
        "processes": settings.world,
        "strategy": settings.strategy,
        "problems": [str(one) for one in FINETUNE.problems(raw) if one.key.startswith(("distributed", "trainer"))],
        "train": lasting(TrainSettings.of(config))["distributed"],
    }
print(json.dumps([seen(line.split("|")) for line in sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a libcuda.so.1 that only tells of devices."""
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("there is no C compiler to make the stub with")
    place = tmp_path_factory.mktemp("driver")
    (place / "cuda.c").write_text(DRIVER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(place / "libcuda.so.1"), str(place / "cuda.c")], check=True)
    return place


def environment(driver: Path, devices: int, version: int = 13000, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    stub = {"LD_LIBRARY_PATH": str(driver), "STUB_DEVICES": str(devices), "STUB_DRIVER": str(version)}
    return {**clean, **stub, **more}


def seen(variables: dict[str, str], cuda_of_torch: str, *overrides: str) -> dict[str, Any]:
    return seen_each(variables, cuda_of_torch, overrides)[0]


def seen_each(variables: dict[str, str], cuda_of_torch: str, *cases: Sequence[str]) -> list[dict[str, Any]]:
    command = [sys.executable, "-c", PROGRAM, cuda_of_torch, *("|".join(case or ["model=tiny"]) for case in cases)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a_driver_that_torch_cannot_use_stops_the_run(driver: Path, tmp_path: Path) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a driver of its own")
    command = [sys.executable, "-m", "secft", "model=tiny"]
    more = {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(
        command, env=environment(driver, 1, **more), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    told = " ".join(done.stderr.split())
    assert "means the GPUs of this machine" in told
    assert "is built without CUDA" in told
    assert "hardware=cpu" in told
    assert seen(environment(driver, 1), "", "hardware=cpu")["stops"] == []


@pytest.mark.parametrize(("version", "stops"), [(12080, True), (13000, False), (13010, False), (14000, False)])
def test_a_driver_may_be_newer_than_torch_and_not_older(driver: Path, version: int, stops: bool) -> None:
    found = seen(environment(driver, 1, version), "13.0")
    assert bool(found["stops"]) is stops
    if stops:
        assert "needs a driver for CUDA 13.0, and this one is for CUDA 12.8" in found["stops"][0]


def test_a_single_process_sees_one_gpu_and_the_others_are_told(driver: Path) -> None:
    found = seen(environment(driver, 4), "13.0")
    assert found["variables"] == {"CUDA_VISIBLE_DEVICES": "0"}
    assert found["device"] == "cuda"
    assert "trains on the first of 4 GPUs" in found["told"][0]
    assert "distributed=ddp distributed.processes=4" in found["told"][0]
    named = seen(environment(driver, 2, CUDA_VISIBLE_DEVICES="5,7"), "13.0")
    assert named["variables"] == {"CUDA_VISIBLE_DEVICES": "5"}
    one = seen(environment(driver, 1), "13.0")
    assert (one["variables"], one["told"]) == ({}, [])
    assert found["seconds"] == one["seconds"]


def test_several_processes_see_all_of_them(driver: Path) -> None:
    found = seen(environment(driver, 4), "13.0", "distributed=ddp", "distributed.processes=4")
    assert (found["variables"], found["told"]) == ({}, [])
    single = seen(environment(driver, 4), "13.0")
    assert found["seconds"] == pytest.approx(single["seconds"] / 4)


def test_a_training_on_the_processor_sees_none(driver: Path) -> None:
    found = seen(environment(driver, 2), "13.0", "hardware=cpu")
    assert found["variables"] == {"CUDA_VISIBLE_DEVICES": ""}
    assert found["device"] == "cpu"
    assert (found["stops"], found["told"]) == ([], [])


SIZES = (
    "{layers: 32, hidden_size: 4096, intermediate_size: 14336, attention_heads: 32, key_value_heads: 8, "
    "vocabulary: 128256, tied_embeddings: false}"
)


def test_auto_is_one_process_on_one_gpu_and_on_none(driver: Path) -> None:
    one, none = seen_each(environment(driver, 1), "13.0", ["distributed=auto"], ["distributed=auto", "hardware=cpu"])
    assert (one["strategy"], one["processes"], one["problems"]) == ("single", 1, [])
    assert one["decided"] == ["distributed=auto is single: there is one GPU"]
    assert (none["strategy"], none["device"], none["variables"]) == ("single", "cpu", {"CUDA_VISIBLE_DEVICES": ""})
    assert none["decided"] == ["distributed=auto is single: it trains on the processor"]


def test_auto_uses_all_gpus_in_the_way_that_the_model_fits_and_the_fingerprint_says_so(driver: Path) -> None:
    sizes, auto = f"model.architecture={SIZES}", "distributed=auto"
    whole, asked, divided, quantised, alone = seen_each(
        environment(driver, 4), "13.0",
        [auto], ["distributed=ddp", "distributed.processes=4"], [auto, sizes, "trainer=full"],
        [auto, sizes, "trainer=qlora"], [auto, "backend=unsloth"],
    )  # fmt: skip
    assert (whole["strategy"], whole["processes"], whole["device"]) == ("ddp", 4, "cuda")
    assert (whole["variables"], whole["told"], whole["problems"]) == ({}, [], [])
    assert "distributed=auto is ddp on 4 GPUs: the model fits on each" in whole["decided"][0]
    assert whole["train"] == asked["train"]
    assert (divided["strategy"], divided["processes"], divided["problems"]) == ("fsdp2", 4, [])
    assert "one GPU cannot hold the model" in divided["decided"][0]
    assert quantised["strategy"] == "ddp"
    assert alone["strategy"] == "single"
    assert "backend=unsloth trains in one process" in alone["decided"][0]
    assert alone["variables"] == {"CUDA_VISIBLE_DEVICES": "0"}
