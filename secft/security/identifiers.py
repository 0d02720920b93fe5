"""Identifiers of public security catalogues: their forms, each once, and the ways in which texts name them.

There are five ways to meet an identifier, and a function for each: a value that is an identifier (``is_id``), prose
that names some (``named``, ``named_by_kind``), an answer in which each could be another one (``IN_ANSWERS``), text of a
model, which spells loosely (``loosely_named``), and fields of tools, which have notations of their own (``cwes_in``,
``cves_in``, ``tagged``).

Source of the forms: CVE Numbering Authority rules, section 4.3 (at least four digits, no upper bound; 19 in the
schema of CVE JSON 5), CWE and CAPEC schemas, ATT&CK design and philosophy (2020), appendix of identifiers, GitHub
advisory database (GHSA-xxxx-xxxx-xxxx).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMS = {
    "cve": r"CVE-[0-9]{4}-[0-9]{4,19}",
    "cwe": r"CWE-[1-9][0-9]{0,6}",
    "capec": r"CAPEC-[1-9][0-9]{0,6}",
    "ghsa": r"GHSA(?:-[0-9a-z]{4}){3}",
    "go": r"GO-[0-9]{4}-[0-9]{1,7}",
    "rustsec": r"RUSTSEC-[0-9]{4}-[0-9]{1,7}",
    "pysec": r"PYSEC-[0-9]{4}-[0-9]{1,7}",
    "technique": r"T[0-9]{4}(?:\.[0-9]{3})?",
    "tactic": r"TA[0-9]{4}",
    "mitigation": r"M[0-9]{4}",
    "software": r"S[0-9]{4}",
    "group": r"G[0-9]{4}",
    "campaign": r"C[0-9]{4}",
    "detection": r"DET[0-9]{4}",
    "data_source": r"DS[0-9]{4}",
    "data_component": r"DC[0-9]{4}",
}
"""Kind -> the form of its identifiers, in capitals as their owners write them."""

VULNERABILITIES = ("cve", "ghsa", "rustsec", "pysec", "go")
_IN_PROSE = (
    *("cve", "cwe", "capec", "ghsa", "go", "rustsec", "pysec", "technique", "tactic"),
    *("data_source", "data_component", "mitigation", "software"),
)
"""Groups and campaigns are left out: G2000 and C2000 are names of many things."""
_SHORT = ("technique", "tactic", "mitigation", "software", "group", "campaign", "detection", "data_source",
          "data_component")  # fmt: skip
"""Kinds of a letter or two and a number: part of a longer name (``file.T1059``, ``T1059-x``) they are none."""


def either(*kinds: str) -> str:
    """Return the pattern, without flags and groups that capture, of an identifier of any of the kinds."""
    return "|".join(FORMS[kind] for kind in kinds)


def _search_form(kind: str) -> str:
    # The look-behind comes after the first letter: a search that may begin anywhere is five times slower.
    first, rest = FORMS[kind][0], FORMS[kind][1:]
    if kind in _SHORT:
        return rf"{first}(?<![\w.-]{first}){rest}(?![\w-])"
    return rf"{first}(?<!\w{first}){rest}\b"


_WHOLE = {kind: re.compile(form) for kind, form in FORMS.items()}
_ANY_CASE = re.compile("|".join(FORMS.values()), re.IGNORECASE)
_PROSE = re.compile("|".join(map(_search_form, _IN_PROSE)))
_CITED = {
    "cves": re.compile(rf"\b{FORMS['cve']}\b"),
    "cwes": re.compile(rf"\b{FORMS['cwe']}\b"),
    "capecs": re.compile(rf"\b{FORMS['capec']}\b"),
    # T1 to T0999 are tags of other things in guides; the techniques of ATT&CK for enterprises begin at T1001.
    "techniques": re.compile(r"(?<![\w.-])T1[0-9]{3}(?:\.[0-9]{3})?(?![\w-]|\.[0-9])"),
}
IN_ANSWERS = re.compile(
    rf"\b(?:{either('cwe', 'capec', 'cve', 'tactic', 'technique', 'mitigation', 'software', 'group')})\b"
)
"""Facts of an answer: whatever an answer of the catalogues' templates is right or wrong by."""

