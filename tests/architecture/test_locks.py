"""What an installation is made of is pinned: each package by version, and each file of it by digest."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-nodeps.lock")


def pins(name: str) -> dict[str, tuple[str, list[str]]]:
    """Return package -> version and digests of a lock."""
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    found = {}
    for entry in re.split(r"(?<!\\)\n(?=\S)", "\n".join(lines)):
        requirement, *digests = [part.strip(" \\") for part in entry.splitlines()]
        package, _, version = requirement.partition("==")
        found[canonicalize_name(package)] = (version, digests)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_a_version_and_digests(name: str) -> None:
    assert pins(name)
    for package, (version, digests) in pins(name).items():
        assert re.fullmatch(r"\d[\w.!+]*", version), package
        assert digests, package
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", digest) for digest in digests), package


def test_only_torch_is_left_to_the_users_index() -> None:
    assert {name: digests for name, (_, digests) in pins("requirements-torch.lock").items()} == {"torch": []}
    assert not set(pins(LOCKS[0])) & set(pins(LOCKS[1]))
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "LOCKED := --no-deps --require-hashes" in recipe
    assert all(f"$(PIP) $(LOCKED) -r {name}" in recipe for name in LOCKS)


def test_everything_that_secft_asks_for_is_in_the_locks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chosen = re.search(r"pip install --quiet '\.\[([\w,-]+)\]'", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert chosen
    extras = {name: project["optional-dependencies"][name] for name in chosen[1].split(",")}
    asked = [Requirement(text) for text in [*project["dependencies"], *(t for one in extras.values() for t in one)]]
    locked = {
        name: version for lock in (*LOCKS, "requirements-torch.lock") for name, (version, _) in pins(lock).items()
    }
    here = [one for one in asked if one.name != "secft" and (one.marker is None or one.marker.evaluate({"extra": ""}))]
    missing = [one.name for one in here if canonicalize_name(one.name) not in locked]
    assert missing == []
    assert [one.name for one in here if not one.specifier.contains(locked[canonicalize_name(one.name)], True)] == []
