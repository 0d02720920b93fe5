"""What looks like a secret and is none: examples of documentation, shared mailboxes, indicators of compromise.

Sources: RFC 2606 and 6761 (names), RFC 5737 and 3849 (addresses), the AWS documentation (example keys), the payment
schemes' published test cards, the North American Numbering Plan (555-0100 to 555-0199).
"""

from __future__ import annotations

import re

from secft.security.identifiers import is_any_id

_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost|local|internal|corp|lan|onion)$")
_PLACEHOLDER = re.compile(
    r"(?:^|[.-])(?:example\d?|domain|your-?(?:domain|company|site|org)|my-?(?:domain|company|site)|company|some(?:domain|where)"
    r"|evil|attackers?|victim|malicious|hacker|bad-?guy|foo|bar|baz|acme|test|mail|email|provider|host|site|server|app"
    r"|users\.noreply\.github)\.(?:[a-z]{2,}\.)?[a-z]{2,}$"
)
_SHARED = frozenset(
    [
        "abuse",
        "admin",
        "administrator",
        "announce",
        "appsec",
        "bugs",
        "cert",
        "contact",
        "cve",
        "dev",
        "devel",
        "dev-team",
        "disclosure",
        "feedback",
        "git",
        "hello",
        "help",
        "hostmaster",
        "info",
        "infosec",
        "list",
        "lists",
        "mail",
        "maintainers",
        "no-reply",
        "noreply",
        "office",
        "postmaster",
        "press",
        "privacy",
        "psirt",
        "root",
        "sales",
        "secalert",
        "secure",
        "security",
        "security-alert",
        "security-advisories",
        "security-reports",
        "soc",
        "support",
        "system",
        "team",
        "vulnerabilities",
        "webmaster",
    ]
)
_NOBODY = frozenset(
    [
        "user",
        "username",
        "user1",
        "user2",
        "alice",
        "bob",
        "carol",
        "eve",
        "mallory",
        "foo",
        "bar",
        "john",
        "jane",
        "johndoe",
        "john.doe",
        "jane.doe",
        "jdoe",
        "someone",
        "somebody",
        "nobody",
        "you",
        "me",
        "your.name",
        "your-email",
        "youremail",
        "victim",
        "attacker",
        "hacker",
        "evil",
        "test",
        "tester",
        "name",
        "email",
        "firstname.lastname",
    ]
)
_NAMESPACES = frozenset({"openssh.com", "libssh.org", "tables.com", "w3.org"})
"""Domains behind the @ of identifiers that are no mail: algorithms of SSH; and a well-known joke."""
_FILE_ENDINGS = frozenset(
    [
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "js",
        "ts",
        "jsx",
        "tsx",
        "css",
        "html",
        "htm",
        "py",
        "rb",
        "go",
        "rs",
        "java",
        "jar",
        "php",
        "sh",
        "zip",
        "gz",
        "tgz",
        "tar",
        "json",
        "yaml",
        "yml",
        "xml",
        "md",
        "txt",
        "lock",
        "exe",
        "dll",
        "so",
        "service",
        "socket",
        "timer",
        "target",
        "mount",
        "whl",
        "egg",
    ]
)
_CARDS = frozenset(
    [
        "4111111111111111",
        "4242424242424242",
        "4012888888881881",
        "4000056655665556",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "378282246310005",
        "371449635398431",
        "378734493671000",
        "6011111111111117",
        "6011000990139424",
        "4532015112830366",
        "4000000000000002",
        "4222222222222",
        "2223003122003222",
        "4917610000000000",
        "4539578763621486",
    ]
)


def documented_mail(address: str) -> bool:
    """Return whether an address is an example, nobody's, or a shared mailbox rather than a person's."""
    local, _, domain = address.lower().rpartition("@")
    if domain.rpartition(".")[2] in _FILE_ENDINGS:
        return True
    if re.split(r"[+]", local)[0] in _SHARED | _NOBODY or re.search(
        r"(?:^|[._-])(?:security|psirt|cert|noreply)(?:$|[._-])", local
    ):
        return True
    # ``git@github.com`` and mailing lists are places, not people.
    return bool(
        _RESERVED.search(domain)
        or _PLACEHOLDER.search(domain)
        or "lists." in domain
        or "googlegroups" in domain
        or domain in _NAMESPACES
    )


def documented_card(digits: str) -> bool:
    """Return whether a card number is a published test number or a counted-up one."""
    return digits in _CARDS or digits[:-1] in "1234567890123456789012345" or len(set(digits[4:])) <= 2


def documented_phone(number: str) -> bool:
    """Return whether a telephone number is fictional (555-01xx), counted up, or has too few digits to be one."""
    digits = re.sub(r"\D", "", number)
    if len(digits) < 9 or len(set(digits)) <= 3:
        return True
    return bool(re.search(r"555\D?01\d\d$", number)) or digits[-7:] in {
        "4567890",
        "2345678",
        "3456789",
        "5551212",
        "5551234",
    }


_EXAMPLE_SECRET = re.compile(
    r"(?i)example|sample|dummy|changeme|change_me|placeholder|redacted|fake|your[_-]?|x{4,}|\*{3,}|\.{3,}|<[^>]+>|\$\{|\{\{|%\(|%s"
    r"|^pass(?:w(?:or)?d)?\d{0,4}!?$|^secret\d{0,4}$|hunter2|letmein|qwerty|correcthorse|s3cr3t|p@ssw0rd|^test|^admin|^foo|^bar"
    r"|^user|^token$|^password|^username|^pwd$|^mypass|^hello|^root$|^guest$|^changeit$|^postgres$|^key$|1234|abcd"
)
# The signature of the example on jwt.io and the two keys of the AWS documentation.
_KNOWN = (
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJzdWIiOiIxMjM0NTY3ODkw",
)
_UUID = re.compile(r"(?i)^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_HASH = re.compile(
    r"^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})$"
)


def documented_secret(value: str) -> bool:
    """Return whether a value is a placeholder, a published example, an identifier, or a digest (an indicator)."""
    if any(known in value for known in _KNOWN):
        return True
    return bool(_EXAMPLE_SECRET.search(value) or is_any_id(value) or _UUID.match(value) or _HASH.match(value))
