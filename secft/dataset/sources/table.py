"""The table of sources: what the modules of this package declare.

A new source is a module here with ``SOURCE`` and the YAML file of its option in ``conf/source``; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil

import secft.dataset.sources
from secft.config.schemas.source import SourceConfig
from secft.dataset.sources.source import Reader, Source
from secft.lookup import pick

_NO_SOURCES = ("reading", "source", "table")


def _declared() -> dict[str, Source]:
    names = sorted(module.name for module in pkgutil.iter_modules(secft.dataset.sources.__path__))
    modules = [importlib.import_module(f"secft.dataset.sources.{name}") for name in names if name not in _NO_SOURCES]
    sources = [source for module in modules for source in getattr(module, "SOURCES", None) or (module.SOURCE,)]
    return {source.name: source for source in sorted(sources, key=lambda source: source.name)}


SOURCES = _declared()
"""Name -> source, by name."""


def source_of(key: str, config: SourceConfig) -> Source:
    """Return the source that a configuration names.

    Raises:
        ConfigError: there is none of that name.
    """
    return pick(SOURCES, config.name, f"source.{key}.name")


def reader_of(key: str, config: SourceConfig) -> Reader:
    """Return how a configured source is read.

    Raises:
        ConfigError: no source has that name.
    """
    return source_of(key, config).reader()
