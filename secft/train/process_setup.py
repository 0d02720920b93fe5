"""What the runner's process sets up before the heavy libraries load."""

from __future__ import annotations

import logging
import os
import warnings

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
    "DO_NOT_TRACK": "1",
    "WANDB_MODE": "disabled",
    "WANDB_DISABLED": "true",
    "ACCELERATE_DISABLE_RICH": "1",
}


def prepare(*, offline: bool, threads: int) -> None:
    """Set environment variables and warning filters; call before importing torch.

    Args:
        offline: forbid the Hugging Face hub.
        threads: CPU threads, 0 for all cores this process may use.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if offline:
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
            os.environ[name] = "1"
    count = str(threads or len(os.sched_getaffinity(0)))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, count)
    warnings.filterwarnings("ignore")
    logging.getLogger("transformers").setLevel(logging.ERROR)
