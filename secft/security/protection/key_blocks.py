"""Private keys as blocks: PEM (RFC 7468) and OpenSSH, PGP, PuTTY, OpenVPN, age, JWK; values of Kubernetes secrets."""

from __future__ import annotations

import re

from secft.security.protection.documented import example_password, example_token
from secft.security.protection.rule import Rule

_BREAK = r"(?:\s|\\[nr])"
_NAME = r"(?:[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)"


def _long(value: str) -> bool:
    return len(re.sub(r"[^A-Za-z0-9+/=]", "", value)) >= 64 + len("BEGIN PRIVATE KEY END PRIVATE KEY")


def _secret_value(value: str) -> bool:
    return not value.startswith(("<", "$", "{", "*")) and not example_password(value)


_KIND = ("kind: secret", 'kind: "secret"', '"kind": "secret"', '"kind":"secret"', "kind: 'secret'")

RULES: tuple[Rule, ...] = (
    Rule(
        "PRIVATE_KEY",
        re.compile(
            rf"-{{4,5}} ?BEGIN (?P<name>{_NAME}) ?-{{4,5}}(?:[^-]{{1,20000}}(?:-(?!---)[^-]{{0,20000}}){{0,40}}-{{4,5"
            rf"}} ?END (?P=name) ?-{{4,5}}"
            rf"|(?:{_BREAK}{{0,8}}[A-Za-z0-9+/=]{{20,}}){{1,400}})"
        ),
        ("private key", "static key"),
        _long,
    ),
    Rule(
        "PRIVATE_KEY",
        re.compile(
            r"Private-Lines: \d{1,4}\s+(?P<value>(?:[A-Za-z0-9+/=]{4,64}\s+){1,400})(?:Private-MAC: [0-9a-f]{40,64})?"
        ),
        ("private-lines",),
    ),
    Rule("PRIVATE_KEY", re.compile(r"(?i)age-secret-key-1[a-z0-9]{58}"), ("age-secret-key-1",)),
    Rule("PRIVATE_KEY", re.compile(r"\"(?:d|p|q|dp|dq|qi|k)\"\s*:\s*\"(?P<value>[\w-]{32,1000})\""), ('"kty"',)),
    Rule(
        "K8S_SECRET",
        re.compile(r"\n[ ]*[\w.-]{1,100}:[ ]+[\"']?(?P<value>[A-Za-z0-9+/]{4,}={0,2}|[^\s\"'#|>]{4,})[\"']?"),
        _KIND,
        _secret_value,
        within=re.compile(r"(?<=data:)(?:[ ]*\n[ ]{1,16}[\w.-]{1,100}:[ ]+[^\n]{1,20000}){1,100}"),
    ),
    Rule(
        "K8S_SECRET",
        re.compile(r"\"[\w.-]{1,100}\"\s*:\s*\"(?P<value>[^\"\\]{4,20000})\""),
        _KIND,
        _secret_value,
        within=re.compile(r"(?<=\"data\")\s*:\s*\{[^{}]{1,100000}\}"),
    ),
)

JWT = Rule(
    "JWT",
    re.compile(r"(?<![\w.-])eyJ[\w-]{8,}\.(?:eyJ)?[\w-]{8,}(?:\.[\w-]{8,}){0,3}(?![\w-])"),
    ("eyj",),
    lambda value: not example_token(value),
)
