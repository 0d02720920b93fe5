"""The elementwise steps compiled from kernels.c by the machine's own C compiler, once."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import torch

from secft.compiled import OWN_PROCESSOR, find_compiler, load_compiled
from secft.models.cache import default_cache_dir
from secft.train.forward.kernels import Blocks, Rotary
from secft.train.forward.layout import Layout

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fopenmp", "-shared", "-fPIC")
DTYPES = {torch.bfloat16: "-DSTORAGE_BF16", torch.float32: "-DSTORAGE_F32"}

Argument = torch.Tensor | int | float | None


def compile_library(cache_dir: Path | None = None) -> tuple[dict[torch.dtype, ctypes.CDLL] | None, str]:
    """Compile kernels.c for this processor, once; about a second.

    Returns:
        Libraries by storage type and "", or None and what stood in the way.
    """
    compiler = find_compiler()
    if compiler is None:
        return None, "no C compiler was found (cc, gcc, clang)"
    place = (cache_dir or default_cache_dir()) / "kernels" / "kernels"
    libraries = {}
    for dtype, define in DTYPES.items():
        try:
            libraries[dtype] = load_compiled(compiler, SOURCE, (*FLAGS, OWN_PROCESSOR, define), place, ("-lm",))
        except (OSError, subprocess.SubprocessError) as error:
            detail = getattr(error, "stderr", None) or error
            return None, f"{compiler} failed: {detail}"
    return libraries, ""


def _c_value(argument: Argument) -> object:
    """Tensors become pointers (None: NULL), integers int64, floats float; booleans are int64 like any integer."""
    if argument is None:
        return ctypes.c_void_p(0)
    if isinstance(argument, torch.Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int64(argument)


class NativeKernels:
    """Calls into the compiled library. Tensors must have unit stride in their last dimension."""

    name = "native"

    def __init__(self, libraries: dict[torch.dtype, ctypes.CDLL]) -> None:
        self.libraries = libraries

    def _call(self, function: str, dtype: torch.dtype, *arguments: Argument) -> None:
        getattr(self.libraries[dtype], function)(*map(_c_value, arguments))

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See Kernels."""
        total = h if y is None else torch.empty_like(h)
        rstd = torch.empty(h.shape[0], dtype=torch.float32)
        self._call("add_rmsnorm", h.dtype, h, y, weight, total, x, rstd, *h.shape, x.stride(0), eps)
        return total, rstd

    def rmsnorm_backward(
        self,
        dx: torch.Tensor,
        dx2: torch.Tensor | None,
        h: torch.Tensor,
        rstd: torch.Tensor,
        weight: torch.Tensor,
        dh: torch.Tensor,
    ) -> None:
        """See Kernels."""
        self._call("rmsnorm_backward", h.dtype, dx, dx2, h, rstd, weight, dh, *h.shape, dx.stride(0))

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None:
        """See Kernels."""
        self._call("swiglu", gu.dtype, gu, m, gu.shape[0], gu.shape[1] // 2, m.stride(0))

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None:
        """See Kernels."""
        self._call("swiglu_backward", gu.dtype, dm, dm2, gu, gu.shape[0], gu.shape[1] // 2, dm.stride(0))

    def rope_split(self, qkv: torch.Tensor, blocks: Blocks, rotary: Rotary, layout: Layout) -> None:
        """See Kernels."""
        tables = (rotary.cosine, rotary.sine)
        heads = (blocks[0].shape[1], blocks[1].shape[1], blocks[0].shape[2])
        self._call("rope_split", qkv.dtype, qkv, *blocks, *tables, layout.place, *_places(layout), *heads)

    def rope_join(self, blocks: Blocks, dqkv: torch.Tensor, rotary: Rotary, layout: Layout) -> None:
        """See Kernels."""
        tables = (rotary.cosine, rotary.sine)
        heads = (blocks[0].shape[1], blocks[1].shape[1], blocks[0].shape[2])
        self._call("rope_join", dqkv.dtype, *blocks, dqkv, *tables, *_copies(layout), *heads)

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None:
        """See Kernels."""
        sizes = (*blocks.shape[1:], tokens.stride(0))
        self._call("heads_to_tokens", blocks.dtype, blocks, tokens, *_copies(layout), *sizes)

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None:
        """See Kernels."""
        sizes = (*blocks.shape[1:], tokens.stride(0))
        places = (layout.place, layout.shared, *_places(layout))
        self._call("tokens_to_heads", blocks.dtype, tokens, second, blocks, *places, *sizes)

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None:
        """See Kernels."""
        width = scores.shape[-1]
        self._call("causal_softmax", scores.dtype, scores, scores.numel() // width, width, scale)

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None:
        """See Kernels."""
        self._call("causal_softmax_backward", p.dtype, p, dp, p.numel() // p.shape[-1], p.shape[-1], scale)

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor:
        """See Kernels."""
        loss = torch.empty(logits.shape[0], dtype=torch.float32)
        self._call("cross_entropy", logits.dtype, logits, targets, loss, *logits.shape, int(gradient))
        return loss


def _places(layout: Layout) -> tuple[Argument, ...]:
    """Return the arguments that tell a kernel where each example lies."""
    return layout.start, layout.length, layout.padded, layout.offset, len(layout.start)


def _copies(layout: Layout) -> tuple[Argument, ...]:
    """Return the arguments that tell a kernel where the copies of each distinct token lie."""
    return (
        layout.copy_begin,
        layout.copy_example,
        layout.copy_position,
        layout.padded,
        layout.offset,
        layout.tokens,
    )
