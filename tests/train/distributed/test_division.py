"""Division of rows among processes."""

from __future__ import annotations

import pytest

from secft.train.distributed.division import TurnBatches


@pytest.mark.parametrize("rows", [1, 7, 8, 23])
@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("micro", [1, 2, 4])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_global_batches_are_those_of_one_process(rows: int, world: int, micro: int, accumulation: int) -> None:
    from accelerate.data_loader import BatchSamplerShard

    order = [(7 * index + 3) % rows for index in range(rows)] if rows % 7 else list(range(rows))
    shards = [
        list(BatchSamplerShard(TurnBatches(order, rows, micro, world), world, rank, even_batches=False))
        for rank in range(world)
    ]
    assert len({len(shard) for shard in shards}) == 1
    step = micro * accumulation * world
    expected = [sorted(order[start : start + step]) for start in range(0, rows, step)]
    made = []
    for start in range(0, len(shards[0]), accumulation):
        batches = [batch for shard in shards for batch in shard[start : start + accumulation]]
        made.append(sorted(index for batch in batches for index in batch if index != rows))
    assert made == expected
