"""MITRE's Common Weakness Enumeration."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class CweSource(SourceConfig):
    """The CWE catalogue: an XML file of MITRE's schema, by default the one inside the package cwe2."""

    name: str = "cwe"
    path: str | None = setting(None, about="CWE XML, plain or gzipped; null means the one inside cwe2.", file=True)


def _reader() -> Reader:
    from secft.dataset.sources.cwe.reader import READER

    return READER


SOURCE = Source(
    CweSource,
    kinds=("weakness",),
    version=1,
    reader=_reader,
    home="https://cwe.mitre.org/",
    notice="CWE is a trademark of The MITRE Corporation; its text is reproduced under the CWE Terms of Use, "
    "https://cwe.mitre.org/about/termsofuse.html.",
)
