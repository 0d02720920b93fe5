"""Read YAML that somebody else wrote: no tags, bounded depth, no aliases that unfold to something huge."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_DEPTH = 100
MAX_NODES = 200_000
"""Most values of a file, where a value that is referred to twice counts twice."""

_PREFIX = re.compile(r"^[ \t?:-]+", re.MULTILINE)
_OPENING = re.compile(r"[\[{]")


class BadYaml(ValueError):
    """The text is not YAML, or is deeper or larger than allowed; the message says which."""


def _may_be_deep(text: str) -> bool:
    """Say whether nesting could exceed the limit, from brackets and from the longest indentation.

    libyaml's composer is recursive without a limit: deep input would end the process instead of raising.
    """
    if len(_OPENING.findall(text)) > MAX_DEPTH // 2:
        return True
    return max((len(match[0]) for match in _PREFIX.finditer(text)), default=0) > MAX_DEPTH // 4


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise BadYaml(f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1


def _check_size(documents: list[Any]) -> None:
    """Count values as a tree, so that references to references cannot hide their size."""
    left: list[tuple[Any, int]] = [(document, 0) for document in documents]
    nodes = 0
    while left:
        value, depth = left.pop()
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise BadYaml(f"more than {MAX_NODES:,} values or {MAX_DEPTH} levels")
        if isinstance(value, dict):
            left += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, list):
            left += [(item, depth + 1) for item in value]


def load_yaml(text: str) -> list[Any]:
    """Return the documents of a YAML stream.

    Raises:
        BadYaml: not YAML, with tags of Python or others, or too deep or too large.
    """
    try:
        if _may_be_deep(text):
            _check_depth(text)
        documents = list(yaml.load_all(text, yaml.CSafeLoader))
    except BadYaml:
        raise
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise BadYaml(" ".join(str(error).split())[:200] or type(error).__name__) from None
    if "&" in text or len(text) > MAX_NODES:
        _check_size(documents)
    return documents