# What a model writes: any case, any number of digits, so that an invented identifier is recognised as one.
_LOOSE = re.compile(
    r"(?<![\w-])(?:CVE-\d{4}-\d{3,}|CWE-\d+|CAPEC-\d+|T[AS]?\d{4}(?:\.\d{3})?|[MGSC]\d{4}|DET\d{4}|DS\d{4})(?![\w-])",
    re.IGNORECASE,
)
_SPACED = re.compile(r"\b(CVE|CWE|CAPEC)[\s_:#]+(?:ID\s*:?\s*)?(\d)", re.IGNORECASE)
_CWE_OF_A_TOOL = re.compile(r"(?i)\bcwe[-_ /:]{0,2}0*([1-9][0-9]{0,4})\b|definitions/([1-9][0-9]{0,4})\.html")
_CVE_OF_A_TOOL = re.compile(r"(?i)\bcve[-_]([0-9]{4})-([0-9]{4,19})\b")
_CVE_TAG = re.compile(r"cve\.(?:cve-)?([0-9]{4})[-.]([0-9]{4,19})")
_LEADING_CWE = re.compile(rf"{FORMS['cwe']}\b")


def is_id(value: str, *kinds: str) -> bool:
    """Return whether a value as a whole is an identifier of one of the kinds, written as its owner writes it."""
    return any(_WHOLE[kind].fullmatch(value) for kind in kinds)


def is_any_id(value: str) -> bool:
    """Return whether a value as a whole is an identifier of any kind, in capitals or not."""
    return _ANY_CASE.fullmatch(value) is not None


def only(kind: str, values: Iterable[str]) -> list[str]:
    """Return those of some values that are identifiers of a kind, each once, in order."""
    return list(dict.fromkeys(value for value in values if is_id(value, kind)))


def named(text: str) -> frozenset[str]:
    """Return the identifiers of vulnerabilities, weaknesses, attack patterns and ATT&CK that prose names."""
    return frozenset(_PROSE.findall(text))


def named_by_kind(text: str) -> dict[str, list[str]]:
    """Return ``cves``, ``cwes``, ``capecs`` and ``techniques`` -> the ids in a text, each once, in order."""
    return {kind: list(dict.fromkeys(pattern.findall(text))) for kind, pattern in _CITED.items()}


def loosely_named(text: str) -> set[str]:
    """Return the CVE, CWE, CAPEC and ATT&CK identifiers that a text names, in upper case.

    ``CWE 79`` and ``cwe_79`` are read as ``CWE-79``, so that a loose spelling hides nothing.
    """
    return {match.group().upper() for match in _LOOSE.finditer(_SPACED.sub(r"\1-\2", text))}


def leading_cwes(texts: Iterable[str]) -> list[str]:
    """Return the CWE ids with which texts begin, such as ``CWE-79: ...``; NVD-CWE-noinfo and NVD-CWE-Other are none."""
    matches = (_LEADING_CWE.match(text.strip()) for text in texts)
    return list(dict.fromkeys(match.group() for match in matches if match))


def cwes_in(values: Iterable[object]) -> tuple[str, ...]:
    """Return the CWE ids that fields of a tool name, in numeric order; a bare number stands for its id."""
    numbers: set[int] = set()
    for value in values:
        text = str(value) if value is not None else ""
        if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 100_000:
            numbers.add(int(text[:6]))
        numbers |= {int(match.group(1) or match.group(2)) for match in _CWE_OF_A_TOOL.finditer(text)}
    return tuple(f"CWE-{number}" for number in sorted(numbers))


def cves_in(values: Iterable[object]) -> tuple[str, ...]:
    """Return the CVE ids that fields of a tool name, in order."""
    pairs = {(int(year), int(number)) for value in values for year, number in _CVE_OF_A_TOOL.findall(str(value or ""))}
    return tuple(f"CVE-{year}-{number:04d}" for year, number in sorted(pairs))


def numbered_cwes(value: object) -> tuple[str, ...]:
    """Return the CWE ids of a field that holds nothing but their numbers, as the tables of ASVS do."""
    return tuple(dict.fromkeys(f"CWE-{number}" for number in re.findall(r"[1-9][0-9]{0,6}", str(value or ""))))


def attack_tags(tags: Iterable[str], kind: str) -> list[str]:
    """Return the ids of an ATT&CK kind in the tags of a detection rule, such as ``attack.t1059.001``."""
    return only(kind, (tag[len("attack.") :].upper() for tag in tags if tag.lower().startswith("attack.")))


def cve_tags(tags: Iterable[str]) -> list[str]:
    """Return the CVE ids in tags of detection rules: ``cve.2021-44228``, or, in older ones, ``cve.2021.44228``."""
    matches = (_CVE_TAG.fullmatch(tag.lower()) for tag in tags)
    return list(dict.fromkeys(f"CVE-{match[1]}-{match[2]}" for match in matches if match))


def is_vulnerability(identifier: str) -> bool:
    """Return whether an identifier, by how it begins, is one of a vulnerability and not of a class of them."""
    return identifier.startswith(tuple(f"{kind.upper()}-" for kind in VULNERABILITIES))
