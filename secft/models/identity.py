"""Which model a directory holds, and under which licence, as its own files say it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

MOST_READ = 1 << 20
"""Bytes of a README or licence that are read."""
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.S)
_IN_CACHE = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)$")
_ID = r"[A-Za-z0-9][\w.-]*"
LICENSE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")
TEXTS = (
    ("LLAMA 3.3 COMMUNITY LICENSE", "llama3.3"), ("LLAMA 3.2 COMMUNITY LICENSE", "llama3.2"),
    ("LLAMA 3.1 COMMUNITY LICENSE", "llama3.1"), ("META LLAMA 3 COMMUNITY LICENSE", "llama3"),
    ("LLAMA 2 COMMUNITY LICENSE", "llama2"), ("GEMMA TERMS OF USE", "gemma"),
    ("QWEN RESEARCH LICENSE", "qwen-research"), ("QWEN LICENSE AGREEMENT", "qwen"),
    ("MISTRAL AI RESEARCH LICENSE", "mrl"),
    ("APACHE LICENSE VERSION 2.0", "apache-2.0"), ("MIT LICENSE", "mit"),
    ("PERMISSION IS HEREBY GRANTED, FREE OF CHARGE", "mit"), ("CREATIVE COMMONS ATTRIBUTION 4.0", "cc-by-4.0"),
)  # fmt: skip
"""Words at the beginning of a licence, and its identifier on the Hub; the first that is found counts."""
BEGINNING = 4000
"""Characters of a licence in which its name stands."""


def front_matter(directory: Path) -> dict[str, Any]:
    """Return the YAML header of a model's README, or nothing where there is none that can be read."""
    match = _FRONT.match(_text(directory / "README.md"))
    try:
        values = yaml.safe_load(match.group(1)) if match else None
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def licence_of(directory: Path) -> str:
    """Return the licence that a model's README or licence file names, lower case; empty where they name none."""
    values = front_matter(directory)
    named = values.get("license")
    if isinstance(named, list) and named:
        named = named[0]
    if isinstance(named, str) and named.strip():
        given = named.strip().lower()
        other = values.get("license_name")
        return str(other).strip().lower() if given == "other" and isinstance(other, str) and other.strip() else given
    for name in LICENSE_FILES:
        beginning = (
            " ".join(_text(directory / name)[:BEGINNING].upper().split()).replace(",", "").replace("\u2019", "'")
        )
        for words, identifier in TEXTS:
            if words.replace(",", "") in beginning:
                return identifier
    return ""


def hub_id_of(directory: Path) -> str:
    """Return ``owner/name`` of the repository on the Hub that a directory is a copy of; empty where nothing says so.

    The cache of the Hub names it in its path. Elsewhere a README does, where it speaks of ``owner/name`` and the
    directory has that name.
    """
    resolved = directory.absolute()
    for parent in (resolved, *resolved.parents):
        match = _IN_CACHE.search(parent.name)
        if match:
            return f"{match['owner']}/{match['name']}"
    name = resolved.name
    if "--" in name:  # owner--name, as people save it
        owner, _, name = name.rpartition("--")
        return f"{owner}/{name}" if owner and name and f"{owner}/{name}" in _text(directory / "README.md") else ""
    readme, wanted = _text(directory / "README.md"), rf"{_ID}/{re.escape(name)}(?![\w/-])"
    for pattern in (rf"(?<![\w./-])({wanted})", rf"huggingface\.co/({wanted})"):
        found = Counter(match.group(1) for match in re.finditer(pattern, readme, re.I))
        if found:
            return found.most_common(1)[0][0]
    return ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return handle.read(MOST_READ).decode("utf-8", "replace")
    except OSError:
        return ""
