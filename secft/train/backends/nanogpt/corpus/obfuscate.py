"""Replaces what identifies people and machines in logs by consistent pseudonyms of the same form.

The names of hosts and users are learned from their contexts over the whole text first, then replaced wherever they
stand. Times, ports, CVE identifiers, file names, versions, role accounts such as root, loopback and documentation
addresses stay. Applied twice with one key, names, domains, mail addresses, secrets, hashes and UUIDs stay as they
are; addresses and numbers change again, so a text is to be passed once.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from secft.train.backends.nanogpt import log_patterns as patterns
from secft.train.backends.nanogpt.corpus.allowed import NEVER_NAMES, PROTECTED, ROLES, Allowed
from secft.train.backends.nanogpt.corpus.pseudonyms import Pseudonyms

Span = tuple[int, int, str, str]
"""Start, end, kind, replacement; a kind of "" protects what stands there."""

_WORD = re.compile(r"[^\W_]+(?:[._$-]+[^\W_]+)*\$?")
_PIECE = re.compile(r"[^\W_]+|[\W_]+")
_MOST_PIECES = 7
SHORTEST = 3
"""A shorter name is replaced where its place tells that it is one, but not everywhere."""
_VERSION = re.compile(r"(?i)(?:\bversion|\bv|\brelease|\bver\.?)[ :=\"']{0,3}$")
KINDS = ("ipv4", "ipv6", "mac", "host", "domain", "email", "user", "secret", "hash", "uuid", "id")


class Obfuscator:
    """Obfuscates lines under one key.

    Args:
        key: the secret, 16 bytes or more; see ``pseudonyms.key_file``.
        allow: names, domains, addresses and networks that stay.

    Attributes:
        report: kind -> places replaced.
    """

    def __init__(self, key: bytes, allow: tuple[str, ...] = ()) -> None:
        self.names = Pseudonyms(key)
        self.allowed = Allowed(allow)
        self.report: Counter[str] = Counter()
        self._hosts: set[str] = set()
        self._users: set[str] = set()

    def learn(self, text: str) -> None:
        """Collect the names of hosts and users that a line gives away by their place."""
        for pattern in patterns.USERS:
            for match in pattern.finditer(text):
                self._learn_user(match["value"])
        self._learn_mail(text)
        for pattern in patterns.HOSTS:
            for match in pattern.finditer(text):
                self._learn_host(match["value"])
        self._learn_domains(text)

    def learn_all(self, lines: Iterable[str]) -> None:
        """Collect names from many lines."""
        for line in lines:
            self.learn(line)

    def line(self, text: str) -> str:
        """Return a line without what identifies.

        Names are replaced where their place tells that they are names, and those learned before wherever they stand.
        """
        found: list[str] = []
        position = 0
        for start, end, kind, replacement in self._spans(text):
            found.append(self._known_names(text[position:start]))
            found.append(replacement)
            if kind and replacement != text[start:end]:
                self.report[kind] += 1
            position = end
        found.append(self._known_names(text[position:]))
        return "".join(found)

    def text(self, text: str) -> str:
        """Return a whole text without what identifies."""
        lines = text.splitlines(keepends=True)
        self.learn_all(lines)
        return "".join(self.line(line) for line in lines)

    def _learn_mail(self, text: str) -> None:
        kept = [match.span() for match in PROTECTED.finditer(text)]
        for match in patterns.EMAIL.finditer(text) if "@" in text else ():
            if not self.allowed.mail(match["value"]) and not any(a <= match.start() < b for a, b in kept):
                self._learn_user(match["value"].partition("@")[0])

    def _learn_domains(self, text: str) -> None:
        for match in patterns.DOMAIN.finditer(text):
            if self._is_domain(match) and not self.allowed.domain(match["value"]):
                labels = match["value"].lower().rstrip(".").split(".")
                internal = labels[-1] in patterns.INTERNAL
                for label in labels[: -_registered(labels)]:
                    # docs or blog before a public domain is a word; gate-7 is a machine.
                    if internal or "-" in label or any(map(str.isdigit, label)):
                        self._learn_host(label)

    def _learn_user(self, name: str) -> None:
        bare = name.strip(".,;:'\"").lower()
        if len(bare) > 1 and not self.allowed.account(bare) and not self.names.is_name(bare):
            self._users.add(bare)

    def _learn_host(self, name: str) -> None:
        bare = name.lower()
        known = bare in ROLES or self.allowed.host(bare) or self.names.is_name(bare)
        if len(bare) > 1 and not known and any(c.isalpha() for c in bare):
            self._hosts.add(bare)

    def _spans(self, text: str) -> Iterator[Span]:
        """Yield what is to be replaced or protected, in order and without overlaps."""
        spans: list[Span] = []
        for rule in self._rules():
            spans.extend(rule(text))
        # Of two that overlap the one found by the earlier rule stays.
        taken: list[Span] = []
        covered = bytearray(len(text))
        for span in spans:
            start, end = span[:2]
            if start < end and not any(covered[start:end]):
                covered[start:end] = b"\x01" * (end - start)
                taken.append(span)
        yield from sorted(taken)

    def _rules(self) -> tuple[Callable[[str], Iterator[Span]], ...]:
        return (
            self._fingerprints, self._secrets, self._macs, self._uuids, self._protected, self._emails,
            self._ipv4, self._ipv6, self._sids,
            self._hashes, self._numbers, self._domains, self._own_domains, self._user_spans, self._host_spans,
        )  # fmt: skip

    def _protected(self, text: str) -> Iterator[Span]:
        for match in PROTECTED.finditer(text):
            yield match.start(), match.end(), "", match.group()

    def _secrets(self, text: str) -> Iterator[Span]:
        for pattern, keep in patterns.SECRETS:
            for match in pattern.finditer(text):
                value = match["value"]
                if pattern is patterns.SECRETS[-1][0] and not _looks_random(value):
                    continue
                if not self._kept_secret(value):
                    yield match.start("value"), match.end("value"), "secret", self.names.token(value, keep)

    def _kept_secret(self, value: str) -> bool:
        """Keep words that are no secret, and leave what has a form of its own to the rule of that form."""
        own = patterns.HEX.fullmatch(value) or patterns.UUID.fullmatch(value)
        path = value.startswith(("$", "/", "~", "\\")) or value[1:3] in (":\\", ":/")
        return bool(own) or path or value.lower() in NEVER_NAMES or self.names.is_name(value)

    def _macs(self, text: str) -> Iterator[Span]:
        for match in patterns.MAC_PAIR.finditer(text):
            both = match["value"]
            yield match.start(), match.end(), "mac", f"{self._mac(both[:17])}:{self._mac(both[18:35])}:"
        for match in patterns.MAC.finditer(text):
            yield match.start(), match.end(), "mac", self._mac(match["value"])

    def _mac(self, value: str) -> str:
        digits = set(re.sub(r"[^0-9a-f]", "", value.lower()))
        return value if digits in ({"f"}, {"0"}) else self.names.mac(value)

    def _uuids(self, text: str) -> Iterator[Span]:
        for match in patterns.UUID.finditer(text):
            value = match["value"]
            nothing = set(value) <= {"0", "-"}
            yield match.start(), match.end(), "uuid", value if nothing else self.names.uuid(value)

    def _fingerprints(self, text: str) -> Iterator[Span]:
        for match in patterns.PAIRS.finditer(text):
            digits = iter(self.names.hexadecimal(match["value"].replace(":", "")))
            yield match.start(), match.end(), "hash", re.sub(r"[^:]", lambda _, d=digits: next(d), match["value"])

    def _hashes(self, text: str) -> Iterator[Span]:
        for match in patterns.HEX.finditer(text):
            value = match["value"]
            nothing = len(set(value)) == 1
            yield match.start(), match.end(), "hash", value if nothing else self.names.hexadecimal(value)

    def _emails(self, text: str) -> Iterator[Span]:
        for match in patterns.EMAIL.finditer(text) if "@" in text else ():
            if self.allowed.mail(match["value"]):
                yield match.start(), match.end(), "", match["value"]
                continue
            local, _, domain = match["value"].partition("@")
            kept = self.allowed.account(local) or self.names.is_name(local)
            user = local if kept else self.names.name("user", local)
            host = self._domain(domain) if "." in domain else self._host(domain)
            yield match.start(), match.end(), "email", f"{user}@{host}"

    def _ipv4(self, text: str) -> Iterator[Span]:
        for match in patterns.IPV4.finditer(text):
            start, end = match.span()
            replaced = _address(match["value"], match["bits"], self)
            if replaced is not None:
                version = _VERSION.search(text[max(start - 12, 0) : start])
                yield start, end, "ipv4", match.group() if version else replaced

    def _ipv6(self, text: str) -> Iterator[Span]:
        for match in patterns.IPV6.finditer(text):
            replaced = _address(match["value"], match["bits"], self)
            if replaced is not None:
                yield match.start(), match.end(), "ipv6", replaced

    def _sids(self, text: str) -> Iterator[Span]:
        for match in patterns.SID.finditer(text):
            parts = match["value"].split("-")
            machine = "-".join(parts[4:7])
            new = [str(self.names.number("sid", f"{machine}/{place}") % 2**32) for place in range(3)]
            # Numbers below 1000 are accounts that every Windows has.
            own = [p if len(p) < 4 else self.names.digits("rid", f"{p}") for p in parts[7:]]
            yield match.start(), match.end(), "id", "-".join([*parts[:4], *new, *own])

    def _numbers(self, text: str) -> Iterator[Span]:
        for pattern in patterns.IDS:
            for match in pattern.finditer(text):
                value = match["value"]
                system = value in patterns.SYSTEM_NUMBERS or int(value) < 1000
                replaced = value if system else self.names.digits("id", value)
                yield match.start("value"), match.end("value"), "id", replaced

    def _domains(self, text: str) -> Iterator[Span]:
        for match in patterns.DOMAIN.finditer(text):
            if self._is_domain(match):
                yield match.start(), match.end(), "domain", self._domain(match["value"])

    def _is_domain(self, match: re.Match[str]) -> bool:
        """Return whether a dotted name is a domain, and not a file, a member of an object or a version."""
        labels = match["value"].lower().rstrip(".").split(".")
        last = labels[-1]
        before = match.string[max(match.start() - 2, 0) : match.start()]
        named = before.endswith(("//", "@")) or _HOST_KEY.search(
            match.string[max(match.start() - 24, 0) : match.start()]
        )
        if named:
            return True
        if last in patterns.FILE_ENDINGS:
            # auth.py or a.b.sh is a file; www.some.sh is taken for a host.
            return labels[0] in ROLES and len(labels) > 2
        country = len(last) == 2 and last.isalpha()
        if last not in patterns.TOP_LEVEL and not country:
            return False
        return not before.endswith(("/", "\\")) or last != "local"

    def _domain(self, name: str) -> str:
        if self.allowed.domain(name):
            return name
        labels = name.rstrip(".").split(".")
        tail = _registered([label.lower() for label in labels])
        suffix = labels[-(tail - 1) :] if tail > 1 else []
        registered = labels[-tail]
        known = self.names.is_name(registered.lower())
        middle = registered if known else self.names.name("dom", ".".join([registered, *suffix]))
        hosts = [self._host(label) for label in labels[:-tail]]
        return ".".join([*hosts, middle, *suffix]) + ("." if name.endswith(".") else "")

    def _host(self, label: str) -> str:
        kept = label.lower() in ROLES or self.allowed.host(label) or self.names.is_name(label.lower())
        return label if kept or not any(c.isalpha() for c in label) else self.names.name("host", label)

    def _own_domains(self, text: str) -> Iterator[Span]:
        """Replace the Windows domain before a user's name."""
        for match in patterns.WINDOWS_DOMAIN.finditer(text):
            group = "value" if match["value"] else "named"
            value = match[group]
            kept = value.upper() in (
                "NT",
                "BUILTIN",
                "HKLM",
                "HKCU",
                "HKU",
                "SYSTEM",
                "WORKGROUP",
            ) or self.allowed.host(value)
            new = value if kept or self.names.is_name(value.lower()) else self.names.name("dom", value).upper()
            yield match.start(group), match.end(group), "domain", new

    def _user_spans(self, text: str) -> Iterator[Span]:
        for pattern in patterns.USERS:
            for match in pattern.finditer(text):
                value = match["value"].rstrip(".,;:'\"")
                if not self.allowed.account(value) and not self.names.is_name(value.lower()):
                    start = match.start("value")
                    yield start, start + len(value), "user", self.names.name("user", value)

    def _host_spans(self, text: str) -> Iterator[Span]:
        for pattern in patterns.HOSTS:
            for match in pattern.finditer(text):
                value = match["value"]
                if self._host(value) != value:
                    yield match.start("value"), match.end("value"), "host", self._host(value)

    def _known_names(self, text: str) -> str:
        """Replace names that were learned elsewhere: as whole words, and as parts of longer ones."""
        return _WORD.sub(self._known_word, text) if text else text

    def _known_word(self, match: re.Match[str]) -> str:
        """Replace the longest known names within a word such as ``backup-jane.doe.tar``."""
        word = match.group()
        if self.names.is_name(word.lower()):
            return word
        pieces, out, at = _PIECE.findall(word), [], 0
        while at < len(pieces):
            for size in range(min(_MOST_PIECES, len(pieces) - at), 0, -1):
                known = self._known("".join(pieces[at : at + size]))
                if known is not None:
                    break
            out.append(pieces[at] if known is None else known)
            at += 1 if known is None else size
        return "".join(out)

    def _known(self, word: str) -> str | None:
        bare = word.lower()
        if len(bare) < SHORTEST:
            return None
        if self.names.is_name(bare):
            return word
        kind = "user" if bare in self._users else "host" if bare in self._hosts else ""
        if not kind:
            return None
        self.report[kind] += 1
        return self.names.name(kind, bare)


