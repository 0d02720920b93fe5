from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from secft.net import FetchFailed, FetchRefused, fetch, is_public_address
from secft.reasons import Reason

from .site import Asked, Reply, Site, serving

HTML = {"Content-Type": "text/html"}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as running:
        yield running


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_public_addresses(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.9", "192.88.99.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "3fff::1", "3fff:fff:ffff::1", "5f00::1", "100:0:0:1::1", "192.0.0.9", "192.0.0.170",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2002:a9fe:a9fe::", "2001:0:808:808::1", "100::1", "localhost", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public_address(address)


def test_a_page_of_an_allowed_host(site: Site) -> None:
    site.pages["/a?b=%C3%A9"] = (200, {"Content-Type": "text/plain", "X-One": "1"}, b"hello")
    got = fetch(site.url("/a?b=é#part"), allow_hosts=[site.host], headers={"X-Mine": "2"}, user_agent="tester/1")
    assert (got.status, got.body, got.headers["x-one"]) == (200, b"hello", "1")
    assert got.url == site.url("/a?b=é")
    assert got.fetched.endswith("Z")
    (asked,) = site.asked
    assert (asked.headers["host"], asked.headers["user-agent"], asked.headers["x-mine"]) == (site.host, "tester/1", "2")
    assert fetch(site.url("/none"), allow_hosts=["127.0.0.1"]).status == 404


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/", "fetch.scheme"),
        ("file:///etc/passwd", "fetch.scheme"),
        ("http://user:secret@example.org/", "fetch.credentials"),
        ("http://example.org\\@127.0.0.1/", "fetch.bad_address"),
        ("http://exa mple.org/", "fetch.bad_address"),
        ("http:///nohost", "fetch.bad_address"),
        ("http://example.org:99999/", "fetch.bad_address"),
        ("http://[::1/", "fetch.bad_address"),
        ("http://" + "a" * 9000, "fetch.bad_address"),
        ("http://127.0.0.1/", "fetch.private_address"),
        ("http://2130706433/", "fetch.private_address"),
        ("http://0x7f.1/", "fetch.private_address"),
        ("http://[::ffff:127.0.0.1]/", "fetch.private_address"),
        ("http://169.254.169.254/latest/meta-data/", "fetch.private_address"),
        ("http://localhost/", "fetch.private_address"),
    ],
)
def test_refused_addresses(url: str, reason: str) -> None:
    with pytest.raises(FetchRefused) as caught:
        fetch(url)
    assert str(caught.value.reason) == reason
    assert "secret" not in str(caught.value)


def test_a_name_with_a_private_address_is_refused_and_asked_once(site: Site) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34", "127.0.0.1"]

    with pytest.raises(FetchRefused, match=r"127\.0\.0\.1"):
        fetch(site.url("/", "intern.example"), resolve=resolve)
    assert site.asked == []
    assert asked == ["intern.example"]


