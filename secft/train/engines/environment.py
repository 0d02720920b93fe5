"""What the engine's process sets up before the heavy libraries load."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import warnings

PARENT_VARIABLE = "SECFT_PARENT_PID"
PR_SET_PDEATHSIG = 1

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


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that a restarted run never races an old one."""
    expected = os.environ.get(PARENT_VARIABLE)
    if expected is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the call above took effect.
    if os.getppid() != int(expected):
        os.kill(os.getpid(), signal.SIGKILL)
