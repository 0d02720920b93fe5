"""RustSec's own form of an advisory, TOML and Markdown in one file, as a record of OSV."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any

from secft.dataset.sources.reading.json_values import mapping, string, strings

DEFAULT_LICENSE = "CC0-1.0"
"""Of advisories that name none: https://github.com/rustsec/advisory-db#license."""

_PARTS = re.compile(r"\s*```toml[ \t]*\n(.{0,200000}?)\n```[ \t]*\n(.*)", re.DOTALL)
_TITLE = re.compile(r"\s*#[ \t]+([^\n]+)\n?(.*)", re.DOTALL)


class BadAdvisory(ValueError):
    """The text is not an advisory of RustSec."""


def _date(advisory: dict[str, Any], key: str) -> str:
    value = advisory.get(key)
    return value.isoformat() if isinstance(value, datetime.date) else string(advisory, key)


def _references(advisory: dict[str, Any]) -> list[dict[str, str]]:
    addresses = ([string(advisory, "url")] if string(advisory, "url") else []) + strings(advisory, "references")
    return [{"type": "WEB", "url": address} for address in dict.fromkeys(addresses)]


def osv_of_rustsec(text: str) -> dict[str, Any]:
    """Return an advisory as a record of OSV; requirements stand as ``patched`` and ``unaffected`` of its package.

    Raises:
        BadAdvisory: there is no TOML at the top, it is broken, or it holds no advisory.
    """
    parts = _PARTS.fullmatch(text.replace("\r\n", "\n"))
    if parts is None:
        raise BadAdvisory("does not begin with a block of TOML")
    try:
        head = tomllib.loads(parts[1])
    except (ValueError, RecursionError) as error:
        raise BadAdvisory(str(error)) from None
    advisory, versions = mapping(head, "advisory"), mapping(head, "versions")
    if not advisory:
        raise BadAdvisory("has no table [advisory]")
    title = _TITLE.fullmatch(parts[2])
    vector = string(advisory, "cvss")
    return {
        "id": string(advisory, "id"),
        "summary": (title[1] if title else string(advisory, "title")).strip(),
        "details": (title[2] if title else parts[2]).strip(),
        "aliases": strings(advisory, "aliases"),
        "related": strings(advisory, "related"),
        "published": _date(advisory, "date"),
        "withdrawn": _date(advisory, "withdrawn"),
        "severity": [{"type": f"CVSS_V{vector[5:6]}", "score": vector}] if vector.startswith("CVSS:") else [],
        "affected": [
            {
                "package": {"ecosystem": "crates.io", "name": string(advisory, "package")},
                "patched": strings(versions, "patched"),
                "unaffected": strings(versions, "unaffected"),
            }
        ],
        "references": _references(advisory),
        "database_specific": {
            "categories": strings(advisory, "categories"),
            "informational": string(advisory, "informational"),
            "license": string(advisory, "license") or DEFAULT_LICENSE,
        },
    }
