"""Sources of knowledge: the table of readers, and the collection of their documents into one file."""

from secft.dataset.sources.collect import DOCUMENTS, REFUSED, collect, read_documents
from secft.dataset.sources.table import READERS, VERSION, external_files, natural, problems, refresh

__all__ = [
    "DOCUMENTS",
    "READERS",
    "REFUSED",
    "VERSION",
    "collect",
    "external_files",
    "natural",
    "problems",
    "read_documents",
    "refresh",
]
