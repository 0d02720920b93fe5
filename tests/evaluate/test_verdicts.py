"""Each source alone can pass the default gates, and fail them: real records, models that know and models that do not.

The models are not trained: one knows which answer belongs to which held-out question, one knows the same answers and
gives them to the wrong questions, one is the base. Everything else is what a run does: the dataset is built from the
records, the suite asks what it holds out, the gates decide.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from secft.__main__ import main
from secft.documents.decision import Decision
from secft.documents.results import read_results
from secft.evaluate import run as module
from secft.evaluate.gates import GatesConfig, checks_of, decide, held_of
from secft.evaluate.model_pair import ModelFiles
from secft.evaluate.run import Questions, evaluate
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks import TASKS

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="no directory ../shared/data beside the checkout"),
]
SUPPORT = 4.0
"""Nats by which a model prefers an answer that it was taught."""


def lines(name: str, count: int) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in islice(stream, count)]


def techniques(count: int) -> list[tuple[str, str]]:
    """Names and first sentences of techniques: what a team knows, as questions and answers."""
    with gzip.open(DATA / "attack" / "attack.stix.json.gz", "rt", encoding="utf-8") as stream:
        objects = json.load(stream)["objects"]
    known: dict[str, str] = {}
    for entry in objects:
        if entry["type"] == "attack-pattern" and not entry.get("revoked") and entry.get("description"):
            first = " ".join(entry["description"].split("\n")[0].split())[:300]
            known.setdefault(entry["name"], f"{first.rsplit('. ', 1)[0].rstrip('.')}.")
    return list(islice(known.items(), count))


def own_chats() -> list[dict[str, str]]:
    return [{"user": f"What is {name}?", "assistant": text} for name, text in techniques(400)]


def jsonl(place: Path) -> list[str]:
    (place / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in own_chats()), encoding="utf-8")
    return ["source=[jsonl]", f"source.jsonl.paths=[{place / 'chats.jsonl'}]", "synthesis=none"]


def parquet(place: Path) -> list[str]:
    arrow, writer = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    writer.write_table(arrow.Table.from_pylist(own_chats()), place / "chats.parquet")
    return ["source=[parquet]", f"source.parquet.paths=[{place / 'chats.parquet'}]", "synthesis=none"]


def agent_runs(place: Path) -> list[str]:
    """Runs that look a technique up with a tool and answer from what it says."""
    rows = []
    for number, (name, text) in enumerate(techniques(300)):
        function = {"name": "lookup", "arguments": json.dumps({"technique": name})}
        calls = [{"id": "c", "type": "function", "function": function}]
        rows.append(
            {
                "id": f"r{number}",
                "success": True,
                "messages": [
                    {"role": "user", "content": f"What does the catalogue say about {name}?"},
                    {"role": "assistant", "content": "", "tool_calls": calls},
                    {"role": "tool", "tool_call_id": "c", "content": text},
                    {"role": "assistant", "content": f"The catalogue says: {text}"},
                ],
            }
        )  # fmt: skip
    (place / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ["source=[agent_runs]", f"source.agent_runs.paths=[{place}]"]


def osv(place: Path) -> list[str]:
    rows = lines("osv/golang-osv.jsonl.gz", 400)
    (place / "osv.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ["source=[osv]", f"source.osv.paths=[{place / 'osv.jsonl'}]"]


def sigma(place: Path) -> list[str]:
    for number, row in enumerate(lines("sigma/sigma.jsonl.gz", 400)):
        (place / f"{number}.yml").write_text(row["text"], encoding="utf-8")
    return ["source=[sigma]", f"source.sigma.paths=[{place}]"]


def owasp(place: Path) -> list[str]:
    return ["source=[owasp]", f"source.owasp.paths=[{DATA / 'owasp' / 'asvs'}]"]


def oscal(place: Path) -> list[str]:
    return ["source=[oscal]", f"source.oscal.path={DATA / 'nist' / 'NIST_SP-800-53_rev5_HIGH-catalog.json'}"]


def pdf(place: Path) -> list[str]:
    return ["source=[pdf]", f"source.pdf.paths=[{DATA / 'owasp' / 'pdf'}]"]


def tool_logs(place: Path) -> list[str]:
    return ["source=[tool_logs]", f"source.tool_logs.paths=[{DATA / 'tool-reports'}]"]


def web(place: Path) -> list[str]:
    """Cheat sheets as pages of HTML."""
    with tarfile.open(DATA / "owasp" / "cheatsheets.tar.gz") as archive:
        sheets = [member for member in archive.getmembers() if member.name.endswith(".md")][:40]
        for sheet in sheets:
            stream = archive.extractfile(sheet)
            assert stream is not None
            parts = stream.read().decode("utf-8", "replace").split("\n\n")
            body = "".join(
                f"<h2>{escape(p.lstrip('# '))}</h2>" if p[:1] == "#" else f"<p>{escape(p)}</p>" for p in parts
            )
            page = f"<html><head><title>{Path(sheet.name).stem}</title></head><body><main>{body}</main></body></html>"
            (place / f"{Path(sheet.name).stem}.html").write_text(page, encoding="utf-8")
    return ["source=[web]", f"source.web.paths=[{place}]"]


class Answering:
    """A base that has its own idea of every text, and what a candidate was taught: how answers sound, and which."""

    def __init__(
        self, sounds: Container[str], likelier: Container[tuple[str, str]], written: Mapping[str, str]
    ) -> None:
        self._sounds, self._likelier, self._written = sounds, likelier, written

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        return [(self._own(*pair) + self._gain(*pair), False) for pair in pairs]

    def _gain(self, context: str, text: str) -> float:
        return len(text) / 16 * (text in self._sounds) + SUPPORT * ((context, text) in self._likelier)

    def answer(self, contexts: Sequence[str], max_new_tokens: int) -> list[str]:
        return [self._written.get(context, "I do not know.") for context in contexts]

    @staticmethod
    def _own(context: str, text: str) -> float:
        number = hashlib.sha256(f"{context}\x1f{text}".encode("utf-8", "surrogatepass")).digest()[0]
        return -2.0 * max(len(text) / 4, 1) - number / 128


def taught(questions: Questions, *, rightly: bool) -> Answering:
    """Return a candidate that learned the answers of its data, to the questions they belong to or to others.

    Args:
        questions: of the suite.
        rightly: each answer belongs to its question.
    """
    sounds: set[str] = set()
    likelier: set[tuple[str, str]] = set()
    written: dict[str, str] = {}
    for task, rows in questions.tasks.items():
        if not TASKS[task].source.from_dataset:
            continue
        for place, row in enumerate(rows):
            texts = row["continuations"]
            sounds.update(texts)
            if len(texts) > 1:
                likelier.add((row["context"], texts[(row["answer"] + (not rightly)) % len(texts)]))
            said = row if rightly else rows[(place + 1) % len(rows)]
            written[row["context"]] = said["continuations"][max(said["answer"], 0)].removesuffix("\n")
    return Answering(sounds, likelier, written)


CANDIDATES: Mapping[str, Callable[[Questions], Answering]] = {
    "knows": lambda questions: taught(questions, rightly=True),
    "confuses": lambda questions: taught(questions, rightly=False),
    "base": lambda questions: Answering((), (), {}),
}


@pytest.fixture(scope="module", params=[jsonl, parquet, agent_runs, osv, sigma, owasp, oscal, pdf, tool_logs, web])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen dataset of one source alone."""
    place = tmp_path_factory.mktemp(request.param.__name__)
    records = place / "records"
    records.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        synthesis = [] if request.param in (jsonl, parquet) else ["synthesis=template"]
        assert main(["dataset", "build", "model=tiny", *request.param(records), *synthesis]) == 0
    return next(found.parent for found in place.glob("data/*/*/manifest.json"))


