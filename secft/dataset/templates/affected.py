"""Affected and fixed versions of packages and products, in words, out of records of OSV and CVE."""

from __future__ import annotations

from typing import Any

from secft.records import Document

_FIRST = ("", "0", "0.0.0-0")
_MOST = 6
"""More lines than these are no answer to learn."""


def _named(entry: dict[str, Any]) -> str:
    """Return package or product, the product with its vendor."""
    product = entry.get("package") or entry.get("product") or ""
    vendor = entry.get("vendor") or ""
    return f"{vendor} {product}".strip() if not product.lower().startswith(vendor.lower()) else product


def _bounds(item: dict[str, str]) -> str:
    start = "" if item["introduced"] in _FIRST else item["introduced"]
    if start and start == item["last_affected"]:
        return start
    before = item["fixed"] or item.get("limit", "")
    through = f"through {item['last_affected']}" if item["last_affected"] else ""
    bounds = [f"from {start}" if start else "", f"before {before}" if before else through]
    return " ".join(filter(None, bounds)) or "all versions"


def _either(requirements: list[str]) -> str:
    """Return requirements of which one must hold; a comma in one of them means that both parts must."""
    return " or ".join(dict.fromkeys(f"({one.replace(',', ' and')})" if "," in one else one for one in requirements))


def _versions(entry: dict[str, Any]) -> list[str]:
    """Return an entry's affected versions in words; commits and long lists of versions are left out."""
    if entry.get("patched") or entry.get("unaffected"):
        safe = _either([*entry.get("patched", []), *entry.get("unaffected", [])])
        return [f"all versions except {safe}"]
    if "ranges" in entry:
        return list(dict.fromkeys(_bounds(item) for item in entry["ranges"]))
    return [text for text in entry.get("versions") or [] if isinstance(text, str)]


def _entries(document: Document) -> list[dict[str, Any]]:
    """Return what is affected; ranges of one package that stand in entries of their own come together.

    What fixes one range is no remedy for another one.
    """
    found: list[dict[str, Any]] = []
    by_name: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in document.fields.get("affected") or []:
        key = (_named(entry), entry.get("ecosystem") or "")
        if not entry.get("ranges") or not key[0]:
            found.append(entry)
        elif key in by_name:
            by_name[key]["ranges"] += [item for item in entry["ranges"] if item not in by_name[key]["ranges"]]
        else:
            by_name[key] = {**entry, "ranges": list(entry["ranges"])}
            found.append(by_name[key])
    return found


def affected_lines(document: Document) -> list[str]:
    """Return a line for each package: ``plone: from 5.0 before 5.0.7; before 4.3.12``."""
    lines: dict[str, None] = {}
    for entry in _entries(document):
        versions, name = _versions(entry), _named(entry)
        if name and versions and len(versions) <= 2 * _MOST:
            lines[f"{name}: {'; '.join(versions)}"] = None
    return list(lines) if len(lines) <= _MOST else []


def _advice(name: str, entry: dict[str, Any]) -> str:
    if entry.get("patched"):
        return f"Upgrade {name} to a version that satisfies {_either(entry['patched'])}."
    fixed = {item["fixed"]: item["introduced"] for item in entry.get("ranges") or [] if item["fixed"]}
    if len(fixed) == 1 and len(entry["ranges"]) == 1:
        return f"Upgrade {name} to {next(iter(fixed))} or later."
    # "Or later" would be wrong here: a later version may be affected again.
    ways = [
        f"{end} ({f'for versions since {start}' if start not in _FIRST else 'for earlier versions'})"
        for end, start in fixed.items()
    ]
    return f"Upgrade {name} to {' or '.join(ways)}." if ways else ""


def fixed_lines(document: Document) -> list[str]:
    """Return a sentence for each package that tells the fixed versions."""
    found = (_advice(_named(entry), entry) for entry in _entries(document) if _named(entry))
    lines = list(dict.fromkeys(filter(None, found)))
    return lines if len(lines) <= _MOST else []