_HOST_KEY = re.compile(r"(?i)(?:host|hostname|rhost|server|domain|fqdn|node|ptr|sni)[\"']?\s{0,2}[=:]\s{0,2}[\"']?$")


def _registered(labels: list[str]) -> int:
    """Return how many labels at the end are a registered domain: two, or three below such as co.uk."""
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in ("co", "com", "org", "net", "gov", "edu", "ac"):
        return 3
    return min(2, len(labels))


def _address(value: str, bits: str | None, obfuscator: Obfuscator) -> str | None:
    """Return the replacement of an address with its prefix length, or None where it is no address."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    suffix = bits or ""
    if obfuscator.allowed.address(address):
        return value + suffix
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        inner = _address(str(address.ipv4_mapped), None, obfuscator)
        return f"::ffff:{inner}{suffix}"
    length = int(suffix[1:]) if suffix else address.max_prefixlen
    # 10.0.0.0/8 is a network; 10.1.1.5/443 is how firewalls write a port.
    free = max(address.max_prefixlen - length, 0)
    network = free > 0 and int(address) & ((1 << free) - 1) == 0
    new = obfuscator.names.address(address, length if network else None)
    return (new.upper() if value != value.lower() else new) + suffix


def _looks_random(value: str) -> bool:
    """Return whether a long run is a key rather than a word: letters of both cases and digits, often alternating."""
    if not (any(map(str.isdigit, value)) and any(map(str.islower, value)) and any(map(str.isupper, value))):
        return False
    kinds = [("d" if c.isdigit() else "a" if c.isalpha() else "-") for c in value]
    changes = sum(a != b for a, b in pairwise(kinds) if "-" not in (a, b))
    return changes >= 4
