"""Small files that stand for very much: each is written beside a good neighbour."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

RULE = """title: {0}
id: {1}1111111-1111-4111-8111-111111111111
description: Detects a thing that is good to know about.
logsource: {{category: process_creation, product: windows}}
detection:
  sel: {{Image|endswith: 'a.exe'}}
  condition: sel
level: high
"""
PAGE = "<html><body><article><h1>{0}</h1>{1}</article></body></html>"
TEXT = "<p>This page tells how to defend a service against a common weakness of its kind.</p>"
NVD = {"cve": {"id": "CVE-2030-0001", "descriptions": [{"lang": "en", "value": "A weakness of a part."}]}}
KEV = {
    "cveID": "CVE-2030-0001",
    "vendorProject": "Acme",
    "product": "Part",
    "vulnerabilityName": "A weakness",
    "dateAdded": "2030-01-01",
    "shortDescription": "It reads past the end.",
    "requiredAction": "Update it.",
    "dueDate": "2030-02-01",
}
SEMGREP = {"check_id": "a.b", "path": "a.py", "start": {"line": 1}, "extra": {"message": "Bad.", "severity": "ERROR"}}


def rule(name: str = "Good rule", number: int = 1) -> str:
    """Return a Sigma rule."""
    return RULE.format(name, number)


def merged(levels: int, width: int = 9) -> str:
    """Return mappings that merge each other: ``width ** levels`` values in a few hundred bytes."""
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, levels):
        lines += [f"a{level}: &a{level}", f"  <<: [{', '.join([f'*a{level - 1}'] * width)}]"]
    return "\n".join(lines) + "\n"


def zipped(method: int, size: int) -> bytes:
    """Return a zip archive of a member of spaces."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("bomb.json", " " * size)
    return buffer.getvalue()


def odd(value: str) -> str:
    """Return a rule with a value that its tag does not fit."""
    return rule("Odd rule", 2).replace("level: high", f"level: {value}")


def links(box: str, inline: str, count: int = 10_000) -> str:
    """Return a page with thousands of elements in one."""
    return PAGE.format("Links", f"<{box}>{inline * count}</{box}>{TEXT * 5}")


BOMBS: dict[str, tuple[str, dict[str, Callable[[], str | bytes]]]] = {
    "sigma": (
        ".yml",
        {
            "merge keys": lambda: merged(8) + rule("Bomb", 2),
            "more merge keys": lambda: merged(16) + rule("Bomb", 2),
            "aliases": lambda: "".join(
                f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '1'] * 9)}]\n" for n in range(12)
            ),
            "a value inside itself": lambda: odd("&x [*x]"),
            **{
                value[:24]: lambda value=value: odd(value)  # type: ignore[misc]
                for value in ("!!bool maybe", "!!int ''", "!!float x", "!!timestamp x", "!!binary é", "!!omap x",
                              "!!pairs [x]", "!!set [x]", "2020-13-45", "9" * 5000, "59:" * 60_000 + "1",
                              "0b" + "1" * 500_000, '"\\ud800"', '"\\x1b[2J"')
            },
            "depth": lambda: "[" * 5000,
        },
    ),
    "web": (
        ".html",
        {
            "links": lambda: links("p", "<a href='/x'>a link</a> "),
            "spans": lambda: links("div", "<span>two words</span> "),
            "control characters": lambda: PAGE.format(
                "a&#27;[31m&#7;", f"<p>&#27;[2J {'words ' * 60}&#x80;</p><pre>&#27;</pre>"
            ),
            "depth": lambda: "<b>" * 50_000 + TEXT,
            "gzip": lambda: gzip.compress(b"<p>" + b" " * (64 << 20)),
        },
    ),
    "tool_logs": (
        ".json",
        {
            "gzip of objects": lambda: gzip.compress(b"[" + b"{}," * (32 << 20) + b"{}]"),
            "gzip of records": lambda: gzip.compress(
                b'{"errors":[],"results":[' + json.dumps({**SEMGREP, "path": "b.py"}).encode() + b",{}" * 4000 + b"]}"
            ),
            "depth": lambda: '{"a":' * 100_000,
            "lists": lambda: "[" + "[]," * 300_000 + "[]]",
        },
    ),
    "cve": (
        ".json",
        {
            "LZMA": lambda: zipped(zipfile.ZIP_LZMA, 128 << 20),
            "bzip2": lambda: zipped(zipfile.ZIP_BZIP2, 128 << 20),
            "DEFLATE": lambda: zipped(zipfile.ZIP_DEFLATED, 128 << 20),
            "gzip": lambda: gzip.compress(b"[" + b" " * (128 << 20)),
            "wrong types": lambda: json.dumps({"vulnerabilities": [{"cve": 1}, None, [], {"cve": {"id": ["\ud800"]}}]}),
        },
    ),
    "jsonl": (
        ".jsonl",
        {
            "depth": lambda: '{"user": ' + "[" * 200_000,
        },
    ),
}  # fmt: skip
"""Source -> how its files end, and name -> what makes a bomb."""

GOOD: dict[str, Callable[[], str]] = {
    "sigma": rule,
    "web": lambda: PAGE.format("Good", TEXT * 5),
    "tool_logs": lambda: json.dumps({"errors": [], "results": [SEMGREP]}),
    "cve": lambda: json.dumps({"vulnerabilities": [NVD]}),
    "jsonl": lambda: json.dumps({"user": "What is it?", "assistant": "A weakness of a part."}) + "\n",
}
"""Source -> its good neighbour."""


def kev(extra: int) -> dict[str, Any]:
    """Return a catalogue with entries that are none."""
    return {"vulnerabilities": [KEV, *[0] * extra]}
