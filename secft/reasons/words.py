"""What an entry of a table of reasons is."""

from __future__ import annotations

Words = dict[str, tuple[str, str]]
"""Code -> words in English and Spanish, with ``{0}`` in both where the reason has a value."""
