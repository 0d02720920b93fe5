"""backend=nanogpt: pretraining from random weights in nanoGPT's formats, and the corpora that it reads."""

from dataclasses import dataclass

from secft.config.schemas.training import BackendConfig
from secft.config.setting import setting
from secft.train.backends.record import BackendRecord


@dataclass
class NanogptConfig(BackendConfig):
    """Pretraining in nanoGPT's formats: a checkout of nanoGPT, or secft's own trainer of the same architecture."""

    name: str = "nanogpt"
    checkout: str | None = setting(None, about="Directory of a nanoGPT checkout; null is secft's own.", file=True)


BACKEND = BackendRecord(
    name="nanogpt",
    config=NanogptConfig,
    implementation="secft.train.backends.nanogpt.backend:NanoGptBackend",
    program=("python", "-m", "secft.train.backends.nanogpt.runner", "<training>"),
    otherwise="trains from random weights only",
)
