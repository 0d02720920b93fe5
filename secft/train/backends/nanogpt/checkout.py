"""A user's nanoGPT checkout as the engine: its train.py, unchanged, on data and a configuration file of ours.

nanoGPT reads ``data/<dataset>/`` below the directory it is started in. That directory is made here, with copies of
its three files and a link to the data; nothing is ever written into the checkout.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secft.errors import InputError
from secft.files import storage_errors, write_text
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.backends.nanogpt.meta import read_meta
from secft.train.backends.nanogpt.recipe import job_settings, nanogpt_config
from secft.train.backends.nanogpt.schedule import learning_rate

if TYPE_CHECKING:
    from secft.train.backends.nanogpt.model import GPT

PROGRAM = ("train.py", "model.py", "configurator.py")
MOST_BYTES = 2**20
DATASET, OUT, CONFIG, CHECKPOINT = "prepared", "out", "config.py", "ckpt.pt"
_MARKS = {"train.py": ("get_batch", "configurator.py", "estimate_loss"), "model.py": ("class GPT", "block_size")}
_STEP = re.compile(r"step (\d+): train loss (\S+), val loss (\S+)")
_ITER = re.compile(r"iter (\d+): loss (\S+), time (\S+?)ms(?:, mfu (\S+?)%)?")


def check_checkout(checkout: Path) -> None:
    """Refuse a directory that is not a nanoGPT checkout.

    Raises:
        InputError: with what is missing.
    """
    missing = [name for name in PROGRAM if not (checkout / name).is_file()]
    if missing:
        raise InputError(f"{checkout}: no nanoGPT checkout, it lacks {', '.join(missing)}.")
    for name in PROGRAM:
        if (checkout / name).stat().st_size > MOST_BYTES:
            raise InputError(f"{checkout / name}: too large for a file of nanoGPT.")
        text = (checkout / name).read_text(encoding="utf-8", errors="replace")
        absent = [mark for mark in _MARKS.get(name, ()) if mark not in text]
        if absent:
            raise InputError(f"{checkout / name}: not nanoGPT's, it has no {', '.join(absent)}.")


def render(job: PretrainJob, work: Path) -> list[Path]:
    """Make the directory that train.py is started in.

    Args:
        job: with ``checkout`` set.
        work: is made or updated; ``out/`` in it stays.

    Returns:
        The files and links in it.

    Raises:
        InputError: no checkout, no data, or a meta.pkl that could run code.
    """
    checkout, data = Path(job.checkout).resolve(), Path(job.data_dir).resolve()
    check_checkout(checkout)
    if (data / "meta.pkl").is_file():
        read_meta(data / "meta.pkl")  # train.py unpickles it without a question
    if work.resolve().is_relative_to(checkout):
        raise InputError(f"{work}: lies inside the checkout, which is never written to.")
    with storage_errors(work):
        (work / "data").mkdir(parents=True, exist_ok=True)
        for name in PROGRAM:
            (work / name).unlink(missing_ok=True)
            shutil.copyfile(checkout / name, work / name)
        link = work / "data" / DATASET
        link.unlink(missing_ok=True)
        link.symlink_to(data, target_is_directory=True)
    write_text(work / CONFIG, nanogpt_config(_settings(job)))
    return [*(work / name for name in PROGRAM), work / CONFIG, link]


def _settings(job: PretrainJob) -> dict[str, Any]:
    device = "cuda" if job.device == "cuda" or (job.device == "auto" and _has_cuda()) else "cpu"
    settings = {**job_settings(job), "dataset": DATASET, "out_dir": OUT, "device": device, "wandb_log": False}
    settings["compile"] = job.compile == "true" or (job.compile == "auto" and device == "cuda")
    settings["always_save_checkpoint"] = not job.keep_best
    if device == "cpu":
        settings["dtype"] = "float32"
    return settings


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def command(resume: bool) -> list[str]:
    """Return the command line, to be run in the rendered directory."""
    return [sys.executable, "train.py", CONFIG, *(["--init_from=resume"] if resume else [])]


@dataclass
class LogParser:
    """Turns lines that nanoGPT prints into rows of metrics.jsonl.

    Attributes:
        job: for tokens per step and the learning rate.
        train_tokens: length of train.bin.
        seconds: wall clock of the steps so far.
    """

    job: PretrainJob
    train_tokens: int
    seconds: float = 0.0

    def row(self, line: str) -> dict[str, Any] | None:
        """Return the row of a line, or None for a line that reports nothing.

        ``iter k`` is the loss of the update that follows k others, hence of step k + 1.
        """
        if found := _STEP.match(line):
            step = int(found[1])
            losses = {"eval_loss": _number(found[3]), "eval_train_loss": _number(found[2])}
            return {"step": step, "epoch": self._epoch(step), **losses, "seconds": round(self.seconds, 3)}
        found = _ITER.match(line)
        if not found:
            return None
        step, passed = int(found[1]) + 1, (_number(found[3]) or 0.0) / 1000
        self.seconds += passed * self.job.log_interval
        speed = round(self.job.tokens_per_step / passed, 1) if passed > 0 else 0.0
        row = {"step": step, "epoch": self._epoch(step), "loss": _number(found[2])}
        row["learning_rate"] = learning_rate(self.job, step - 1)
        return {
            **row,
            "tokens_per_second": speed,
            "supervised_tokens_per_second": speed,
            "mfu": _number(found[4] or ""),
            "seconds": round(self.seconds, 3),
        }

    def _epoch(self, step: int) -> float:
        return round(step * self.job.tokens_per_step / self.train_tokens, 4)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value - value == 0 else None


def read_checkpoint(path: Path) -> tuple[GPT, int]:
    """Load a nanoGPT ``ckpt.pt`` without running code from it.

    Returns:
        The model, and the steps it was trained.

    Raises:
        InputError: the file is damaged, names code, or is not nanoGPT's.
    """
    import torch

    from secft.train.backends.nanogpt.model import GPT, GPTShape
    from secft.train.backends.nanogpt.weights import fill

    try:
        saved: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(f"{path}: not a checkpoint of tensors ({str(error).splitlines()[0]}).") from error
    if not isinstance(saved, dict) or not {"model", "model_args", "iter_num"} <= set(saved):
        raise InputError(f"{path}: not a checkpoint of nanoGPT.")
    arguments = saved["model_args"]
    names = ("vocab_size", "block_size", "n_layer", "n_head", "n_embd", "dropout", "bias")
    if not isinstance(arguments, Mapping) or not set(names) <= set(arguments):
        raise InputError(f"{path}: its model_args are not nanoGPT's.")
    model = GPT(GPTShape(**{name: arguments[name] for name in names}))
    tensors = {name.removeprefix("_orig_mod."): value for name, value in saved["model"].items()}
    tensors.pop("lm_head.weight", None)  # the same tensor as the token embedding
    fill(model, {name: value for name, value in tensors.items() if not name.endswith(".attn.bias")})
    return model, int(saved["iter_num"])
