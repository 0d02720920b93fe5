"""What an objective of training is: one record, from which every table of objectives is made.

The records stand in secft/train/objectives, one module for each objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from secft.config.schemas.training import ADAPTERS, Adapter, TrainerConfig
from secft.train.views import RowKind

if TYPE_CHECKING:
    from secft.train.backends.trl.loading import LoadedJob
    from secft.train.job import TrainJob

Settings = Callable[["TrainJob"], dict[str, Any]]
ANSWERS_AND_REFERENCE = 2
"""Rows that one becomes where two answers are compared, or the model with its reference."""


def _nothing(job: TrainJob) -> dict[str, Any]:
    return {}


def _no_objection(job: TrainJob) -> str:
    return ""


@dataclass(frozen=True)
class Support:
    """How one backend trains a method, or why it does not.

    Attributes:
        note: by what, or why not.
        supported: whether the backend does it.
        gpu_only: it needs a CUDA device.
        settings: what the backend is told about the objective, by its own names.
        dataset: what the backend is told about the rows, by its own names.
        load: makes a job ready to be trained by trl in this environment: (job, tokenizer). Imports torch when called.
        trainer: module, trainer and settings of trl that a backend in another environment trains with.
        row: the form of a row that the backend reads, where it is not that of all rows of the kind.
        check: says what is wrong with a job for this backend; "" if nothing is.
        backend: module:class of what renders the job instead of the backend itself.
        script: script in secft/train/runners instead of the backend's own.
        one_process: it trains in one process, whatever else the backend does in several.
        smallest_micro_batch: rows of a forward pass that it needs, to compare them with each other.
    """

    note: str
    supported: bool = True
    gpu_only: bool = False
    settings: Settings = _nothing
    dataset: Mapping[str, Any] = field(default_factory=dict)
    load: Callable[[TrainJob, Any], LoadedJob] | None = None
    trainer: tuple[str, str, str] | None = None
    row: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    check: Callable[[TrainJob], str] = _no_objection
    backend: str = ""
    script: str = ""
    one_process: bool = False
    smallest_micro_batch: int = 1

    def __str__(self) -> str:
        return f"{'yes' if self.supported else 'no'}: {self.note}{' (GPU only)' if self.gpu_only else ''}"


def no(note: str) -> Support:
    """Return why a backend does not do something."""
    return Support(note, supported=False)


@dataclass(frozen=True)
class Method:
    """A value of ``trainer=``: an objective with the weights that are trained.

    Attributes:
        name: as the configuration has it.
        config: schema of its settings.
        adapter: which weights are trained; "" where a setting of its own says so.
        support: backend -> how it is done; a backend that is not named says itself why it does not do it.
    """

    name: str
    config: type[TrainerConfig]
    support: Mapping[str, Support]
    adapter: str = ""

    def adapter_of(self, trainer: TrainerConfig) -> Adapter:
        """Return which weights a configuration of this method trains."""
        return ADAPTERS[self.adapter or getattr(trainer, "adapter", "none")]


@dataclass(frozen=True)
class Objective:
    """What is learned, and from what.

    Attributes:
        name: as job.json and results have it.
        title: for people.
        rows: what it learns from.
        methods: the values of ``trainer=`` that learn it.
        loss: what carries the loss, one sentence for cards.
        rows_in_memory: rows that a row of the micro batch becomes, for the prediction of memory.
        scores: the model gives a number to an answer instead of writing one.
        unread: setting, or group of settings, that no run of this objective reads -> why; to set one is refused.
        read: settings inside of unread groups that are read all the same.
    """

    name: str
    title: str
    rows: RowKind
    methods: tuple[Method, ...]
    loss: str
    rows_in_memory: int = 1
    scores: bool = False
    unread: Mapping[str, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