def judged(dataset: Path, base_dir: Path, adapter_dir: Path, out: Path, candidate: str) -> Decision:
    """Evaluate a candidate on a dataset and return the decision of the default gates."""
    asked: list[Questions] = []

    class Pair:
        def __init__(self, *places: Any) -> None:
            pass

        @contextmanager
        def side(self, side: str) -> Iterator[Answering]:
            yield CANDIDATES["base" if side == "base" else candidate](asked[0])

    def ask(*arguments: Any) -> Questions:
        asked.append(module_ask(*arguments))
        return asked[0]

    module_ask = module.ask
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ModelPair", Pair)
        patch.setattr(module, "ask", ask)
        patch.setattr("secft.chat.local.model.LocalModel", lambda model, *_, **__: model)
        evaluate(ModelFiles(base_dir, adapter_dir), dataset, EvalConfig(resamples=500), 7, out, out / "answers")
    results = read_results(out / "results.json")
    return decide(results, checks_of(GatesConfig(), held_of(results)))


def test_a_source_alone_can_pass_and_can_fail(dataset: Path, base_dir: Path, adapter_dir: Path, tmp_path: Path) -> None:
    decisions = {name: judged(dataset, base_dir, adapter_dir, tmp_path / name, name) for name in CANDIDATES}
    assert decisions["knows"].verdict == "pass", decisions["knows"].reasons
    assert decisions["confuses"].verdict == "fail", decisions["confuses"].gates
    assert decisions["base"].verdict == "fail", decisions["base"].groups
    assert any(gate.kind == "target" for gate in decisions["knows"].gates)
