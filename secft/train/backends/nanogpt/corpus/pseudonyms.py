"""Keyed pseudonyms: the same value has the same one under one key, and without the key there is no way back.

Names, secrets, hashes and UUIDs carry check characters, so a pseudonym of the same key is recognised and kept when a
text is passed again. Addresses and numbers keep their form and have no room for that.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from functools import lru_cache
from pathlib import Path

from secft.errors import InputError
from secft.files import storage_errors

KEY_BYTES = 32
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_IDENTITY, _CHECK = 9, 3
_NAME = re.compile(r"(host|dom|user|secret)-([a-z2-7]{9})([a-z2-7]{3})")
_V4_BLOCKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
_V6_BLOCKS = ("2000::/3", "fc00::/7", "fe80::/10", "ff00::/8")


def new_key() -> bytes:
    """Return a fresh secret key."""
    return secrets.token_bytes(KEY_BYTES)


def key_file(path: Path, data_root: Path) -> bytes:
    """Read a key, or make one that only its owner can read.

    Args:
        path: a file of 32 bytes as hexadecimal digits.
        data_root: where data sets lie; a key is never kept there.

    Raises:
        InputError: the file lies beside the data, or holds something else.
        StorageError: it cannot be written.
    """
    if path.resolve().is_relative_to(data_root.resolve()):
        raise InputError(f"{path}: a key beside the data would undo the obfuscation; keep it outside {data_root}.")
    if not path.exists():
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(new_key().hex() + "\n", encoding="ascii")
    text = path.read_bytes()[:200].strip()
    if not re.fullmatch(rb"[0-9a-fA-F]{64}", text):
        raise InputError(f"{path}: not a key; expected 64 hexadecimal digits.")
    return bytes.fromhex(text.decode())


class Pseudonyms:
    """All pseudonyms of one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise InputError("the key of the obfuscation is shorter than 16 bytes.")
        self._key = hashlib.blake2b(key, person=b"secft-logs").digest()
        self._flip = lru_cache(maxsize=2**16)(self._flip_of)

    def number(self, kind: str, value: str) -> int:
        """Return 512 keyed bits of a value. Source: BLAKE2 keyed mode, RFC 7693."""
        person = kind.encode()[:16]
        return int.from_bytes(hashlib.blake2b(value.encode("utf-8", "replace"), key=self._key, person=person).digest())

    def _letters(self, kind: str, value: str, count: int, alphabet: str) -> str:
        number, found = self.number(kind, value), []
        for _ in range(count):
            number, rest = divmod(number, len(alphabet))
            found.append(alphabet[rest])
        return "".join(found)

    def name(self, kind: str, value: str) -> str:
        """Return ``<kind>-<12 letters>`` for a host, dom, user or secret; case does not count."""
        identity = self._letters(kind, value.lower(), _IDENTITY, _LETTERS)
        return f"{kind}-{identity}{self._letters('check', kind + identity, _CHECK, _LETTERS)}"

    def is_name(self, text: str) -> bool:
        """Return whether a word is a name that this key made; by chance one in 32,768 look-alikes is."""
        found = _NAME.fullmatch(text)
        return found is not None and self._letters("check", found[1] + found[2], _CHECK, _LETTERS) == found[3]

    def hexadecimal(self, value: str) -> str:
        """Return as many hexadecimal digits in the same case; a value that this key made is kept."""
        bare, size = value.lower(), len(value)
        body, check = bare[:-6], bare[-6:]
        if check == self._letters("check", "hex" + body, 6, "0123456789abcdef"):
            return value
        # Longer than 64 bytes of digest: the digits repeat, which no hash in use is long enough to see.
        digits = (self._letters("hex", bare, 100, "0123456789abcdef") * (size // 100 + 1))[: size - 6]
        new = digits + self._letters("check", "hex" + digits, 6, "0123456789abcdef")
        return new.upper() if value != bare else new

    def uuid(self, value: str) -> str:
        """Return a UUID of the same version and variant; one that this key made is kept. Source: RFC 9562."""
        bare = value.lower().replace("-", "")
        head, check = bare[:-6], bare[-6:]
        if check == self._letters("check", "uuid" + head, 6, "0123456789abcdef"):
            return value
        digits = list(self._letters("uuid", bare, 26, "0123456789abcdef"))
        digits[12], digits[16] = bare[12], bare[16]
        new = "".join(digits) + self._letters("check", "uuid" + "".join(digits), 6, "0123456789abcdef")
        text = "-".join((new[:8], new[8:12], new[12:16], new[16:20], new[20:]))
        return text.upper() if value != value.lower() else text

    def token(self, value: str, keep: int = 0) -> str:
        """Return letters and digits whose number is the value's, rounded up to a multiple of 8, at most 64.

        Args:
            value: the token.
            keep: characters at its start that tell its kind and stay.
        """
        head = value[:keep]
        size = min(max(-(-(len(value) - keep) // 8) * 8, 8), 64)
        body, check = value[keep:-4], value[-4:]
        if len(value) == keep + size and check == self._letters("check", "token" + body, 4, _ALPHANUMERIC):
            return value
        new = self._letters("token", value, size - 4, _ALPHANUMERIC)
        return head + new + self._letters("check", "token" + new, 4, _ALPHANUMERIC)

    def digits(self, kind: str, value: str) -> str:
        """Return another number of as many digits that does not begin with 0."""
        new = self._letters(kind, value, len(value), "0123456789")
        first = "123456789"[self.number(kind, value + "/first") % 9]
        new = first + new[1:]
        return new if new != value else new[:-1] + str((int(new[-1]) + 5) % 10)

    def mac(self, value: str) -> str:
        """Return a MAC address in the same notation; addresses of one maker stay together."""
        bare = re.sub(r"[^0-9A-Fa-f]", "", value).lower()
        maker = self._letters("maker", bare[:6], 6, "0123456789abcdef")
        # The two low bits of the first octet say: to one or to many, by the maker or by hand.
        first = (int(maker[:2], 16) & 0xFC) | (int(bare[:2], 16) & 0x03)
        new = f"{first:02x}{maker[2:]}{self._letters('mac', bare, 6, '0123456789abcdef')}"
        digits = iter(new.upper() if any(c in "ABCDEF" for c in value) else new)
        return re.sub(r"[0-9A-Fa-f]", lambda _: next(digits), value)

    def address(self, value: ipaddress.IPv4Address | ipaddress.IPv6Address, network_bits: int | None = None) -> str:
        """Return another address of the same class; two that share n leading bits share n afterwards.

        Private, shared, link-local and multicast blocks are mapped onto themselves, so private stays private and
        public public. The last bit always changes: no address is mapped to itself.

        Args:
            value: the address.
            network_bits: length of the prefix where the address is that of a network; what follows stays zero.

        Source: Xu et al. 2002, Prefix-Preserving IP Address Anonymization, with BLAKE2 as its function.
        """
        width = value.max_prefixlen
        bits = f"{int(value):0{width}b}"
        size = width if network_bits is None else network_bits
        new = "".join(str(int(bits[i]) ^ self._flip(value.version, bits[:i], width)) for i in range(size))
        number = int(new.ljust(width, "0"), 2)
        return str(ipaddress.IPv4Address(number) if value.version == 4 else ipaddress.IPv6Address(number))

    def _flip_of(self, version: int, prefix: str, width: int) -> int:
        if len(prefix) == width - 1:
            return 1
        if any(block.startswith(prefix) and len(prefix) < len(block) for block in _block_bits(version)):
            return 0
        return self.number(f"ipv{version}", prefix) & 1


@lru_cache(maxsize=2)
def _block_bits(version: int) -> tuple[str, ...]:
    """Return the leading bits of every block that is mapped onto itself."""
    found = []
    for text in _V4_BLOCKS if version == 4 else _V6_BLOCKS:
        block = ipaddress.ip_network(text)
        found.append(f"{int(block.network_address):0{block.max_prefixlen}b}"[: block.prefixlen])
    return tuple(found)