def test_the_connection_goes_to_the_checked_address(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: whatever the name answers later, the address that was checked is the one that is asked."""
    site.pages["/"] = "pinned"
    looked_up: list[Any] = []
    real = socket.getaddrinfo

    def spy(host: Any, *rest: Any, **more: Any) -> Any:
        looked_up.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    got = fetch(site.url("/", "docs.example"), allow_hosts=["docs.example"], resolve=lambda host, port: ["127.0.0.1"])
    assert got.body == b"pinned"
    assert site.asked[0].headers["host"] == f"docs.example:{site.port}"
    assert set(looked_up) <= {"127.0.0.1"}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", "fetch.private_address"),
        ("http://localhost:{port}/secret", "fetch.private_address"),
        ("http://0177.0.0.1:{port}/secret", "fetch.private_address"),
        ("file:///etc/passwd", "fetch.scheme"),
        ("//[bad", "fetch.bad_address"),
        ("/loop", "fetch.redirects"),
    ],
)
def test_redirects_are_checked(site: Site, target: str, reason: str) -> None:
    site.pages["/loop"] = (302, {"Location": target.format(port=site.port)}, b"")
    site.pages["/secret"] = "never"
    with pytest.raises(FetchRefused) as caught:
        fetch(site.url("/loop"), allow_hosts=["127.0.0.1"])
    assert str(caught.value.reason) == reason
    assert "/secret" not in site.paths()


def test_redirects_are_followed_and_secrets_stay_at_home(site: Site) -> None:
    with serving(Site(pages={"/end": "there"})) as other:
        site.pages["/a"] = (301, {"Location": "/b"}, b"")
        site.pages["/b"] = (308, {"Location": other.url("/end")}, b"")
        seen: list[str] = []
        got = fetch(site.url("/a"), allow_hosts=["127.0.0.1"], headers={"apiKey": "k"}, check=seen.append)
        assert (got.url, got.body) == (other.url("/end"), b"there")
        assert seen == [site.url("/a"), site.url("/b"), other.url("/end")]
        assert [asked.headers.get("apikey") for asked in site.asked + other.asked] == ["k", "k", None]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
def test_compressed_bodies_and_bombs(site: Site, encoding: str) -> None:
    def pack(data: bytes) -> bytes:
        if encoding == "raw":
            packer = zlib.compressobj(wbits=-15)
            return packer.compress(data) + packer.flush()
        return gzip.compress(data) if encoding == "gzip" else zlib.compress(data)

    headers = {"Content-Encoding": "deflate" if encoding == "raw" else encoding}
    site.pages["/ok"] = (200, headers, pack(b"text " * 1000))
    site.pages["/bomb"] = (200, headers, pack(bytes(64 << 20)))
    site.pages["/cut"] = (200, headers, pack(b"".join(b"%d," % n for n in range(9999)))[:-30])
    site.pages["/junk"] = (200, {"Content-Encoding": "gzip"}, b"not gzip at all")
    assert fetch(site.url("/ok"), allow_hosts=["127.0.0.1"]).body == b"text " * 1000
    with pytest.raises(FetchRefused, match="too large"):
        fetch(site.url("/bomb"), allow_hosts=["127.0.0.1"], max_bytes=1 << 20)
    with pytest.raises(FetchFailed, match="cut off"):
        fetch(site.url("/cut"), allow_hosts=["127.0.0.1"], retries=0)
    with pytest.raises(FetchFailed, match="broken answer"):
        fetch(site.url("/junk"), allow_hosts=["127.0.0.1"])


def test_a_bomb_is_stopped_early(site: Site) -> None:
    import tracemalloc

    site.pages["/bomb"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(200 << 20), 9))
    tracemalloc.start()
    with pytest.raises(FetchRefused):
        fetch(site.url("/bomb"), allow_hosts=["127.0.0.1"], max_bytes=1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_members_of_gzip_and_unknown_encodings(site: Site) -> None:
    site.pages["/two"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(b"one ") + gzip.compress(b"two"))
    site.pages["/br"] = (200, {"Content-Encoding": "br"}, b"...")
    assert fetch(site.url("/two"), allow_hosts=["127.0.0.1"]).body == b"one two"
    with pytest.raises(FetchFailed, match="unknown content encoding"):
        fetch(site.url("/br"), allow_hosts=["127.0.0.1"])


def test_the_size_that_is_announced_is_believed(site: Site) -> None:
    site.pages["/big"] = (200, {"Content-Length": "999999999"}, b"")
    with pytest.raises(FetchRefused, match="999,999,999"):
        fetch(site.url("/big"), allow_hosts=["127.0.0.1"], max_bytes=1000)


def test_429_waits_as_long_as_it_is_told(site: Site) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    replies: list[Reply] = [
        (200, {}, b"at last"),
        (503, {}, b""),
        (429, {"Retry-After": soon}, b""),
        (429, {"Retry-After": "7"}, b""),
    ]
    site.pages["/"] = lambda asked: replies.pop()
    waited: list[float] = []
    got = fetch(site.url("/"), allow_hosts=["127.0.0.1"], backoff=2.0, sleep=waited.append)
    assert got.body == b"at last"
    assert waited[0] == 7
    assert 50 < waited[1] <= 60
    assert 4 <= waited[2] <= 12


def test_giving_up(site: Site) -> None:
    site.pages["/503"] = (503, {}, b"")
    site.pages["/later"] = (429, {"Retry-After": "86400"}, b"")
    with pytest.raises(FetchFailed) as caught:
        fetch(site.url("/503"), allow_hosts=["127.0.0.1"], retries=2, sleep=lambda seconds: None)
    assert str(caught.value.reason) == "fetch.status 503"
    assert len(site.asked) == 3
    with pytest.raises(FetchFailed, match="the server answers with status 429"):
        fetch(site.url("/later"), allow_hosts=["127.0.0.1"], sleep=lambda seconds: None)
    assert len(site.asked) == 4


def _raw_server(*answers: bytes, pause: float = 0.0) -> tuple[int, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    try:
                        for byte in [bytes([b]) for b in answer] if pause else [answer]:
                            connection.sendall(byte)
                            time.sleep(pause)
                    except OSError:
                        pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


def test_broken_connections_are_tried_again() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
    port, thread = _raw_server(b"", b"nonsense\r\n\r\n", cut, chunked, good)
    url = f"http://127.0.0.1:{port}/"
    assert fetch(url, allow_hosts=["127.0.0.1"], retries=4, sleep=lambda seconds: None).body == b"ok"
    thread.join()
    with pytest.raises(FetchFailed) as caught:
        fetch(url, allow_hosts=["127.0.0.1"], retries=0)
    assert str(caught.value.reason) == "fetch.connection"


def test_a_server_that_drips_runs_out_of_time() -> None:
    port, thread = _raw_server(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500, pause=0.02)
    start = time.monotonic()
    with pytest.raises(FetchFailed, match=r"timeout: .*not finished after 0\.4 s"):
        fetch(f"http://127.0.0.1:{port}/", allow_hosts=["127.0.0.1"], timeout=5, total=0.4, retries=0)
    assert time.monotonic() - start < 2
    thread.join()


def test_a_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(FetchFailed) as caught:
            fetch(url, allow_hosts=["127.0.0.1"], timeout=0.2, retries=0)
    assert str(caught.value.reason) == "fetch.timeout"


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/"] = "direct"
    assert fetch(site.url("/"), allow_hosts=["127.0.0.1"]).body == b"direct"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem"), "-days", "2"]
    command += ["-subj", "/CN=docs.example", "-addext", "subjectAltName=DNS:docs.example"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("openssl cannot make a certificate here")
    return place


def test_tls_is_verified_for_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    names: list[str | None] = []
    context.sni_callback = lambda connection, name, _: names.append(name)

    def ask(site: Site, host: str, path: str = "/") -> Any:
        url = site.url(path, host)
        return fetch(url, allow_hosts=[host], resolve=lambda host, port: ["127.0.0.1"], retries=0)

    with serving(Site(pages={"/": "secure"}), context) as site:
        site.pages["/down"] = (302, {"Location": f"http://docs.example:{site.port}/"}, b"")
        with pytest.raises(FetchFailed) as unknown:
            ask(site, "docs.example")
        assert str(unknown.value.reason) == "fetch.certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
        assert ask(site, "docs.example").body == b"secure"
        assert names[-1] == "docs.example"
        with pytest.raises(FetchFailed) as wrong:
            ask(site, "other.example")
        assert str(wrong.value.reason) == "fetch.certificate"
        with pytest.raises(FetchRefused, match="https to http"):
            ask(site, "docs.example", "/down")


def test_a_failure_can_travel_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(FetchRefused(Reason("fetch.scheme"), "detail")))
    assert (type(error), error.reason, error.detail) == (FetchRefused, Reason("fetch.scheme"), "detail")


def test_not_modified_is_an_answer(site: Site) -> None:
    def page(asked: Asked) -> Reply:
        return (304, {"ETag": '"1"'}, b"") if asked.headers.get("if-none-match") == '"1"' else (200, {}, b"full")

    site.pages["/"] = page
    got = fetch(site.url("/"), allow_hosts=["127.0.0.1"], headers={"If-None-Match": '"1"'})
    assert (got.status, got.body) == (304, b"")
