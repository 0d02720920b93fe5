"""What is told before anything is asked."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from secft.chat.clients import CLIENTS, PACKAGES, open_client, problems
from secft.config.schemas.llm import GeminiLlm, HfLlm, LlamaCppLlm, LlmConfig, OpenAiLlm
from secft.environment import install_command
from secft.errors import ConfigError

PASTED = "sk-proj-4f5A6b7C8d9E0f1G2h3I"


def told(config: LlmConfig) -> dict[str, str]:
    return {problem.key: str(problem) for problem in problems(config, "llm")}


def test_complete_configurations_have_no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    assert problems(LlamaCppLlm()) == []
    assert problems(OpenAiLlm(model="m")) == []
    assert problems(GeminiLlm(max_cost=1.0)) == []


@pytest.mark.parametrize(
    ("config", "key", "words"),
    [
        (OpenAiLlm(), "llm.model", "is empty"),
        (OpenAiLlm(model="m", base_url="ftp://x/"), "llm.base_url", "no http or https"),
        (OpenAiLlm(model="m", base_url="localhost:8000"), "llm.base_url", "no http or https"),
        (OpenAiLlm(model="m", base_url="http://[x"), "llm.base_url", "is no address"),
        (OpenAiLlm(model="m", max_cost=1.0), "llm.max_cost", "the prices are 0"),
        (LlamaCppLlm(path="absent.gguf"), "llm.path", "no such file"),
        (HfLlm(path="nobody/nothing"), "llm.path", "cannot be used"),
        (GeminiLlm(api_key_env="SECFT_UNSET_KEY"), "llm.api_key_env", "SECFT_UNSET_KEY is not set"),
    ],
)
def test_problems_are_named(config: LlmConfig, key: str, words: str) -> None:
    assert words in told(config)[key]


@pytest.mark.parametrize("content", [b"", b"hello", b"GGUF" + bytes(10)])
def test_a_file_that_is_no_gguf_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "teacher.gguf"
    path.write_bytes(content)
    assert "GGUF" in told(LlamaCppLlm(path=str(path)))["llm.path"]


@pytest.mark.parametrize("pasted", [PASTED, "AIzaSyA1b2C3d4E5f6", "two words", "", "9KEY", "hf_abcDEF123", "a" * 200])
@pytest.mark.parametrize("kind", [OpenAiLlm, GeminiLlm])
def test_a_pasted_key_is_told_and_not_shown(kind: Any, pasted: str) -> None:
    message = told(kind(model="m", api_key_env=pasted))["llm.api_key_env"]
    assert "is not the name of an environment variable" in message
    assert not pasted or pasted not in message


def test_a_password_in_an_address_is_told_and_not_shown() -> None:
    message = told(OpenAiLlm(model="m", base_url="http://me:hunter2@127.0.0.1/v1"))["llm.base_url"]
    assert "hunter2" not in message
    assert "keys must not be in them" in message


def test_an_unusable_key_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one sk-two")
    message = told(OpenAiLlm(model="m"))["llm.api_key_env"]
    assert "OPENAI_API_KEY holds characters that no key has" in message
    assert "sk-" not in message


@pytest.mark.parametrize(("name", "extra"), [(name, extra) for name, (_, extra) in PACKAGES.items()])
def test_a_missing_package_is_told_with_its_extra(monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    configs = {"llama_cpp": LlamaCppLlm(), "openai": OpenAiLlm(), "gemini": GeminiLlm(), "hf": HfLlm(path="x")}
    assert install_command(extra) in told(configs[name])["llm.name"]


def test_every_option_has_a_client() -> None:
    assert set(CLIENTS) == set(PACKAGES) == set(LlmConfig.__dataclass_fields__["name"].metadata["choices"])
    with pytest.raises(ConfigError, match="openai"):
        open_client(LlmConfig(name="opnai"))


def test_problems_load_nothing_heavy() -> None:
    code = (
        "import sys; from secft.config.schemas.llm import *; from secft.chat.session import problems\n"
        "for config in (LlamaCppLlm(), OpenAiLlm(), GeminiLlm(), HfLlm(path='x')): problems(config)\n"
        "heavy = {'torch', 'transformers', 'openai', 'xllamacpp', 'httpx'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
