"""Rules of XCCDF benchmarks, such as the SCAP Security Guide or a DISA STIG; SCAP data streams are read too.

Fields of a document (kind ``control``): ``description``, ``rationale``, ``severity``, ``fix`` (what to do, in words),
``check`` (how to check, in words), ``fixes`` [{system, script, complexity, disruption, reboot, strategy}] (remediation
scripts: ``sh``, ``ansible``, ...), ``checks`` [{system, href, name}] (of OVAL, OCIL), ``warnings`` [{category, text}],
``references`` [{text, url}], ``controls`` (of NIST SP 800-53), ``ccis``, ``cces``, ``cves``, ``identifiers`` [{system,
id}], ``section`` (titles of the groups around the rule), ``profiles`` [{id, title}], ``platforms``, ``requires``,
``stig_id`` (a STIG's rule version), ``benchmark`` {id, title, version}, ``rule`` (its own id) and ``parent`` (the
innermost group, so that rules of a group stay together).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from secft.dataset.sources.reading.input_files import expand_paths, paths_problems, refused_links
from secft.dataset.sources.reading.json_values import clean
from secft.dataset.sources.reading.paths import named_files
from secft.dataset.sources.reading.xml import local_name
from secft.dataset.sources.source import Reader, ReadLog
from secft.dataset.sources.xccdf import XccdfSource
from secft.dataset.sources.xccdf.benchmark import Benchmark, is_true, read_benchmarks
from secft.dataset.sources.xccdf.elements import EXPECTED, BenchmarkElement, elements
from secft.dataset.sources.xccdf.prose import prose, script, short_id, stig_parts
from secft.errors import InputError, Problem
from secft.reasons import Reason
from secft.records import Document

SUFFIXES = (".xml", ".xml.gz")
_CONTROL = re.compile(r"[A-Z]{2}-\d{1,2}(?:\s?\(\w{1,3}\))*(?:\.\d+)?")
_PREFIXED = {"ccis": "CCI-", "cces": "CCE-", "cves": "CVE-"}


class _NoBenchmarkError(InputError):
    """A file that is sound, but holds no rules."""


class _Rule:
    """A rule's element, read."""

    def __init__(self, found: BenchmarkElement, benchmark: Benchmark) -> None:
        self.found, self.benchmark = found, benchmark
        self.children: dict[str, list[Any]] = {}
        for child in found.element:
            self.children.setdefault(local_name(child.tag), []).append(child)

    def words(self, name: str) -> str:
        """Return the first non-empty text of a kind of children."""
        said = (prose(child, self.benchmark.values) for child in self.children.get(name, ()))
        return next((text for text in said if text), "")

    def title(self) -> str:
        """Return the rule's title on one line."""
        return " ".join(self.words("title").split())

    def fixes(self) -> list[dict[str, str]]:
        """Return the remediation scripts."""
        return [
            {
                "system": (fix.get("system") or "").rpartition(":")[2],
                "script": text,
                **{key: fix.get(key) or "" for key in ("complexity", "disruption", "reboot", "strategy")},
            }
            for fix in self.children.get("fix", ())
            if (text := script(fix, self.benchmark.values)).strip()
        ]

    def checks(self) -> list[dict[str, str]]:
        """Return where the checks for tools stand."""
        return [
            {"system": check.get("system") or "", "href": ref.get("href") or "", "name": ref.get("name") or ""}
            for name in ("check", "complex-check")
            for outer in self.children.get(name, ())
            for check in outer.iter()
            if local_name(check.tag) == "check"
            for ref in check
            if local_name(ref.tag) == "check-content-ref"
        ]

    def check_words(self) -> str:
        """Return how to check by hand, where the rule itself says it."""
        said = (
            prose(content, self.benchmark.values)
            for check in self.children.get("check", ())
            for content in check
            if local_name(content.tag) == "check-content"
        )
        return "\n\n".join(text for text in said if text)

    def references(self) -> list[dict[str, str]]:
        """Return references, each once."""
        found = [
            {"text": " ".join(prose(item, self.benchmark.values).split()), "url": item.get("href") or ""}
            for item in self.children.get("reference", ())
        ]
        return [dict(pair) for pair in dict.fromkeys(tuple(item.items()) for item in found if item["text"])]

    def identifiers(self) -> list[dict[str, str]]:
        """Return identifiers in other catalogues."""
        return [
            {"system": item.get("system") or "", "id": text}
            for item in self.children.get("ident", ())
            if (text := (item.text or "").strip())
        ]

    def warnings(self) -> list[dict[str, str]]:
        """Return warnings with their categories."""
        return [
            {"category": item.get("category") or "", "text": text}
            for item in self.children.get("warning", ())
            if (text := prose(item, self.benchmark.values))
        ]

    def ids_of(self, name: str) -> list[str]:
        """Return the items that children of a kind point to, short."""
        return [short_id((item.get("idref") or "").lstrip("#")) for item in self.children.get(name, ())]


