"""The backends of training, a folder each: the table is this folder.

A folder has a ``BACKEND``; its class is imported when it is looked up.
"""

from __future__ import annotations

import importlib
import pkgutil

from secft.train.backends.record import BackendRecord

FIRST = "trl"


def _found() -> list[BackendRecord]:
    names = (module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    ordered = sorted(names, key=lambda name: (name != FIRST, name))
    return [importlib.import_module(f"{__name__}.{name}").BACKEND for name in ordered]


BACKENDS: dict[str, BackendRecord] = {record.name: record for record in _found()}
"""Value of ``backend=`` -> record; the one that is used without a choice first, then by name."""
SEPARATE = tuple(name for name, record in BACKENDS.items() if record.separate)
"""Backends that live in an environment of their own."""
