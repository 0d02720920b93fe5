"""Elementwise steps of the fast path, twice: compiled from kernels.c, and in plain torch.

Both classes have the same methods and write into tensors they are given. T is
the number of tokens, H the hidden width, D the width of a head; ``cat`` tensors
are wider than their data (adapter columns follow) and only the first columns are
touched.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch.nn import functional

from secft.models.cache import default_cache_dir
from secft.train.forward.layout import Layout

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fopenmp", "-shared", "-fPIC")
DTYPES = {torch.bfloat16: "-DSTORAGE_BF16", torch.float32: "-DSTORAGE_F32"}


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of rotary positions, each (positions, D / 2), float32."""

    cosine: torch.Tensor
    sine: torch.Tensor


class Kernels(Protocol):
    """The elementwise steps; see the methods of TorchKernels for what each computes."""

    name: str

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]: ...

    def rmsnorm_backward(
        self,
        dx: torch.Tensor,
        dx2: torch.Tensor | None,
        h: torch.Tensor,
        rstd: torch.Tensor,
        weight: torch.Tensor,
        dh: torch.Tensor,
    ) -> None: ...

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None: ...

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None: ...

    def rope_split(
        self, qkv: torch.Tensor, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], rotary: Rotary, layout: Layout
    ) -> None: ...

    def rope_join(
        self, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], dqkv: torch.Tensor, rotary: Rotary, layout: Layout
    ) -> None: ...

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None: ...

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None: ...

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None: ...

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None: ...

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor: ...


def compile_library(cache_dir: Path | None = None) -> tuple[dict[torch.dtype, ctypes.CDLL] | None, str]:
    """Compile kernels.c for this processor, once; about a second.

    Returns:
        Libraries by storage type and "", or None and what stood in the way.
    """
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        return None, "no C compiler was found (cc, gcc, clang)"
    directory = (cache_dir or default_cache_dir()) / "kernels"
    libraries = {}
    for dtype, define in DTYPES.items():
        flags = [*FLAGS, "-march=native" if platform.machine() == "x86_64" else "-mcpu=native", define]
        path = directory / f"kernels-{_identity(compiler, flags)}.so"
        try:
            if not path.is_file():
                _compile([compiler, *flags, str(SOURCE), "-lm"], path)
            libraries[dtype] = ctypes.CDLL(str(path))
        except (OSError, subprocess.SubprocessError) as error:
            detail = getattr(error, "stderr", None) or error
            return None, f"{compiler} failed: {detail}"
    return libraries, ""


