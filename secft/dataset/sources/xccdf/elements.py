"""Take XCCDF benchmarks apart, alone or inside SCAP data streams, one rule at a time.

What was looked at is removed from the tree at once, so that files of any size need little memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.input_files import MAX_BYTES, opened
from secft.dataset.sources.reading.xml import XmlError, local_name, xml_events
from secft.dataset.sources.xccdf.prose import prose
from secft.errors import InputError

EXPECTED = "an XCCDF 1.1 or 1.2 benchmark, or a SCAP data stream with one"
MAX_DEPTH = 256
MAX_ELEMENTS = 200_000
"""Most elements of one rule or profile; profiles of real benchmarks have up to some thousands."""
_NAMESPACES = ("http://checklists.nist.gov/xccdf/1.1", "http://checklists.nist.gov/xccdf/1.2")


@dataclass
class Group:
    """A section of a benchmark."""

    id: str
    selected: bool
    title: str = ""


@dataclass(frozen=True)
class BenchmarkElement:
    """An element of a benchmark.

    Attributes:
        benchmark: number of the benchmark in its file, from 0.
        benchmark_id: its id.
        groups: sections around the element, outermost first.
        element: the element with everything in it; it is emptied when the next one is asked for.
    """

    benchmark: int
    benchmark_id: str
    groups: tuple[Group, ...]
    element: Any

    @property
    def name(self) -> str:
        """The element's name without its namespace."""
        return local_name(self.element.tag)


class _Bounded:
    """A stream that ends with an error where it becomes too long."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MAX_BYTES

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if size > 0 else 1 << 16)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(f"{self._path}: larger than {MAX_BYTES:,} bytes (after decompression); refused.")
        return data


@dataclass
class _Walk:
    """Where in a file we are.

    Attributes:
        wanted: names of the elements that are looked for.
        benchmark: number of the current or last benchmark; -1 before the first.
        benchmark_id: its id.
        inside: names of the open elements of the benchmark, outermost first.
        groups: open sections.
        held: elements that are open inside a wanted one, counting from it; 0 outside.
        size: elements in the wanted one so far.
    """

    wanted: Collection[str]
    benchmark: int = -1
    benchmark_id: str = ""
    inside: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    held: int = 0
    size: int = 0

    def start(self, element: Any) -> None:
        """Note an element that begins."""
        name = local_name(element.tag) if element.tag[1:].partition("}")[0] in _NAMESPACES else ""
        if self.held:
            self.held += 1
            self.size += 1
            if self.size > MAX_ELEMENTS:
                raise InputError(f"a {self.inside[-1]} has more than {MAX_ELEMENTS:,} elements")
            return
        if not self.inside and name != "Benchmark":
            return
        if not self.inside:
            self.benchmark += 1
            self.benchmark_id = element.get("id") or ""
        elif name == "Group":
            self.groups.append(Group(element.get("id") or "", element.get("selected") not in ("false", "0")))
        self.inside.append(name)
        if name in self.wanted and len(self.inside) > 1 and self.inside[-2] in ("Benchmark", "Group"):
            self.held, self.size = 1, 1

    def end(self, element: Any) -> BenchmarkElement | None:
        """Note an element that ends; return it if it is wanted."""
        if self.held > 1:
            self.held -= 1
            return None
        found = BenchmarkElement(self.benchmark, self.benchmark_id, tuple(self.groups), element) if self.held else None
        self.held = 0
        if self.inside:
            name = self.inside.pop()
            if name == "Group":
                self.groups.pop()
            elif name == "title" and self.inside[-1:] == ["Group"]:
                self.groups[-1].title = " ".join(prose(element, {}).split())
        return found


def elements(path: Path, wanted: Collection[str]) -> Iterator[BenchmarkElement]:
    """Yield the wanted elements that stand in a benchmark or a group, in the order of the file.

    Args:
        path: the file, plain or gzipped.
        wanted: names such as ``Rule``; ``title`` of groups is read in any case.

    Raises:
        InputError: the file cannot be read, is not XML, has a document type, or is too large.
    """
    walk = _Walk(wanted)
    parents: list[Element] = []
    try:
        with opened(path, EXPECTED) as stream:
            for event, element in xml_events(cast(BinaryIO, _Bounded(stream, path)), max_depth=MAX_DEPTH):
                if event == "start":
                    parents.append(element)
                    walk.start(element)
                    continue
                parents.pop()
                match = walk.end(element)
                if match is not None:
                    yield match
                if not walk.held:
                    element.clear()
                    if parents:
                        parents[-1].remove(element)
    except XmlError as error:
        raise InputError(f"{path}: {error}; expected {EXPECTED}.") from None
