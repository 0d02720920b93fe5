"""Knock at a model server: whether anything listens at its address, before ninety questions are asked in vain."""

from __future__ import annotations

import socket
import urllib.request
from urllib.parse import urlsplit

from secft.chat.gemini import HOME
from secft.chat.http_bounds import uses_proxies
from secft.config.schemas.llm import GeminiLlm, LlmConfig, OpenAiLlm
from secft.errors import Problem

PATIENCE = 5.0
"""Seconds in which a connection must be made."""
PORTS = {"http": 80, "https": 443}


def silence(config: LlmConfig, key: str = "llm") -> Problem | None:
    """Return a problem if nothing listens at the address of a server; nothing is sent there.

    Args:
        config: one of the options of the group ``llm``.
        key: path of it in the configuration.
    """
    address = _address(config)
    parts = urlsplit(address)
    if not parts.hostname or (uses_proxies(address) and _by_proxy(parts.scheme, parts.hostname)):
        return None
    try:
        port = parts.port or PORTS.get(parts.scheme, 80)
        socket.create_connection((parts.hostname, port), timeout=PATIENCE).close()
    except (OSError, ValueError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        remedy = f"Start the server, or set {key}.base_url to where it is."
        return Problem(f"{key}.base_url", f"no server answers there ({reason})", _shown(address), remedy=remedy)
    return None


def _address(config: LlmConfig) -> str:
    if isinstance(config, OpenAiLlm):
        return config.base_url
    return (config.base_url or HOME) if isinstance(config, GeminiLlm) else ""


def _by_proxy(scheme: str, host: str) -> bool:
    """Tell whether requests go through a proxy: then the server cannot be knocked at from here."""
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


def _shown(address: str) -> str:
    """Return an address without a password in it."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
