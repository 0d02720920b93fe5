"""OWASP's texts in Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class OwaspSource(SourceConfig):
    """OWASP in Markdown: cheat sheets, testing guide (WSTG), ASVS; a git checkout, folders, files or tar archives."""

    name: str = "owasp"
    paths: list[str] = setting(about="Markdown files, folders of them, tar archives, or ASVS as JSON or CSV.")
    exclude: list[str] = setting(["*XSS_Filter_Evasion*"], about="Files that are left out, by name: patterns with *.")
    chunk_tokens: int = setting(384, about="Longest section in tokens of the model; longer ones are divided.", low=32)
    license: str = setting("CC-BY-SA-4.0", about="Licence of the texts, for the dataset card.")


def _reader() -> Reader:
    from secft.dataset.sources.owasp.reader import READER

    return READER


SOURCE = Source(
    OwaspSource,
    kinds=("guide", "control"),
    version=1,
    reader=_reader,
    home="https://owasp.org/",
)
