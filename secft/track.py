"""Trackers: who is told about the progress of training besides metrics.jsonl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from secft.config.schemas.training import TensorboardTracker, TrackerConfig
from secft.train.progress import StepProgress, reporter


@contextmanager
def following(config: TrackerConfig, out: Path) -> Iterator[Callable[[StepProgress], None]]:
    """Yield the function that is told each step: it shows progress to people and passes it to the tracker.

    Args:
        config: which tracker.
        out: directory in which a tracker may write.
    """
    with reporter(None) as show:
        if not isinstance(config, TensorboardTracker):
            yield show
            return
        from torch.utils.tensorboard import SummaryWriter  # heavy: only when asked for

        writer = SummaryWriter(str(out / "tensorboard"), flush_secs=config.flush_seconds)

        def tell(progress: StepProgress) -> None:
            show(progress)
            for name, value in _scalars(progress).items():
                writer.add_scalar(name, value, progress.step)

        try:
            yield tell
        finally:
            writer.close()


def _scalars(progress: StepProgress) -> dict[str, float]:
    values = {
        "train/loss": progress.loss,
        "validation/loss": progress.eval_loss,
        "train/reward": progress.reward,
        "validation/reward": progress.eval_reward,
        "train/tokens_per_second": progress.tokens_per_second or None,
    }
    return {name: value for name, value in values.items() if value is not None}
