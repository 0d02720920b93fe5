"""A Hub on loopback with a whole small model, and a cache of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.models.downloads import transfer
from secft.models.resolve import resolve_model
from tests.models.downloads.hub_server import HubServer, Repository, files_of, hub_server

ID = "team/tiny-llama"


@pytest.fixture(scope="session")
def model_files() -> dict[str, bytes]:
    """Files of a whole model of random weights, with a card and a licence."""
    more = {"README.md": b"---\nlicense: apache-2.0\n---\nA model.\n", "LICENSE": b"Apache 2.0\n"}
    return {**files_of(resolve_model("tiny", "random").path), **more}


@pytest.fixture
def hub(model_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server that is the Hub for this process and its children."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transfer, "_wait", lambda seconds: None)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setenv("SECFT_CACHE", str(tmp_path / "secft"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    with hub_server() as server:
        server.repositories[ID] = Repository(dict(model_files))
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server
