"""Which server is given a key, and by which way."""

from __future__ import annotations

import pytest

from secft.chat.http_bounds import bounded_client, uses_proxies, warn_of_open_key
from secft.net.addresses import travels_openly
from tests.chat.servers import chat, serving


@pytest.mark.parametrize(
    ("address", "openly"),
    [
        ("https://api.example.com/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://127.9.9.9/v1", False),
        ("http://[::1]:8000/v1", False),
        ("http://localhost:11434/v1", False),
        ("http://models.localhost/v1", False),
        ("http://10.0.0.5:8000/v1", True),
        ("http://gpu-server:8000/v1", True),
        ("http://localhost.example.com/v1", True),
    ],
)
def test_a_key_that_travels_openly_is_told(address: str, openly: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert travels_openly(address) == openly
    warn_of_open_key(address)
    assert ("the key goes unencrypted to" in " ".join(capsys.readouterr().err.split())) == openly


def test_a_proxy_of_the_environment_never_sees_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers everything stands where the proxy is said to be; nothing may reach it."""
    with serving(lambda seen, number: chat("direct")) as server, serving(lambda seen, number: chat("seen")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        address = f"{server.address}/v1/chat/completions"
        with bounded_client(10, address) as client:
            answer = client.post(address, json={"messages": []}, headers={"Authorization": "Bearer k-4711"})
        assert "direct" in answer.text
        assert proxy.seen == []
        assert len(server.seen) == 1
    assert uses_proxies("https://api.example.com/v1")
