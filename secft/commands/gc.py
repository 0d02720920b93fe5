"""``python -m secft gc``: what stands in the caches, why, and how much; with --yes what can go is removed."""

from __future__ import annotations

import argparse

from secft.columns import columns, plain_text, size
from secft.command import PROGRAM, Command, Verb, json_flag, print_json
from secft.config.roots import PlacesConfig, Root
from secft.housekeeping import CacheItem, remove, survey

DAYS = 7.0


def collect_garbage(config: PlacesConfig, arguments: argparse.Namespace) -> int:
    """Print what stays and what can go, the largest first, and remove the latter where that is asked for."""
    items = sorted(survey(config.paths, arguments.days), key=lambda item: (item.removable, -item.size, str(item.path)))
    gone = [item for item in items if item.removable and arguments.yes and remove(item)]
    if arguments.json:
        print_json([_facts(item, item in gone) for item in items])
        return 0
    if items:
        rows = [(_what(item, gone), size(item.size), str(item.path), item.reason) for item in items]
        print(plain_text(columns(("", "size", "place", "why"), rows)))
    removable = [item for item in items if item.removable]
    kept = sum(item.size for item in items if not item.removable)
    if arguments.yes:
        print(f"Removed {len(gone)}, {size(sum(item.size for item in gone))}; {size(kept)} stay.")
    else:
        print(f"{len(removable)} can go, {size(sum(item.size for item in removable))}; {size(kept)} stay.")
        if removable:
            print(f"Nothing was removed: {PROGRAM} gc --yes does it. What goes is made again where it is needed.")
    return 0


def _what(item: CacheItem, gone: list[CacheItem]) -> str:
    if item in gone:
        return "removed"
    return "can go" if item.removable else "stays"


def _facts(item: CacheItem, removed: bool) -> dict[str, object]:
    facts = {"path": str(item.path), "bytes": item.size, "reason": item.reason}
    return {**facts, "removable": item.removable, "removed": removed}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="remove what can go; without it nothing is touched")
    parser.add_argument(
        "--days", type=float, default=DAYS, metavar="N",
        help=f"what is unfinished or unused stays for so many days ({DAYS:g})",
    )  # fmt: skip
    json_flag(parser)


COMMAND = Command(
    name="gc",
    about="what the caches hold, and removing what no run uses",
    root=Root("gc", PlacesConfig),
    verbs={"": Verb("show what stays and what can go", collect_garbage, _arguments)},
    notes="Datasets, models, runs and replies that were paid for are never removed.",
)
