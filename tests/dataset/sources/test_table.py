from __future__ import annotations

import subprocess
import sys

import pytest

from secft.config.options import options
from secft.config.schemas.source import SourceConfig
from secft.dataset.sources.table import SOURCES, reader_of, source_of
from secft.errors import ConfigError

KINDS = {
    "weakness", "technique", "attack_pattern", "vulnerability", "rule", "control", "guide", "finding", "trajectory",
    "record",
}  # fmt: skip


def test_every_source_has_an_option_and_every_option_a_source() -> None:
    assert sorted(SOURCES) == options("source")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_declarations_are_whole(name: str) -> None:
    source = SOURCES[name]
    assert issubclass(source.config, SourceConfig)
    assert source.name == name
    assert source.version >= 1
    assert set(source.kinds) <= KINDS
    assert source.home.startswith("https://") or not source.home
    reader = source.reader()
    assert (reader.parts is None) == (reader.read_part is None)
    assert reader_of("mine", source.config()) is reader


def test_an_unknown_name_is_refused_with_the_key() -> None:
    with pytest.raises(ConfigError, match=r"source\.mine\.name = 'cew': is unknown\. Did you mean 'cwe'"):
        source_of("mine", SourceConfig("cew"))


def test_declarations_load_no_reader() -> None:
    code = "import sys, secft.dataset.sources.table; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert "secft.dataset.sources.kev" in modules
    assert not [name for name in modules if name.startswith("secft") and name.endswith(".reader")]
    assert not modules & {"lxml", "defusedxml", "pyarrow", "numpy", "trafilatura", "pypdfium2", "requests"}
