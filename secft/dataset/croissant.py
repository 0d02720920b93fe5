"""Croissant 1.0 metadata of a dataset: what its files are, and what a record of each split consists of.

The same dataset gives the same bytes: there is no date in it, and the version is made of the content digest.

Source: MLCommons, Croissant Format Specification 1.0, http://mlcommons.org/croissant/1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secft.dataset.rows import PROVENANCE, RowLayout
from secft.dataset.split import SPLITS

CROISSANT = "croissant.json"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_FORMATS = {
    ".jsonl": "application/jsonlines",
    ".parquet": "application/x-parquet",
    ".md": "text/markdown",
}
_DATA_TYPES = {"int64": "sc:Integer"}
_LICENSE_PAGES = {
    "apache-2.0": "https://spdx.org/licenses/Apache-2.0.html",
    "mit": "https://spdx.org/licenses/MIT.html",
    "cc0-1.0": "https://spdx.org/licenses/CC0-1.0.html",
    "cc-by-4.0": "https://spdx.org/licenses/CC-BY-4.0.html",
    "cc-by-sa-4.0": "https://spdx.org/licenses/CC-BY-SA-4.0.html",
    "bsd-3-clause": "https://spdx.org/licenses/BSD-3-Clause.html",
}
_ABOUT = {
    "id": "unique and stable name of the example",
    "task": "kind of example",
    "entity": "what the example is about; all examples of an entity are in one split",
    "family": "parent of the entity, or the entity itself",
    "system": "system message of the conversation",
    "user": "last message of the user",
    "assistant": "last message of the assistant, the one to learn",
    "messages": "the whole conversation",
    "choices": "candidate answers of a choice, else empty",
    "answer": "index of the right choice, or -1",
    "rejected": "worse answer of a preference pair, or an empty string",
    "source": "name of the source",
    "provenance": "where the answer comes from",
    "tools": "tools that are offered, as a list of JSON schemas in JSON",
    "rejected_calls": "calls of tools in the worse answer, as a list in JSON",
    "label": "whether the answer is a good one, as JSON: true, false, or null where nobody said so",
}


def croissant(manifest: Mapping[str, Any], files: Mapping[str, str], layout: RowLayout) -> dict[str, Any]:
    """Return the JSON-LD document.

    Args:
        manifest: the manifest, apart from the digests of files.
        files: file name -> SHA-256.
        layout: which optional parts the rows have.
    """
    licenses = [_LICENSE_PAGES.get(name.lower(), name) for name in manifest["licenses"]]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"{manifest['provider']}-{manifest['name']}",
        "description": "Conversations for fine-tuning a security assistant, from "
        f"{', '.join(sorted(manifest['sources'])) or 'records of its own'}. Each record says which document and which "
        "of its fields its answer comes from.",
        "license": licenses[0] if len(licenses) == 1 else licenses,
        "url": f"urn:sha256:{manifest['digest']}",
        "version": f"1.0.0+{manifest['digest'][:12]}",
        **({"inLanguage": list(manifest["language"])} if manifest["language"] else {}),
        "keywords": ["cybersecurity", *sorted(manifest["sources"]), "secft"],
        "isLiveDataset": False,
        "distribution": [_file(name, digest) for name, digest in sorted(files.items())],
        "recordSet": [_record_set(split, manifest["splits"][split]["examples"], layout) for split in SPLITS],
    }


def _file(name: str, digest: str) -> dict[str, Any]:
    ending = name[name.rindex(".") :]
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "encodingFormat": _FORMATS.get(ending, "application/octet-stream"),
        "sha256": digest,
    }


def _record_set(split: str, count: int, layout: RowLayout) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The {count} examples of the split {split}.",
        "key": {"@id": f"{split}/id"},
        "field": [_field(split, column, kind, layout) for column, kind in layout.types.items()],
    }


def _field(split: str, column: str, kind: str, layout: RowLayout) -> dict[str, Any]:
    name = f"{split}/{column}"
    field = {"@type": "cr:Field", "@id": name, "name": column, "description": _ABOUT[column]}
    if kind == "messages":
        parts = [_part(split, column, part, kind=kind) for part, kind in layout.message]
        return {**field, "repeated": True, "subField": parts}
    if kind == "provenance":
        parts = [_part(split, column, part, repeated=part == "fields") for part in PROVENANCE]
        return {**field, "subField": parts}
    typed = {**field, "dataType": _DATA_TYPES.get(kind, "sc:Text"), "source": _source(split, column)}
    return {**typed, "repeated": True} if kind == "strings" else typed


def _part(split: str, column: str, part: str, *, kind: str = "string", repeated: bool = False) -> dict[str, Any]:
    found = {
        "@type": "cr:Field",
        "@id": f"{split}/{column}/{part}",
        "name": part,
        "dataType": _DATA_TYPES.get(kind, "sc:Text"),
        "source": {**_source(split, column), "transform": {"jsonPath": part}},
    }
    return {**found, "repeated": True} if repeated else found


def _source(split: str, column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": f"{split}.parquet"}, "extract": {"column": column}}
