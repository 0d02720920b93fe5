"""Read YAML that somebody else wrote: no tags, bounded depth, no aliases that unfold to something huge."""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_DEPTH = 100
MAX_NODES = 200_000
"""Most values of a file, where a value that is referred to twice counts twice."""

MAX_DIGITS = 400
"""Most characters of a number: longer ones take long to read, and cannot be written again."""

_PREFIX = re.compile(r"^[ \t?:-]+", re.MULTILINE)
_OPENING = re.compile(r"[\[{]")
_LONG_WORD = re.compile(r"[^\s]{401}")
_BROKEN = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What the library raises for a text that is none, and its constructors for ``!!bool maybe`` or ``!!int ''``."""


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


class _Sizes:
    """Counts values as a tree before any is made, so that references, merge keys among them, cannot hide their number.

    ``<<: [*a, *a]`` makes the pairs of ``a`` twice: a merged mapping counts like one that is referred to.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self.values = 0

    def add(self, root: Any) -> None:
        """Count a document.

        Raises:
            BadYaml: too many values or levels, values inside themselves, or a number of very many digits.
        """
        values, depth = self._of(root)
        self.values += values
        if self.values > MAX_NODES or depth > MAX_DEPTH:
            raise BadYaml(f"more than {MAX_NODES:,} values or {MAX_DEPTH} levels")

    def _of(self, node: Any) -> tuple[int, int]:
        """Return how many values a node stands for, and how deeply they are nested."""
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) > MAX_DIGITS and node.tag.endswith((":int", ":float")):
                raise BadYaml(f"a number of {len(node.value):,} digits")
            return 1, 1
        key = id(node)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            raise BadYaml("a value inside itself")
        self._open.add(key)
        pairs = isinstance(node, yaml.MappingNode)
        inner = [self._of(one) for item in node.value for one in (item if pairs else (item,))]
        self._open.discard(key)
        found = 1 + sum(values for values, _ in inner), 1 + max((depth for _, depth in inner), default=0)
        return self._known.setdefault(key, found)


def _may_be_large(text: str) -> bool:
    """Say whether a text may stand for more than it shows: references, tags, very long words, or very much of it."""
    return "&" in text or "!" in text or len(text) > MAX_NODES or _LONG_WORD.search(text) is not None


def _documents(text: str) -> list[Any]:
    loader = yaml.CSafeLoader(text)
    sizes = _Sizes() if _may_be_large(text) else None
    try:
        documents = []
        while loader.check_node():
            root = loader.get_node()
            if sizes is not None:
                sizes.add(root)
            documents.append(loader.construct_document(root))
        return documents
    finally:
        loader.dispose()


def load_yaml(text: str) -> list[Any]:
    """Return the documents of a YAML stream.

    Raises:
        BadYaml: not YAML, with tags of Python or others, with values that are not what their tags say, or too deep or
            too large.
    """
    try:
        if _may_be_deep(text):
            _check_depth(text)
        return _documents(text)
    except BadYaml:
        raise
    except _BROKEN as error:
        raise BadYaml(" ".join(str(error).split())[:200] or type(error).__name__) from None
