"""A model of transformers on this machine, by path or by name in the local Hub cache; never the network.

Likeliest-token replies are computed in batches of what is asked at the same time; where two tokens are almost equally
likely, padding may decide between them, and llm.batch_size=1 llm.concurrency=1 takes that away. Sampled replies
(temperature above 0) are computed one by one, each from the configured seed, and do not depend on their neighbours. A
JSON schema is asked for in words only: callers check the reply (secft.chat.schema).
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
from typing import TYPE_CHECKING, Any

from secft.chat.chat_api import with_instruction
from secft.chat.errors import AccessError, FatalError, RefusedError, TimedOutError
from secft.chat.protocol import Reply, Request
from secft.config.schemas.llm import HfLlm
from secft.environment import install_command
from secft.errors import MissingExtraError
from secft.files import canonical_json
from secft.models.base_model import BaseModel
from secft.models.loading import load_tokenizer, load_weights
from secft.models.resolve import resolve_model

if TYPE_CHECKING:
    from secft.chat.local.model import Generated, LocalModel

_GATHERING_SECONDS = 0.02


@dataclass
class WaitingRequest:
    """One request that waits for its batch."""

    prompt: list[int]
    length: int
    reply: Future[Generated] = field(default_factory=Future)


class HfClient:
    """Asks a model of transformers; it is loaded with the first request."""

    def __init__(self, config: HfLlm) -> None:
        self._config = config
        self._model = describe(config)
        self._name = config.model or self._model.name
        self._waiting: queue.Queue[WaitingRequest | None] = queue.Queue()
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
            LlmError: see secft.chat.errors.
        """
        parameters = self._parameters(request.max_tokens)
        model = self._loaded_model()
        waiting = WaitingRequest(_prompt(model, request), parameters["max_tokens"])
        self._waiting.put(waiting)
        try:
            said = waiting.reply.result(timeout=self._config.timeout)
        except TimeoutError:
            raise TimedOutError("time-out", f"no reply in {self._config.timeout:g} s") from None
        facts = [said.text, said.prompt_tokens, said.tokens, said.ended]
        return Reply(
            text=said.text,
            model=self._name,
            prompt_tokens=said.prompt_tokens,
            completion_tokens=said.tokens,
            finish="stop" if said.ended else "length",
            digest=hashlib.sha256(canonical_json(facts).encode()).hexdigest(),
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

    def _loaded_model(self) -> LocalModel:
        with self._lock:
            if self._thread is None:
                try:
                    self._loaded = _load(self._config, self._model.path)
                except (RuntimeError, OSError, ValueError) as error:
                    raise AccessError("transformers cannot load the model", str(error)[:300]) from None
                self._thread = threading.Thread(target=self._serve, name="llm-hf", daemon=True)
                self._thread.start()
            return self._loaded

    def _generate(self, batch: list[WaitingRequest]) -> list[Generated]:
        config, prompts, lengths = self._config, [one.prompt for one in batch], [one.length for one in batch]
        width, longest, most = max(map(len, prompts)), max(lengths), self._loaded.max_length
        if width + longest > most:
            raise RefusedError("too long", f"{width} tokens and a reply of {longest}; the model allows {most}")
        return self._loaded.generate(prompts, lengths, temperature=config.temperature, seed=config.seed)

    def _serve(self) -> None:
        size = self._config.batch_size if self._config.temperature == 0 else 1
        while (batch := self._gather(size)) is not None:
            try:
                replies = self._generate(batch)
            except (RefusedError, RuntimeError) as error:
                self._refuse(batch, error)
                continue
            for waiting, reply in zip(batch, replies, strict=True):
                waiting.reply.set_result(reply)

    def _gather(self, size: int) -> list[WaitingRequest] | None:
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

    def _refuse(self, batch: list[WaitingRequest], error: Exception) -> None:
        """Fail a request alone; of a batch, give each one another chance of its own."""
        if len(batch) == 1:
            known = isinstance(error, RefusedError)
            batch[0].reply.set_exception(error if known else FatalError("transformers failed", str(error)[:300]))
            return
        for one in batch:
            try:
                one.reply.set_result(self._generate([one])[0])
            except (RefusedError, RuntimeError) as own:
                self._refuse([one], own)


def _load(config: HfLlm, path: Path) -> LocalModel:
    """Load a model in the precision of its file, on the device of the configuration."""
    import torch

    from secft.chat.local.model import LocalModel, end_of_turn

    cuda = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    if cuda and not torch.cuda.is_available():
        raise AccessError("no CUDA device", "llm.device=cuda, and torch finds none")
    tokenizer = load_tokenizer(path)
    model = load_weights(path, dtype="auto").to("cuda" if cuda else "cpu").eval()
    ends = model.generation_config.eos_token_id
    known = {ends} if isinstance(ends, int) else set(ends or [tokenizer.eos_token_id])
    return LocalModel(model, tokenizer, ends=sorted({*known, *end_of_turn(tokenizer)}))


def _prompt(model: LocalModel, request: Request) -> list[int]:
    """Return the token ids of a request in the model's chat template."""
    text = model.tokenizer.apply_chat_template(with_instruction(request), tokenize=False, add_generation_prompt=True)
    return list(model.tokenizer(str(text), add_special_tokens=False)["input_ids"])


def describe(config: HfLlm) -> BaseModel:
    """Find the model and its digests.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelNotFoundError: it is not on this machine, is incomplete or needs code of its own.
    """
    if find_spec("transformers") is None:
        raise MissingExtraError(f"llm=hf needs torch and transformers: {install_command('train')}")
    path = Path(config.path)
    name = config.model or path.name
    return resolve_model(name, "hub", path=path if path.is_dir() else None, hub_id=config.path)
