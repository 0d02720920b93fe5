"""Where questions go: the host of a server, or nowhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from secft.chat.gemini import HOME
from secft.config.schemas.llm import GeminiLlm, LlmConfig, OpenAiLlm


def host_of(config: LlmConfig) -> str:
    """Return host and port that questions are sent to, or an empty string where the model runs in this program."""
    address = ""
    if isinstance(config, OpenAiLlm):
        address = config.base_url
    elif isinstance(config, GeminiLlm):
        address = config.base_url or HOME
    return urlsplit(address).netloc.rpartition("@")[2]
