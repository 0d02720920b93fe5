"""Stands in for torchaudio, which LLaMA-Factory imports even to train on text.

secft puts this module into the environment of LLaMA-Factory. The wheels of torchaudio need CUDA libraries, so that they
cannot be imported beside a CPU build of torch; nothing of them is used for text, and what asks for it is told so.
"""

__version__ = "0+text"


def __getattr__(name: str) -> object:
    raise AttributeError(
        f"torchaudio.{name} is not there: this environment of secft trains on text, without torchaudio"
    )
