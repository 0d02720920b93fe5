"""What looks like a secret and is none: examples of documentation, shared mailboxes, indicators of compromise.

Sources: RFC 2606 and 6761 (names), RFC 5737 and 3849 (addresses), the AWS documentation (example keys), the payment
schemes' published test cards, the North American Numbering Plan (555-0100 to 555-0199).
"""

from __future__ import annotations

import re
from itertools import pairwise

from secft.security.identifiers import is_any_id

_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.\w+)?|test|invalid|localhost|lan|onion)$")
_INTERNAL = re.compile(r"(?:^|\.)(?:local|internal|corp)$")
_PLACEHOLDER = re.compile(
    r"(?:^|[.-])(?:example\d?|domain|your-?(?:domain|company|site|org)|my-?(?:domain|company|site)|some(?:domain|where)"
    r"|evil|attackers?|victim|malicious|hacker|bad-?guy|foo|bar|baz|test|users\.noreply\.github)\.(?:[a-z]{2,}\.)?[a-"
    r"z]{2,}$"
)
_VAGUE = re.compile(r"(?:^|[.-])(?:company|acme|mail|email|provider|host|site|server|app)\.(?:[a-z]{2,}\.)?[a-z]{2,}$")
"""Names that examples have and companies as well: an address there is real where its first part is a person's."""
_PERSON = re.compile(r"^[a-z]{1,20}[._-][a-z]{2,20}\d{0,4}$|^[a-z]{3,20}\d{2,4}$")
_SHARED = frozenset(
    [
        "abuse",
        "ajuda",
        "atencion",
        "ayuda",
        "comercial",
        "contacto",
        "contato",
        "geral",
        "informacion",
        "rrhh",
        "seguranca",
        "seguridad",
        "soporte",
        "suporte",
        "vendas",
        "ventas",
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
_NAMESPACES = frozenset({"openssh.com", "libssh.org", "lysator.liu.se", "tables.com", "w3.org"})
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
        "4000000000003220",
        "4000000000009995",
        "4462030000000000",
        "4917484589897107",
        "4001919257537193",
        "5425233430109903",
        "2222420000001113",
        "2223000048410010",
        "5019717010103742",
        "30569309025904",
        "38520000023237",
        "36227206271667",
        "3530111333300000",
        "3566002020360505",
        "6200000000000005",
        "6205500000000000004",
        "6759649826438453",
        "6304000000000000",
        "5066991111111118",
        "5454545454545454",
        "4917300800000000",
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
    if (_VAGUE.search(domain) or _INTERNAL.search(domain)) and not _PERSON.match(local):
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
    if len(digits) < 7 or len(set(digits)) <= 3:
        return True
    return bool(re.search(r"555\D?01\d\d$", number)) or digits[-7:] in {
        "4567890",
        "2345678",
        "3456789",
        "5551212",
        "5551234",
    }


_EXAMPLE_TOKEN = re.compile(
    r"(?i:example|sample|dummy|changeme|change_me|placeholder|redacted|your[_-]|x{5,}|\*{3,}|\.{3,}|<[^>]+>|\$\{"
    r"|\{\{|%\(|%s|not[_-]?a[_-]?real)"
    r"|0{7,}|deadbeef"
)
_LEAST_RUN = 4
_EXAMPLE_PASSWORD = re.compile(
    r"(?i)^(?:pass(?:w(?:or)?d)?[_-]?\d{0,4}!?|(?:my|your|the|new|old|user|db|some|test|strong|secure"
    r"|super)?_?-?(?:password|passwd|secret|pass|pwd|token|"
    r"key|api_?key)\d{0,4}!?|hunter2|mew!|change[_-]?(?:me|it)\d*!?|letmein|qwerty\d{0,6}|s3cr3t|p[@a]ssw[0o]rd\d{0,3}!?"
    r"|test\d{0,4}|admin|foo(?:bar)?|bar|baz|user(?:name)?"
    r"|hello(?:world)?|root|guest|changeit|postgres|key|toor|secret\d{0,4}|correct ?horse.*|0?1?2345\d{0,5}|abc123"
    r"|abcd\w{0,4}|contrase[nñ]a|"
    r"clave|senha|tu[_-]?(?:contrase[nñ]a|clave|password|pass|token|llave|secreto)\w*|su[_-]?contrase[nñ]a|sua[_-]?senha|minha[_-]?senha|mi[_-]?(?:contrase[nñ]a|clave))$"
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


def example_token(value: str) -> bool:
    """Return whether a token is a placeholder, a published example, counted up, or hardly varies."""
    known = any(known in value for known in _KNOWN)
    return known or bool(_EXAMPLE_TOKEN.search(value)) or len(set(value)) < 8 or _counts_up(value)


def _counts_up(value: str) -> bool:
    """Tell whether half of a value or more is runs such as ``abcdef`` and ``67890``."""
    counted, run = 0, 1
    for before, after in pairwise(value):
        follows = ord(after) - ord(before) == 1 or (before, after) == ("9", "0")
        run = run + 1 if follows else 1
        counted += _LEAST_RUN if run == _LEAST_RUN else run > _LEAST_RUN
    return counted > len(value) / 2


def example_password(value: str) -> bool:
    """Return whether a password is one that examples and default accounts have, or a placeholder."""
    return bool(_EXAMPLE_PASSWORD.match(value)) or any(known in value for known in _KNOWN)


def is_digest(value: str) -> bool:
    """Return whether a value has the form of a digest or of a UUID, which indicators and identifiers have too."""
    return bool(_UUID.match(value) or _HASH.match(value))


def documented_secret(value: str) -> bool:
    """Return whether a value is a placeholder, a published example, an identifier, or a digest (an indicator)."""
    return example_token(value) or example_password(value) or is_any_id(value) or is_digest(value)
