"""OSCAL catalogues."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class OscalSource(SourceConfig):
    """Controls of an OSCAL catalogue, such as NIST SP 800-53."""

    name: str = "oscal"
    path: str = setting(about="OSCAL catalogue as JSON, plain or gzipped.", file=True)
    license: str = setting("public domain (NIST)", about="Licence of the controls, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.oscal.reader import READER

    return READER


SOURCE = Source(
    OscalSource,
    kinds=("control",),
    version=1,
    reader=_reader,
    home="https://pages.nist.gov/OSCAL/",
)
