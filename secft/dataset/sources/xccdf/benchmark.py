"""What the rules of an XCCDF benchmark refer to: its title and version, its values, and its profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.xml import local_name
from secft.dataset.sources.xccdf.elements import BenchmarkElement, Group, elements
from secft.dataset.sources.xccdf.prose import prose, short_id

_MAX_EXTENSIONS = 16


@dataclass
class Profile:
    """A selection of rules.

    Attributes:
        id: its id.
        title: its name.
        extends: id of the profile that it starts from, or an empty string.
        selects: id of a rule or group -> whether it belongs to the profile.
    """

    id: str
    title: str
    extends: str
    selects: dict[str, bool]


@dataclass
class Benchmark:
    """A benchmark without its rules.

    Attributes:
        id: its id.
        title: its name.
        version: its version, or an empty string.
        values: id of a value or plain text -> what stands in place of it.
        profiles: by id, in the order of the file.
    """

    id: str
    title: str = ""
    version: str = ""
    values: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)

    def add(self, found: BenchmarkElement) -> None:
        """Take in an element of the benchmark."""
        identifier = found.element.get("id") or ""
        if found.name == "Value":
            self.values[identifier] = _default(found.element)
        elif found.name == "Profile":
            self.profiles[identifier] = _profile(found.element)
        elif found.name == "plain-text":
            self.values[identifier] = (found.element.text or "").strip()
        elif not found.groups:
            said = " ".join(prose(found.element, {}).split())
            if found.name == "title":
                self.title = self.title or said
            else:
                self.version = self.version or said

    def profiles_of(self, rule: str, selected: bool, groups: tuple[Group, ...]) -> list[dict[str, str]]:
        """Return id and title of the profiles that a rule belongs to: it, and every group around it, are selected.

        Source: XCCDF 1.2 (NIST IR 7275), section 6.6.4, selection of items by a profile.
        """
        items = [(rule, selected), *((group.id, group.selected) for group in groups)]
        chosen = []
        for profile in self.profiles.values():
            chain = self._chain(profile)
            if all(self._selected(chain, identifier, default) for identifier, default in items):
                chosen.append({"id": short_id(profile.id), "title": profile.title})
        return chosen

    def _chain(self, profile: Profile) -> list[Profile]:
        chain = [profile]
        while chain[-1].extends in self.profiles and len(chain) < _MAX_EXTENSIONS:
            chain.append(self.profiles[chain[-1].extends])
        return chain

    @staticmethod
    def _selected(chain: list[Profile], identifier: str, default: bool) -> bool:
        return next((item.selects[identifier] for item in chain if identifier in item.selects), default)


def is_true(text: str | None, default: bool) -> bool:
    """Return an XML boolean."""
    return default if text is None else text.strip() in ("true", "1")


def _default(value: Any) -> str:
    """Return a value's default: the one without a selector, else the first."""
    said = [child for child in value if local_name(child.tag) == "value"]
    plain = [child for child in said if not child.get("selector")] or said
    return (plain[0].text or "").strip() if plain else ""


def _profile(element: Any) -> Profile:
    children = list(element)
    titles = [" ".join(prose(child, {}).split()) for child in children if local_name(child.tag) == "title"]
    return Profile(
        id=element.get("id") or "",
        title=titles[0] if titles else "",
        extends=element.get("extends") or "",
        selects={
            child.get("idref") or "": is_true(child.get("selected"), False)
            for child in children
            if local_name(child.tag) == "select"
        },
    )


def read_benchmarks(path: Path) -> dict[int, Benchmark]:
    """Return the benchmarks of a file by their number.

    Raises:
        InputError: see elements.
    """
    benchmarks: dict[int, Benchmark] = {}
    for found in elements(path, ("title", "version", "plain-text", "Value", "Profile")):
        benchmarks.setdefault(found.benchmark, Benchmark(found.benchmark_id)).add(found)
    return benchmarks
