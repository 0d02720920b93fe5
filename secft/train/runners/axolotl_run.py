"""Runs the config.yml of a directory with Axolotl: ``<python> axolotl_run.py <directory>``.

The same as ``axolotl train config.yml``, with secft's plugin, a comparison of the rows before the first step and the
result in secft's form after the last.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ranks import noted
from session import RowsError, Session, compare, refuse

LIBRARIES = ("axolotl", "bitsandbytes", "datasets")


def check_rows(dataset: Any, tokenizer: Any, facts: dict[str, Any]) -> None:
    """Compare Axolotl's tokenised conversations with those of the tokenizer's own template.

    Raises:
        RowsError: rows were dropped, or one is not in the dataset as it should be.
    """
    if facts["rows"] != "conversations":
        return
    if len(dataset) != facts["examples"]:
        raise RowsError(f"axolotl kept {len(dataset)} of {facts['examples']} rows")
    texts = {}
    for row in dataset:
        trained = [label for label in row["labels"] if label != -100]
        texts[tokenizer.decode(row["input_ids"]).rstrip()] = tokenizer.decode(trained)
    for expected in facts["expected"]:
        wanted = expected["text"].rstrip()
        if wanted not in texts:
            closest = max(texts, key=lambda text: _shared(text, wanted))
            compare(expected, closest, None)
        compare(expected, wanted, texts[wanted])


def _shared(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def main(argv: list[str]) -> int:
    """Train what lies in a directory."""
    directory = Path(argv[0]).absolute()
    session = Session.open(directory, "axolotl")

    import axolotl_plugin

    axolotl_plugin.SESSION.append(session)
    from axolotl.cli.args import TrainerCliArgs
    from axolotl.cli.config import load_cfg
    from axolotl.common.datasets import load_datasets, load_preference_datasets
    from axolotl.loaders import load_tokenizer
    from axolotl.train import train
    from transformers import set_seed

    cfg = load_cfg(str(directory / "config.yml"))
    load = load_preference_datasets if cfg.rl else load_datasets
    data = load(cfg=cfg, cli_args=TrainerCliArgs())
    try:
        check_rows(data.train_dataset, load_tokenizer(cfg), session.facts)
    except RowsError as error:
        refuse(f"backend axolotl would not train these rows as they are: {error}")
    # Axolotl draws adapters before its trainer sets the seed.
    set_seed(cfg.seed)
    _, _, trainer = train(cfg=cfg, dataset_meta=data)
    if session.needs_evaluation(trainer.state.global_step):
        trainer.evaluate()
    if trainer.is_world_process_zero():
        session.finish(Path(cfg.output_dir), trainer.state.max_steps, LIBRARIES)
    return 0


if __name__ == "__main__":
    sys.exit(noted(Path(sys.argv[1]), lambda: main(sys.argv[1:])))
