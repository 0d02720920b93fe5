"""What a plan tells about the start of a training."""

from __future__ import annotations

from secft.config.compose import read_config
from secft.planning.situation import Situation
from secft.train.distributed.plan import launch_plan


def test_the_plan_of_two_machines_names_the_command_of_each() -> None:
    config = read_config(
        ["distributed=deepspeed_zero3", "distributed.nodes=2", "distributed.processes=8", "distributed.offload=all",
         "distributed.address=10.0.0.5", "trainer.micro_batch_size=4", "trainer.gradient_accumulation=2"]
    )  # fmt: skip
    text = "\n".join(launch_plan(Situation(config).setup))
    assert "8 x 16 = 128 rows" in text
    for node in range(2):
        assert (
            f"machine {node}: python -m torch.distributed.run --nnodes 2 --nproc-per-node 8 --node-rank {node}" in text
        )
    assert "--master-addr 10.0.0.5 --master-port 29500" in text
    assert '"offload_param"' in text
    assert "OMP_NUM_THREADS=" in text
    assert launch_plan(Situation(read_config([])).setup) == ["launch: one process on cpu, 2 rows in a global batch"]
