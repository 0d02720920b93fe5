"""A model of transformers on this machine, by path or by name in the local Hub cache; never the network.

Likeliest-token replies are computed in batches of what is asked at the same time; where two tokens are almost equally
likely, padding may decide between them, and llm.batch_size=1 llm.concurrency=1 takes that away. Sampled replies
(temperature above 0) are computed one by one, each from the configured seed, and do not depend on their neighbours. A
JSON schema is asked for in words only: callers check the reply (secft.llm.schema).
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from secft.config.llm import HfLlm
from secft.errors import MissingExtraError
from secft.files import canonical_json
from secft.llm.chat_api import with_instruction
from secft.llm.errors import AccessError, FatalError, RefusedError, TimedOutError
from secft.llm.hf_generator import Generator
from secft.llm.protocol import Reply, Request
from secft.models.base_model import BaseModel
from secft.models.resolve import resolve_model

_GATHERING_SECONDS = 0.02


@dataclass
class _Asked:
    """One request that waits for its batch."""

    prompt: str
    length: int
    reply: Future[tuple[str, int, int, bool]] = field(default_factory=Future)


class HfClient:
    """Asks a model of transformers; it is loaded with the first request."""

    def __init__(self, config: HfLlm) -> None:
        self._config = config
        self._model = describe(config)
        self._name = config.model or self._model.name
        self._waiting: queue.Queue[_Asked | None] = queue.Queue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def identity(self) -> Mapping[str, Any]:
        """Return what decides about the replies besides the request."""
        model = self._model
        weights = [model.digest, model.tokenizer_digest, model.chat_template_digest]
        return {"client": "hf", "weights": weights, **self._parameters(None)}

    def ask(self, request: Request) -> Reply:
        """Ask once.

        Raises:
            LlmError: see secft.llm.errors.
        """
        parameters = self._parameters(request.max_tokens)
        generator = self._generator()
        asked = _Asked(generator.render(with_instruction(request)), parameters["max_tokens"])
        self._waiting.put(asked)
        try:
            text, prompt_tokens, tokens, ended = asked.reply.result(timeout=self._config.timeout)
        except TimeoutError:
            raise TimedOutError("time-out", f"no reply in {self._config.timeout:g} s") from None
        said = [text, prompt_tokens, tokens, ended]
        return Reply(
            text=text,
            model=self._name,
            prompt_tokens=prompt_tokens,
            completion_tokens=tokens,
            finish="stop" if ended else "length",
            digest=hashlib.sha256(canonical_json(said).encode()).hexdigest(),
            parameters=canonical_json(parameters),
        )

    def close(self) -> None:
        """Let the model go after what is computed right now."""
        self._waiting.put(None)

    def _parameters(self, max_tokens: int | None) -> dict[str, Any]:
        config = self._config
        return {
            "model": self._name,
            "temperature": config.temperature,
            "seed": config.seed,
            "max_tokens": max_tokens or config.max_tokens,
        }

    def _generator(self) -> Generator:
        with self._lock:
            if self._thread is None:
                try:
                    self._loaded = Generator(self._config, self._model.path)
                except (RuntimeError, OSError, ValueError) as error:
                    raise AccessError("transformers cannot load the model", str(error)[:300]) from None
                self._thread = threading.Thread(target=self._serve, name="llm-hf", daemon=True)
                self._thread.start()
            return self._loaded

    def _serve(self) -> None:
        size = self._config.batch_size if self._config.temperature == 0 else 1
        while (batch := self._gather(size)) is not None:
            try:
                replies = self._loaded.generate([asked.prompt for asked in batch], [asked.length for asked in batch])
            except (RefusedError, RuntimeError) as error:
                self._refuse(batch, error)
                continue
            for asked, reply in zip(batch, replies, strict=True):
                asked.reply.set_result(reply)

    def _gather(self, size: int) -> list[_Asked] | None:
        first = self._waiting.get()
        if first is None:
            return None
        batch, deadline = [first], time.monotonic() + _GATHERING_SECONDS
        while len(batch) < size:
            try:
                further = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if further is None:
                self._waiting.put(None)
                break
            batch.append(further)
        return batch

    def _refuse(self, batch: list[_Asked], error: Exception) -> None:
        """Fail a request alone; of a batch, give each one another chance of its own."""
        if len(batch) == 1:
            known = isinstance(error, RefusedError)
            batch[0].reply.set_exception(error if known else FatalError("transformers failed", str(error)[:300]))
            return
        for asked in batch:
            try:
                asked.reply.set_result(self._loaded.generate([asked.prompt], [asked.length])[0])
            except (RefusedError, RuntimeError) as own:
                self._refuse([asked], own)


def describe(config: HfLlm) -> BaseModel:
    """Find the model and its digests.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelNotFoundError: it is not on this machine, is incomplete or needs code of its own.
    """
    if find_spec("transformers") is None:
        raise MissingExtraError("llm=hf needs torch and transformers: pip install 'secft[train]'")
    path = Path(config.path)
    name = config.model or path.name
    return resolve_model(name, "hub", path=path if path.is_dir() else None, hub_id=config.path)
