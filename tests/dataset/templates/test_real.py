"""The templates on the owners' own data: counts, ids, and answers that stand in their documents."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from secft.config.schemas.source import SourceConfig
from secft.config.schemas.synthesis import TemplateSynthesis
from secft.dataset import collect
from secft.dataset.clean import comparable, fault
from secft.dataset.sources.capec import CapecSource
from secft.dataset.sources.kev import KevSource
from secft.dataset.sources.oscal import OscalSource
from secft.dataset.sources.osv import OsvSource
from secft.dataset.sources.owasp import OwaspSource
from secft.dataset.sources.sigma import SigmaSource
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.synthesise import read_documents, synthesise
from secft.dataset.templates import WRITERS
from secft.dataset.text import sentences
from secft.files import canonical_json
from secft.records import Document, Example
from tests.samples import FULL, published

from ..conftest import read_examples

SOURCES: dict[str, tuple[SourceConfig, dict[str, int]]] = {
    "capec": (CapecSource(path=str(published("capec/capec.stix.json.gz"))), {"explain": 500, "weakness": 350}),
    "kev": (
        KevSource(path=str(published("kev/known_exploited_vulnerabilities.json"))),
        {"explain": 1400, "mitigate": 1400},
    ),
    "osv": (OsvSource(paths=[str(published("osv/rustsec.jsonl.gz"))]), {"explain": 1500, "severity": 300}),
    "sigma": (
        SigmaSource(paths=[str(published("sigma"))]),
        {"tactic": 3700, "write_rule": 2500, "false_positives": 1500},
    ),
    "oscal": (
        OscalSource(path=str(published("nist/NIST_SP-800-53_rev5_HIGH-catalog.json"))),
        {"explain": 350, "implement": 350, "check": 350, "multiple_choice": 300},
    ),
    "owasp": (
        OwaspSource(paths=[str(published("owasp/cheatsheets.tar.gz")), str(published("owasp/asvs"))]),
        {"explain": 340, "guidance": 1000},
    ),
    "tool_logs": (ToolLogsSource(paths=[str(published("tool-reports"))]), {"triage": 450, "severity": 700}),
}
"""Source -> its settings and the least number of examples of its tasks, of the full data."""

# Words that the templates add to those of a document.
_FRAMES = (
    "recommended measures", "to reduce the risk", "mitre recommends", "ways to detect it", "look for the following",
    "how to fix it", "determine whether", "logsource",
)  # fmt: skip
_QUOTED = ("mitigate", "implement", "check", "guidance", "triage", "false_positives", "write_rule", "explain")


@pytest.fixture(scope="module", params=list(SOURCES))
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Document], list[Example]]:
    name: str = request.param
    out = tmp_path_factory.mktemp(name)
    collect.collect({name: SOURCES[name][0]}, out)
    documents = read_documents(out / collect.DOCUMENTS)
    config = TemplateSynthesis()
    summary = synthesise(config, out / collect.DOCUMENTS, out, seed=7)
    examples = [row for row in read_examples(out / "examples.jsonl") if row.provenance.source == name]
    kinds = Counter(document.kind for document in documents.values())
    for task, tally in summary["documents"].items():
        if not task.endswith("(pool)"):
            assert tally.seen == tally.kept + sum(tally.dropped.values())
            assert tally.seen == sum(count for kind, count in kinds.items() if task in WRITERS.get(kind, {}))
    return name, documents, examples


def test_enough_examples_without_a_fault(made: tuple[str, dict[str, Document], list[Example]]) -> None:
    name, _, examples = made
    counts = Counter(example.task for example in examples)
    expected = {task: least if FULL.is_dir() else 1 for task, least in SOURCES[name][1].items()}
    assert {task: counts[task] for task, least in expected.items() if counts[task] < least} == {}
    assert [example.id for example in examples if fault(example)] == []
    assert len({example.id for example in examples}) == len(examples)
    limit = TemplateSynthesis().max_answer_characters
    assert [row.id for row in examples if len(row.messages[-1]["content"]) > limit + 40] == []


def test_answers_stand_in_their_documents(made: tuple[str, dict[str, Document], list[Example]]) -> None:
    _, documents, examples = made
    for example in (example for example in examples if example.task in _QUOTED):
        if example.provenance.fields == ("affected",):
            continue
        document = documents[example.provenance.document]
        strings = [value for value in document.fields.values() if isinstance(value, str)]
        said = comparable(f"{document.id} is titled {document.title} {document.text} {' '.join(strings)}")
        said += comparable(canonical_json(document.fields))
        said += comparable(re.sub(r"\s*\((?:see|cf\.?) [^()]*\)", "", document.text, flags=re.IGNORECASE))
        for line in example.messages[-1]["content"].splitlines():
            for sentence in sentences(line.removeprefix("- ")):
                plain = comparable(sentence)
                for frame in _FRAMES:
                    plain = plain.removeprefix(frame).strip()
                assert plain in said or document.id in sentence, (example.id, sentence)


def test_provenance_names_fields_that_exist(made: tuple[str, dict[str, Document], list[Example]]) -> None:
    _, documents, examples = made
    for example in examples:
        document = documents[example.provenance.document]
        for field in example.provenance.fields:
            assert field in ("id", "title", "text") or field in document.fields, (example.id, field)