def _catalogue_ids(references: list[dict[str, str]], identifiers: list[dict[str, str]]) -> dict[str, list[str]]:
    said = [item["text"] for item in references] + [item["id"] for item in identifiers]
    named = {
        key: list(dict.fromkeys(text for text in said if text.startswith(start))) for key, start in _PREFIXED.items()
    }
    controls = [item["text"] for item in references if "800-53" in item["url"] and _CONTROL.match(item["text"])]
    return {"controls": list(dict.fromkeys(controls)), **named}


def _fields(rule: _Rule) -> dict[str, Any]:
    found, benchmark = rule.found, rule.benchmark
    stig = stig_parts(rule.words("description"))
    references, identifiers = rule.references(), rule.identifiers()
    selected = is_true(found.element.get("selected"), True)
    return {
        "description": stig.get("VulnDiscussion", "") if stig else rule.words("description"),
        "rationale": rule.words("rationale"),
        "severity": found.element.get("severity") or "unknown",
        "fix": rule.words("fixtext"),
        "check": rule.check_words(),
        "fixes": rule.fixes(),
        "checks": rule.checks(),
        "warnings": rule.warnings(),
        "references": references,
        **_catalogue_ids(references, identifiers),
        "identifiers": identifiers,
        "section": [group.title or short_id(group.id) for group in found.groups],
        "profiles": benchmark.profiles_of(found.element.get("id") or "", selected, found.groups),
        "platforms": rule.ids_of("platform"),
        "requires": rule.ids_of("requires"),
        "stig_id": rule.words("version"),
        "benchmark": {"id": short_id(benchmark.id), "title": benchmark.title, "version": benchmark.version},
        "rule": short_id(found.element.get("id") or ""),
        "parent": f"{short_id(benchmark.id)}#{short_id(found.groups[-1].id)}" if found.groups else "",
    }


def _text(fields: dict[str, Any]) -> str:
    parts = [fields["description"]]
    named = {"Rationale": "rationale", "Check": "check", "Fix": "fix"}
    parts += [f"{name}: {fields[key]}" for name, key in named.items() if fields[key]]
    parts += [f"Warning: {item['text']}" for item in fields["warnings"]]
    return "\n\n".join(part for part in parts if part)


def _of_file(config: XccdfSource, path: str, seen: dict[str, str], log: ReadLog) -> Iterator[Document]:
    """Yield the rules of one file, read twice: rules may use values that come after them.

    Raises:
        InputError: the file is no XCCDF benchmark.
    """
    benchmarks = read_benchmarks(Path(path))
    count = 0
    for found in elements(Path(path), ("Rule",)):
        count += 1
        rule = _Rule(found, benchmarks.get(found.benchmark) or Benchmark(found.benchmark_id))
        fields = _fields(rule)
        name = f"xccdf:{fields['benchmark']['id']}#{fields['rule']}"
        if not fields["rule"]:
            log.refuse(f"{clean(path)}#{count}", Reason("record.no_id"))
        elif not rule.title() or not fields["description"]:
            log.refuse(name, Reason("record.no_title") if not rule.title() else Reason("record.no_description"))
        elif name in seen:
            log.refuse(name, Reason("xccdf.repeated"), f"{clean(path)}; read in {seen[name]}")
        else:
            seen[name] = clean(path)
            yield Document(
                id=f"xccdf:{fields['benchmark']['id']}#{fields['rule']}",
                kind="control",
                title=rule.title(),
                text=_text(fields),
                fields=fields,
                source="xccdf",
                source_version=rule.benchmark.version or "unknown",
                license=config.license,
                url="",
                path=clean(path),
            )
    if not count:
        what = "a benchmark without rules" if benchmarks else "no benchmark"
        raise _NoBenchmarkError(f"{path}: holds {what}; expected {EXPECTED}.")


def _read(config: XccdfSource, log: ReadLog) -> Iterator[Document]:
    """Yield the rules of all files; of a rule that several files have, the first by name.

    Raises:
        InputError: a path does not exist, or no file holds a rule.
    """
    for link in refused_links(config.paths, SUFFIXES):
        log.refuse(clean(link), Reason("file.link_outside"))
    seen: dict[str, str] = {}
    failures: list[str] = []
    for path in expand_paths(config.paths, SUFFIXES):
        try:
            yield from _of_file(config, path, seen, log)
        except InputError as error:
            failures.append(str(error))
            reason = Reason("xccdf.not_benchmark") if isinstance(error, _NoBenchmarkError) else Reason("file.broken")
            log.refuse(clean(path), reason, clean(str(error)))
    if not seen:
        shown = "; ".join(failures[:3]) or "no file"
        raise InputError(f"source xccdf: no rule could be read ({shown}); expected {EXPECTED}.")


def _external_files(config: XccdfSource) -> dict[str, Path]:
    return named_files(config.paths, SUFFIXES)


def _problems(config: XccdfSource, key: str) -> list[Problem]:
    return paths_problems(config.paths, f"{key}.paths")


READER = Reader(
    read=_read,
    external_files=_external_files,
    problems=_problems,
)