def _identity(compiler: str, flags: list[str]) -> str:
    """Digest of everything that decides the machine code, the processor included."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.is_file() else []
    processor = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    text = "\n".join([compiler, *flags, processor, SOURCE.read_text(encoding="utf-8")])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _compile(command: list[str], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / path.name
        subprocess.run([*command, "-o", str(built)], check=True, capture_output=True, text=True, timeout=120)
        built.replace(path)


def _pointer(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(0 if tensor is None else tensor.data_ptr())


def _size(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


class NativeKernels:
    """Calls into the compiled library. Tensors must have unit stride in the last dimension."""

    name = "native"

    def __init__(self, libraries: dict[torch.dtype, ctypes.CDLL]) -> None:
        self.libraries = libraries

    def _call(self, function: str, dtype: torch.dtype, *arguments: object) -> None:
        getattr(self.libraries[dtype], function)(*arguments)

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See TorchKernels."""
        rows, width = h.shape
        total = h if y is None else torch.empty_like(h)
        rstd = torch.empty(rows, dtype=torch.float32)
        self._call(
            "add_rmsnorm", h.dtype, _pointer(h), _pointer(y), _pointer(weight), _pointer(total), _pointer(x),
            _pointer(rstd), _size(rows), _size(width), _size(x.stride(0)), ctypes.c_float(eps),
        )  # fmt: skip
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
        """See TorchKernels."""
        rows, width = h.shape
        self._call(
            "rmsnorm_backward", h.dtype, _pointer(dx), _pointer(dx2), _pointer(h), _pointer(rstd), _pointer(weight),
            _pointer(dh), _size(rows), _size(width), _size(dx.stride(0)),
        )  # fmt: skip

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None:
        """See TorchKernels."""
        sizes = (_size(gu.shape[0]), _size(gu.shape[1] // 2), _size(m.stride(0)))
        self._call("swiglu", gu.dtype, _pointer(gu), _pointer(m), *sizes)

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None:
        """See TorchKernels."""
        sizes = (_size(gu.shape[0]), _size(gu.shape[1] // 2), _size(dm.stride(0)))
        self._call("swiglu_backward", gu.dtype, _pointer(dm), _pointer(dm2), _pointer(gu), *sizes)

    def _places(self, layout: Layout) -> tuple[object, ...]:
        places = (layout.start, layout.length, layout.padded, layout.offset)
        return (*map(_pointer, places), _size(len(layout.start)))

    def rope_split(
        self, qkv: torch.Tensor, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], rotary: Rotary, layout: Layout
    ) -> None:
        """See TorchKernels."""
        heads = (_size(blocks[0].shape[1]), _size(blocks[1].shape[1]), _size(blocks[0].shape[2]))
        self._call(
            "rope_split", qkv.dtype, _pointer(qkv), *map(_pointer, blocks), _pointer(rotary.cosine),
            _pointer(rotary.sine), *self._places(layout), *heads,
        )  # fmt: skip

    def rope_join(
        self, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], dqkv: torch.Tensor, rotary: Rotary, layout: Layout
    ) -> None:
        """See TorchKernels."""
        heads = (_size(blocks[0].shape[1]), _size(blocks[1].shape[1]), _size(blocks[0].shape[2]))
        self._call(
            "rope_join", dqkv.dtype, *map(_pointer, blocks), _pointer(dqkv), _pointer(rotary.cosine),
            _pointer(rotary.sine), *self._places(layout), *heads,
        )  # fmt: skip

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None:
        """See TorchKernels."""
        sizes = (_size(blocks.shape[1]), _size(blocks.shape[2]), _size(tokens.stride(0)))
        self._call(
            "heads_to_tokens", blocks.dtype, _pointer(blocks), _pointer(tokens), *self._places(layout), *sizes
        )

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None:
        """See TorchKernels."""
        sizes = (_size(blocks.shape[1]), _size(blocks.shape[2]), _size(tokens.stride(0)))
        self._call(
            "tokens_to_heads", blocks.dtype, _pointer(tokens), _pointer(second), _pointer(blocks),
            *self._places(layout), *sizes,
        )  # fmt: skip

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None:
        """See TorchKernels."""
        width = scores.shape[-1]
        rows = scores.numel() // width
        self._call("causal_softmax", scores.dtype, _pointer(scores), _size(rows), _size(width), ctypes.c_float(scale))

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None:
        """See TorchKernels."""
        width = p.shape[-1]
        sizes = (_size(p.numel() // width), _size(width), ctypes.c_float(scale))
        self._call("causal_softmax_backward", p.dtype, _pointer(p), _pointer(dp), *sizes)

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor:
        """See TorchKernels."""
        rows, width = logits.shape
        loss = torch.empty(rows, dtype=torch.float32)
        sizes = (_size(rows), _size(width), ctypes.c_int(int(gradient)))
        self._call("cross_entropy", logits.dtype, _pointer(logits), _pointer(targets), _pointer(loss), *sizes)
        return loss


class TorchKernels:
    """The same steps in torch, for machines without a compiler; also the reference that tests compare with."""

    name = "torch"

    def add_rmsnorm(
        self, h: torch.Tensor, y: torch.Tensor | None, weight: torch.Tensor, eps: float, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add the residual and normalise: x[:, :H] = rmsnorm(h + y) * weight.

        Returns:
            h + y (T, H), and 1 / rms (T,) in float32.
        """
        total = h if y is None else h + y
        wide = total.float()
        rstd = torch.rsqrt(wide.square().mean(-1) + eps)
        x[:, : h.shape[1]] = wide * rstd[:, None] * weight
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
        """Add the gradient of rmsnorm at h, for upstream dx[:, :H] + dx2, to dh."""
        width = h.shape[1]
        upstream = dx[:, :width].float() if dx2 is None else dx[:, :width].float() + dx2.float()
        scaled = upstream * weight
        wide = h.float()
        dot = (scaled * wide).sum(-1, keepdim=True)
        inverse = rstd[:, None]
        dh.copy_(dh.float() + inverse * scaled - dot * inverse.pow(3) / width * wide)

    def swiglu(self, gu: torch.Tensor, m: torch.Tensor) -> None:
        """m[:, :I] = silu(g) * u for gu = [g | u], (T, 2 I)."""
        gate, up = gu.float().chunk(2, dim=-1)
        m[:, : gate.shape[1]] = functional.silu(gate) * up

    def swiglu_backward(self, dm: torch.Tensor, dm2: torch.Tensor | None, gu: torch.Tensor) -> None:
        """Write the gradient of swiglu, for upstream dm[:, :I] + dm2, over gu."""
        gate, up = gu.float().chunk(2, dim=-1)
        width = gate.shape[1]
        upstream = dm[:, :width].float() if dm2 is None else dm[:, :width].float() + dm2.float()
        sigmoid = torch.sigmoid(gate)
        d_gate = upstream * up * sigmoid * (1 + gate * (1 - sigmoid))
        d_up = upstream * gate * sigmoid
        gu.copy_(torch.cat([d_gate, d_up], dim=-1))

    def rope_split(
        self, qkv: torch.Tensor, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], rotary: Rotary, layout: Layout
    ) -> None:
        """Rotate queries and keys; put all heads into padded blocks (rows of an example: heads, positions, D)."""
        begin = 0
        for kind, block in enumerate(blocks):
            heads, dim = block.shape[1:]
            part = qkv[:, begin : begin + heads * dim]
            begin += heads * dim
            self.tokens_to_heads(part, None, block, layout)
            for view in _example_blocks(block, layout) if kind < 2 else ():
                _rotate(view, rotary, 1.0)

    def rope_join(
        self, blocks: tuple[torch.Tensor, torch.Tensor, torch.Tensor], dqkv: torch.Tensor, rotary: Rotary, layout: Layout
    ) -> None:
        """The inverse of rope_split, for gradients."""
        begin = 0
        for kind, block in enumerate(blocks):
            heads, dim = block.shape[1:]
            for view in _example_blocks(block, layout) if kind < 2 else ():
                _rotate(view, rotary, -1.0)
            self.heads_to_tokens(block, dqkv[:, begin : begin + heads * dim], layout)
            begin += heads * dim

    def heads_to_tokens(self, blocks: torch.Tensor, tokens: torch.Tensor, layout: Layout) -> None:
        """Copy padded blocks to token rows."""
        width = blocks.shape[1] * blocks.shape[2]
        for view, start, length in zip(
            _example_blocks(blocks, layout), layout.start.tolist(), layout.length.tolist(), strict=True
        ):
            tokens[start : start + length, :width] = view[:, :length].transpose(0, 1).reshape(length, width)

    def tokens_to_heads(
        self, tokens: torch.Tensor, second: torch.Tensor | None, blocks: torch.Tensor, layout: Layout
    ) -> None:
        """Copy token rows, tokens[:, :heads * D] + second, to padded blocks; padding rows are zero."""
        heads, dim = blocks.shape[1:]
        rows = tokens[:, : heads * dim] if second is None else tokens[:, : heads * dim] + second
        for view, start, length in zip(
            _example_blocks(blocks, layout), layout.start.tolist(), layout.length.tolist(), strict=True
        ):
            view[:, :length] = rows[start : start + length].reshape(length, heads, dim).transpose(0, 1)
            view[:, length:] = 0

    def causal_softmax(self, scores: torch.Tensor, scale: float) -> None:
        """Replace scores (..., L, L) by softmax(scale * scores) over columns up to the row's own."""
        hidden = torch.ones(scores.shape[-1], scores.shape[-1], dtype=torch.bool).triu(1)
        wide = scores.view(-1, *hidden.shape).float() * scale
        scores.copy_(wide.masked_fill(hidden, -torch.inf).softmax(-1).view_as(scores))

    def causal_softmax_backward(self, p: torch.Tensor, dp: torch.Tensor, scale: float) -> None:
        """Replace dp by the gradient with respect to the unscaled scores."""
        wide, upstream = p.float(), dp.float()
        dp.copy_(scale * wide * (upstream - (wide * upstream).sum(-1, keepdim=True)))

    def cross_entropy(self, logits: torch.Tensor, targets: torch.Tensor, *, gradient: bool) -> torch.Tensor:
        """Return -log softmax(logits)[target] (M,) in float32; with ``gradient`` overwrite logits by its gradient."""
        wide = logits.float()
        loss = functional.cross_entropy(wide, targets, reduction="none")
        if gradient:
            probabilities = wide.softmax(-1)
            probabilities[torch.arange(len(targets)), targets] -= 1
            logits.copy_(probabilities)
        return loss


def _example_blocks(blocks: torch.Tensor, layout: Layout) -> list[torch.Tensor]:
    """Views of a head buffer, (heads, padded rows, D) each, in the layout's order."""
    heads, dim = blocks.shape[1:]
    flat = blocks.view(-1)
    views = []
    for offset, rows in zip(layout.offset.tolist(), layout.padded.tolist(), strict=True):
        size = heads * rows * dim
        views.append(flat[offset * heads * dim : offset * heads * dim + size].view(heads, rows, dim))
    return views


def _rotate(view: torch.Tensor, rotary: Rotary, direction: float) -> None:
    """Rotate (heads, rows, D) in place by the position of each row; direction -1 rotates back."""
    rows, half = view.shape[1], view.shape[2] // 2
    cosine, sine = rotary.cosine[:rows], rotary.sine[:rows] * direction
    low, high = view[..., :half].float(), view[..., half:].float()
    view.copy_(torch.cat([low * cosine - high * sine, high * cosine + low * sine], dim=-1))
