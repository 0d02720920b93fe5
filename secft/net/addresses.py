"""Which address may be asked: http(s) addresses are taken apart, hosts resolved, and private places refused."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from secft.errors import FetchFailed, FetchRefused
from secft.reasons import Reason

Resolve = Callable[[str, int], list[str]]
"""(host, port) -> IP addresses as text, in the order in which they are to be tried."""

MAX_URL = 8192
"""Longest address, in characters."""
DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NAT64 = ip_network("64:ff9b::/96")
# What Python's is_global leaves out of the registries of special-purpose addresses (IANA, RFC 6890 and its successors).
_SPECIAL_V4 = tuple(ip_network(text) for text in ("192.0.0.0/24", "192.52.193.0/24", "192.88.99.0/24"))
_SPECIAL_V6 = tuple(
    IPv6Network(text)
    for text in (
        "::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
        "fec0::/10",
    )
)  # fmt: skip

CREDENTIALS = Reason("fetch.credentials")
"""Reason for which an address is refused that must not be shown."""


@dataclass(frozen=True)
class Place:
    """An address taken apart.

    Attributes:
        url: the address without its fragment.
        scheme: ``http`` or ``https``.
        host: name or IP address, lower case, ASCII, without brackets.
        port: port number.
        target: path and query as they are sent, percent-encoded.
    """

    url: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def host_header(self) -> str:
        """The Host header: brackets around IPv6, the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def is_public_address(address: str) -> bool:
    """Tell whether an IP address (as text) belongs to the public internet.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, NAT64) are judged as IPv4. Private, loopback, link-local, shared
    (100.64/10), multicast, reserved, documentation, tunnel (Teredo) and unspecified addresses are not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _is_public_v4(parsed) if isinstance(parsed, IPv4Address) else _is_public_v6(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL_V4)
    return address.is_global and not special


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id:
        return False
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return _is_public_v4(inner)
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL_V6)
    return address.is_global and not special


def parse_address(url: str) -> Place:
    """Take an http(s) address apart.

    Raises:
        FetchRefused: another scheme, a user name or password inside, or not an address.
    """
    if len(url) > MAX_URL or _UNSAFE.search(url):
        detail = f"{url[:200]!r} is too long or holds spaces or control characters"
        raise FetchRefused(Reason("fetch.bad_address"), detail)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchRefused(Reason("fetch.bad_address"), f"{url!r}: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise FetchRefused(Reason("fetch.scheme"), f"{url!r}: only http and https are fetched")
    if "@" in parts.netloc:
        raise FetchRefused(CREDENTIALS, f"an address on {parts.hostname!r}")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
    )
    default = DEFAULT_PORTS[parts.scheme]
    return Place(
        parts._replace(fragment="").geturl(),
        parts.scheme,
        _ascii_host(url, parts.hostname or ""),
        port if port is not None else default,
        target,
    )


def _ascii_host(url: str, host: str) -> str:
    if ":" in host:
        try:
            return str(IPv6Address(host))
        except ValueError:
            raise FetchRefused(Reason("fetch.bad_address"), f"{url!r}: {host!r} is no IPv6 address") from None
    try:
        name = host.encode("idna").decode("ascii").lower() if not host.isascii() else host
    except UnicodeError:
        name = ""
    if not _HOST.fullmatch(name) or len(name) > 253:
        raise FetchRefused(Reason("fetch.bad_address"), f"{url!r}: {host!r} is no host name")
    return name


def resolve_host(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, as the system resolves it.

    Raises:
        FetchFailed: there is no such host, or no name server answers.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        reason = Reason("fetch.no_name_server") if error.errno == socket.EAI_AGAIN else Reason("fetch.no_host")
        raise FetchFailed(reason, f"{host}: {error.strerror}") from None
    except UnicodeError:
        raise FetchFailed(Reason("fetch.no_host"), host) from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_addresses(place: Place, allow_hosts: Collection[str], resolve: Resolve) -> list[str]:
    """Return the IP addresses that a place may be asked at.

    One private address among several refuses the place: a name that mixes them is not to be trusted.

    Args:
        place: where to.
        allow_hosts: hosts (``host`` or ``host:port``) that may be private, by name.
        resolve: how names become addresses.

    Raises:
        FetchRefused: an address of the host is not public, and the host is not allowed by name.
        FetchFailed: the host has no address.
    """
    addresses = resolve(place.host, place.port)
    if not addresses:
        raise FetchFailed(Reason("fetch.no_host"), place.host)
    allowed = {name.lower() for name in allow_hosts}
    bracketed = f"[{place.host}]" if ":" in place.host else place.host
    if allowed & {place.host, bracketed, f"{bracketed}:{place.port}"}:
        return addresses
    private = [address for address in addresses if not is_public_address(address)]
    if private:
        detail = f"{place.url} is at {private[0]}, and {place.host} is not allowed"
        raise FetchRefused(Reason("fetch.private_address"), detail)
    return addresses


def travels_openly(url: str) -> bool:
    """Tell whether what is sent to an address travels unencrypted to another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        here = ip_address(host).is_loopback
    except ValueError:
        here = host == "localhost" or host.endswith(".localhost")
    return parts.scheme == "http" and not here
