"""Division of rows among processes, so that every global batch is the one that a single process would have seen.

A single process draws micro batches m0, m1, m2, ... and takes as many for a step as it accumulates. Several processes
take turns: process r of W gets m_r, m_(r+W), ... At the end of an epoch the turns are made even with a blank row, which
carries no loss, so that no row is seen twice and none is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from secft.train.template import IGNORED

if TYPE_CHECKING:
    from secft.train.rows import Row


def blank_row() -> Row:
    """A row of one token without a label."""
    return {"input_ids": [0], "labels": [IGNORED], "lengths": [1]}


class TurnBatches:
    """Micro batches of all processes in order; accelerate gives each process its turns.

    Attributes:
        sampler: order of the rows; accelerate replaces it by one that is seeded anew in every epoch.
    """

    drop_last = False

    def __init__(self, sampler: Any, rows: int, micro_batch: int, world: int) -> None:
        """Divide rows.

        Args:
            sampler: yields the indices of ``rows`` rows; index ``rows`` is the blank row.
            rows: number of rows, without the blank one.
            micro_batch: rows of a micro batch.
            world: number of processes.
        """
        self.sampler = sampler
        self.rows, self.micro_batch, self.world = rows, micro_batch, world

    def __len__(self) -> int:
        """Micro batches of all processes, blank ones included."""
        return round_up(-(-self.rows // self.micro_batch), self.world)

    def __iter__(self) -> Iterator[list[int]]:
        held: list[int] = []
        made = 0
        for index in self.sampler:
            held.append(int(index))
            if len(held) == self.micro_batch:
                yield held
                made, held = made + 1, []
        if held:
            yield held
            made += 1
        for _ in range(len(self) - made):
            yield [self.rows]


def round_up(value: int, step: int) -> int:
    """Round up to a multiple of ``step``."""
    return -(-value // step) * step


def divided_loader(trainer: Any, rows: Sequence[Row], micro_batch: int, world: int) -> Any:
    """Return the training data loader of one process of several."""
    from torch.utils.data import DataLoader, RandomSampler

    sampler = TurnBatches(RandomSampler(range(len(rows))), len(rows), micro_batch, world)
    loader: Any = DataLoader(
        [*rows, blank_row()],  # type: ignore[arg-type]  # a list is a dataset to PyTorch
        batch_sampler=sampler,
        collate_fn=trainer.data_collator,
        pin_memory=trainer.args.dataloader_pin_memory,
    )
    # The turns are even already; accelerate would make them so by rows that are seen twice.
    trainer.accelerator.even_batches = False
    return trainer.accelerator.prepare(loader)
