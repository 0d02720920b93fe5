"""XCCDF benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class XccdfSource(SourceConfig):
    """Rules of XCCDF benchmarks, such as the SCAP Security Guide or a STIG; data streams are read too."""

    name: str = "xccdf"
    paths: list[str] = setting(about="XCCDF 1.1 or 1.2 or SCAP data stream files, folders or globs.")
    license: str = setting("unknown", about="Licence of the rules, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.xccdf.reader import READER

    return READER


SOURCE = Source(
    XccdfSource,
    kinds=("control",),
    version=1,
    reader=_reader,
    home="https://csrc.nist.gov/projects/security-content-automation-protocol",
)
