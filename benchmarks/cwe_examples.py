"""Question/answer pairs from the CWE XML in the package cwe2: the shared input of the benchmarks."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

NAMESPACE = {"c": "http://cwe.mitre.org/cwe-7"}


def cwe_xml() -> Path:
    """Find the XML inside cwe2 without importing the package."""
    spec = importlib.util.find_spec("cwe2")
    if spec is None or spec.origin is None:
        raise SystemExit("this benchmark needs the CWE data: pip install cwe2")
    return sorted(Path(spec.origin).parent.rglob("cwec_v*.xml"))[-1]


def _text(node: ElementTree.Element | None) -> str:
    return " ".join("".join(node.itertext()).split()) if node is not None else ""


def cwe_examples(count: int) -> list[dict[str, Any]]:
    """Return chat examples with answers of a few paragraphs: what a weakness is, what it does, what to do about it.

    Args:
        count: how many, at most; in the order of the XML.

    Returns:
        Rows with ``id`` and ``messages``.
    """
    rows: list[dict[str, Any]] = []
    for weakness in ElementTree.parse(cwe_xml()).getroot().iterfind(".//c:Weakness", NAMESPACE):  # noqa: S314  # of an installed package
        name, number = weakness.attrib["Name"], weakness.attrib["ID"]
        paragraphs = [
            f"CWE-{number} is {name}. {_text(weakness.find('c:Description', NAMESPACE))}",
            _text(weakness.find("c:Extended_Description", NAMESPACE)),
            *(_text(note) for note in weakness.iterfind(".//c:Consequence/c:Note", NAMESPACE)),
            *(_text(m.find("c:Description", NAMESPACE)) for m in weakness.iterfind(".//c:Mitigation", NAMESPACE)),
        ]
        question = f"Explain the weakness CWE-{number} ({name}), what it leads to, and how to mitigate it."
        answer = "\n".join(paragraph for paragraph in paragraphs if paragraph)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        rows.append({"id": f"cwe-{number}", "messages": messages})
        if len(rows) == count:
            break
    return rows
