"""Command lines that start the processes of one machine."""

from __future__ import annotations

from pathlib import Path

from secft.train.distributed.commands import accelerate_command, torchrun_command
from secft.train.distributed.settings import DistributedSettings

PROGRAM = ["-m", "secft.train.backends.trl.runner", "/shared/run 1"]


TWO_NODES = DistributedSettings("ddp", processes=4, nodes=2, address="10.0.0.5", port=29500)


def test_torchrun_understands_the_command() -> None:
    from torch.distributed.run import get_args_parser

    command = torchrun_command(TWO_NODES, "1", "python", PROGRAM)
    told = get_args_parser().parse_args(command[3:])
    assert (told.nnodes, told.nproc_per_node, told.node_rank) == ("2", "4", 1)
    assert (told.master_addr, told.master_port, told.max_restarts) == ("10.0.0.5", 29500, 0)
    assert told.module
    assert [told.training_script, *told.training_script_args] == PROGRAM[1:]


def test_accelerate_understands_the_command() -> None:
    from accelerate.commands.launch import launch_command_parser

    told = launch_command_parser().parse_args(accelerate_command(TWO_NODES, "1", "python", PROGRAM, Path("/d"))[3:])
    assert told.config_file == "/d/launch/accelerate.yaml"
    assert (told.machine_rank, told.main_process_ip, told.main_process_port) == (1, "10.0.0.5", 29500)
    assert told.module
    assert [told.training_script, *told.training_script_args] == PROGRAM[1:]
