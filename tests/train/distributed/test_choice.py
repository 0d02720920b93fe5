"""What is impossible in a configuration of several processes, and what this machine lacks."""

from __future__ import annotations

import pytest

from secft.config.compose import read_config
from secft.planning.situation import Situation
from secft.train.distributed.choice import distributed_problems, missing_here, open_problems, settings_of

SHARDED = ("fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3")


def test_a_script_of_launch_files_holds_no_foreign_words() -> None:
    config = read_config(["distributed=ddp", "distributed.launcher=slurm", "distributed.slurm.partition='a; rm b'"])
    assert [problem.key for problem in distributed_problems(Situation(config).setup)] == ["distributed.slurm.partition"]


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["distributed.processes=2"], "distributed.processes"),
        (["distributed=ddp", "distributed.offload=optimizer"], "distributed.offload"),
        (["distributed=deepspeed_zero2", "distributed.offload=all"], "distributed.offload"),
        (["distributed=fsdp2", "distributed.offload=optimizer"], "distributed.offload"),
        (["distributed=ddp", "distributed.nodes=2"], "distributed.address"),
        (["distributed=ddp", "backend=unsloth"], "distributed.name"),
        (["distributed=ddp", "backend=axolotl", "distributed.launcher=slurm"], "distributed.launcher"),
        (["distributed=ddp", "trainer=ppo", "backend=axolotl"], "distributed.name"),
        (["distributed=fsdp2", "trainer=qlora"], "distributed.name"),
        (["distributed=deepspeed_zero3", "trainer=dpo"], "distributed.name"),
    ],
)
def test_impossible_pairs_are_told(overrides: list[str], key: str) -> None:
    assert [problem.key for problem in distributed_problems(Situation(read_config(overrides)).setup)] == [key]


@pytest.mark.parametrize("name", ["single", "ddp", *SHARDED])
def test_every_option_is_possible_as_it_is(name: str) -> None:
    config = read_config([f"distributed={name}"])
    assert distributed_problems(Situation(config).setup) == []
    assert (settings_of(config.distributed).world > 1) is (name != "single")


def test_what_this_machine_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    config = read_config(["distributed=ddp", "distributed.launcher=slurm"])
    assert [problem.key for problem in missing_here(Situation(config).setup)] == ["distributed.launcher"]
    config = read_config(["distributed=deepspeed_zero2", "distributed.device=cpu", "backend=axolotl"])
    assert [problem.reason for problem in missing_here(Situation(config).setup)] == [
        "needs GPUs: accelerate leaves DeepSpeed out on CPUs"
    ]
    config = read_config(["distributed=ddp", "distributed.device=cuda", "distributed.processes=64"])
    assert [problem.key for problem in missing_here(Situation(config).setup)] == ["distributed.processes"]


@pytest.mark.parametrize("given", ["processes=3", "nodes=2", "launcher=slurm", "offload=all"])
def test_auto_is_not_told_what_it_decides(given: str) -> None:
    config = read_config(["distributed=auto", f"distributed.{given}"])
    (told,) = open_problems(config.distributed)
    assert told.key == f"distributed.{given.partition('=')[0]}"
    assert open_problems(read_config(["distributed=auto"]).distributed) == []


def test_a_plan_for_another_machine_does_not_count_the_gpus_of_this_one() -> None:
    planned = ["hardware=cuda80", "hardware.devices=64", "distributed=ddp", "distributed.processes=64"]
    setup = Situation(read_config([*planned, "dry_run=true"])).setup
    assert missing_here(setup) == []
    assert settings_of(setup.distributed, setup.hardware).device == "cuda"
