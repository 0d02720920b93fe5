"""MITRE's CAPEC."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class CapecSource(SourceConfig):
    """CAPEC attack patterns with their mitigations: a STIX 2.1 bundle."""

    name: str = "capec"
    path: str = setting(about="CAPEC as a STIX 2.1 bundle, plain or gzipped.", file=True)


def _reader() -> Reader:
    from secft.dataset.sources.capec.reader import READER

    return READER


SOURCE = Source(
    CapecSource,
    kinds=("attack_pattern",),
    version=2,
    reader=_reader,
    home="https://capec.mitre.org/",
)
