"""All sources read one hostile folder, and the stages make a dataset of what they found."""

from __future__ import annotations

import json
import os
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secft.artifact import ArtifactStore
from secft.config.compose import read_config
from secft.config.roots import RunConfig
from secft.dataset import collect
from secft.errors import InputError
from secft.files import read_jsonl
from secft.pipelines import FINETUNE_STAGES
from secft.stage import run_stage
from tests.net.site import Site, serving

from . import hostile_folder

LONGEST = 300.0
"""Seconds that reading everything may take; what hangs takes for ever."""


@contextmanager
def dripping() -> Iterator[int]:
    """Serve pages that never end: a byte now and then."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(hostile_folder.drip())
            while not stop.wait(0.1):
                connection.sendall(b"x")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)


def largest_child() -> int:
    """Return the peak memory of the largest child process that has ended, KiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@dataclass
class Made:
    """What came of the folder."""

    collected: Path
    summary: dict[str, Any]
    stages: dict[str, Path]
    seconds: float
    largest_before: int
    largest_child: int

    def refused(self) -> set[tuple[str, str, str]]:
        rows = read_jsonl(self.collected / "refused.jsonl")
        return {(row["source"], row["record"].rpartition("/")[2], row["reason"]) for row in rows}

    def documents(self) -> list[dict[str, Any]]:
        return list(read_jsonl(self.collected / "documents.jsonl"))

    def texts(self) -> dict[str, str]:
        folders = [self.collected, *self.stages.values()]
        files = [path for folder in folders for path in sorted(folder.rglob("*.jsonl"))]
        return {str(path): path.read_text() for path in files}


def _config(folder: Path, cache: Path, seeds: list[str]) -> RunConfig:
    both = ("owasp", "osv", "sigma", "xccdf", "tool_logs", "pdf", "web", "agent_runs")
    return read_config([
        "model=tiny",
        f"source=[{','.join(both)}]",
        "synthesis=template",
        *(f"source.{name}.paths=[{folder}]" for name in both),
        f"source.web.seeds=[{','.join(seeds)}]",
        "source.web.allow_hosts=['127.0.0.1']",
        "source.web.allow_domains=['127.0.0.1','169.254.169.254']",
        "source.web.delay=0",
        "source.web.retries=0",
        "source.web.timeout=2",
        f"source.web.cache={cache}/web",
        "source.pdf.timeout=15",
        f"source.pdf.max_memory={256 << 20}",
        f"paths.cache={cache}",
        "trainer.max_length=1024",
    ])  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("hostile")
    folder = root / "given"
    hostile_folder.build(folder, root / "outside")
    with serving(Site()) as site, dripping() as port:
        for path, target in (("/meta", "http://169.254.169.254/latest/"), ("/file", "file:///etc/passwd")):
            site.pages[path] = (302, {"Location": target}, b"")
        site.pages["/good"] = hostile_folder.page(f"<p>{hostile_folder.PROSE}</p>", "Served")
        seeds = [site.url(path) for path in ("/good", "/meta", "/file")] + [f"http://127.0.0.1:{port}/slow"]
        config = _config(folder, root / "cache", seeds)
        before = largest_child()
        start = time.perf_counter()
        collect.refresh(config.source)
        summary = collect.collect(config.source, root / "collected")
        artifacts: dict[str, Any] = {}
        store = ArtifactStore(root / "cache" / "stages")
        for stage in FINETUNE_STAGES[:3]:
            artifacts[stage.name] = run_stage(stage, config, artifacts, store).artifact
        seconds = time.perf_counter() - start
    places = {name: artifact.path for name, artifact in artifacts.items()}
    return Made(root / "collected", summary, places, seconds, before, largest_child())


def test_time_and_memory_are_bounded(made: Made) -> None:
    assert made.seconds < LONGEST
    # The kernel tells the largest of all children that ever ended, earlier tests' too, and counts a child from its
    # fork on, when it still is as large as this process.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert made.largest_child <= max(1 << 20, made.largest_before, own), "KiB, of the largest worker"


def test_good_files_are_read(made: Made) -> None:
    ids = {document["id"] for document in made.documents()}
    assert {
        "agent_runs:given/good-run.jsonl#good",
        "GO-2030-0001",
        "owasp:given/good.md#1",
        "owasp:given/invalid.md#1",
        "owasp:given/line\\nbreak.md#1",
        "owasp:given/odd\\udcff.md#1",
        "pdf:given/good.pdf#1",
        "sigma:00000000-0000-4000-8000-000000000001",
        "web:given/good.html#1",
        "web:given/invalid.html#1",
        "web:given/hidden.html#1",
        "xccdf:BOX#telnet",
    } <= ids
    titles = {document["title"] for document in made.documents()}
    assert {"telnet", "ftp", "Served", "before", "after"} <= titles, "a line that is too long hides no other"


REASONS = {
    ("pdf", "encrypted.pdf", "pdf.encrypted"),
    ("pdf", "empty.pdf", "pdf.unreadable"),
    ("owasp", "escaped.md", "archive.unsafe_name"),
    ("owasp", "link.md", "archive.not_plain"),
    ("owasp", "bomb.md", "archive.too_large"),
    ("osv", "escaped.json", "archive.unsafe_name"),
    ("osv", "huge.jsonl:2", "record.long_line"),
    ("osv", "deep.json", "record.not_json"),
    ("osv", "deep-list.json", "record.not_json"),
    ("sigma", "aliases.yml", "record.not_yaml"),
    ("sigma", "deep.yml", "record.not_yaml"),
    ("sigma", "tag.yml", "record.not_yaml"),
    ("sigma", "invalid.yml", "sigma.not_rule"),
    ("tool_logs", "huge.jsonl", "record.long_line"),
    ("tool_logs", "nmap-bomb.xml", "tool_log.entities"),
    ("tool_logs", "nmap-outside.xml", "tool_log.entities"),
    ("tool_logs", "deep.json", "tool_log.broken"),
    ("tool_logs", "invalid.jsonl", "tool_log.unknown_format"),
    ("tool_logs", "out", "file.link_outside"),
    ("tool_logs", "passwd.jsonl", "file.link_outside"),
    ("tool_logs", "loop.md", "file.link_outside"),
    ("tool_logs", "zero.md", "file.link_outside"),
    ("xccdf", "bomb.xml", "file.broken"),
    ("xccdf", "outside.xml", "file.broken"),
    ("xccdf", "deep.xml", "file.broken"),
    ("xccdf", "passwd.xml", "file.link_outside"),
    ("web", "bomb.html.gz", "file.unreadable"),
    ("web", "deep.html", "web.no_main_text"),
    ("web", "out", "file.link_outside"),
    ("web", "passwd.html", "file.link_outside"),
    ("web", "meta", "fetch.private_address"),
    ("web", "file", "fetch.scheme"),
    ("web", "slow", "fetch.timeout"),
    ("agent_runs", "deep.jsonl#1", "record.not_json"),
    ("agent_runs", "huge.jsonl#2", "record.too_long 16,777,216"),
}


def test_what_is_out_to_harm_is_refused_with_a_reason(made: Made) -> None:
    refused = made.refused()
    assert refused >= REASONS, sorted(REASONS - refused)
    bomb = {reason for source, record, reason in refused if (source, record) == ("pdf", "bomb.pdf")}
    assert len(bomb) == 1
    assert bomb <= {"process.out_of_memory", "process.timed_out", "process.crashed"}
    for kind, source in {
        "pdf": "pdf",
        "html": "web",
        "md": "owasp",
        "json": "osv",
        "jsonl": "agent_runs",
        "yml": "sigma",
        "xml": "xccdf",
        "csv": "owasp",
        "zip": "osv",
        "tar.gz": "sigma",
    }.items():
        assert any(row[:2] == (source, f"empty.{kind}") for row in refused), kind
    assert not [record for _, record, _ in refused if record.startswith("pipe")], "a pipe is no file"


def test_counts_agree_with_the_rows(made: Made) -> None:
    rows = list(read_jsonl(made.collected / "refused.jsonl"))
    for name, facts in made.summary["sources"].items():
        reasons = Counter(row["reason"] for row in rows if row["source"] == name)
        assert facts["dropped"] == dict(reasons)
        assert facts["seen"] == facts["documents"] + sum(reasons.values())


def test_nothing_from_outside_secret_or_hidden_is_in_any_file(made: Made) -> None:
    user = Path("/etc/passwd").read_text().splitlines()[0]
    parts = [part for secret in hostile_folder.secrets().values() for part in secret.splitlines() if len(part) > 30]
    private = [*hostile_folder.secrets().values(), *parts, user, "root:x:0:0", "OUTSIDE", "OBEYHIDDEN"]
    for path, text in made.texts().items():
        readable = text.replace("\\n", "\n")
        for secret in private:
            assert secret not in readable, path
    assert not Path("/tmp/escaped.md").exists()
    assert not list(made.collected.parents[0].rglob("escaped*"))


def test_injections_are_tagged_and_not_learned(made: Made) -> None:
    tagged = {document["id"] for document in made.documents() if document["fields"].get("injection")}
    spoken = {one["id"] for one in made.documents() if "OBEYVISIBLE" in json.dumps(one) or "<|im_start" in one["text"]}
    assert tagged == spoken
    assert len(tagged) == 5
    assert {facts.get("tagged", {}).get("injection", 0) for facts in made.summary["sources"].values()} == {0, 1}
    examples = read_jsonl(made.stages["examples"] / "examples.jsonl")
    frozen = [row for path in (made.stages["dataset"] / "dataset").glob("*.jsonl") for row in read_jsonl(path)]
    assert any(row.get("messages") for row in frozen)
    for row in (*examples, *frozen):
        learned = [one["content"] for one in row.get("messages", ()) if one["role"] == "assistant"]
        for text in (*learned, str(row.get("assistant", ""))):
            assert "OBEY" not in text
            assert "<|im_start" not in text
    train = (made.stages["dataset"] / "dataset" / "train.jsonl").read_text()
    assert "OBEY" not in train
    assert "<|im_" not in train


def test_stages_and_collection_agree(made: Made) -> None:
    mine, theirs = ((folder / "documents.jsonl").read_text() for folder in (made.collected, made.stages["documents"]))
    assert Counter(json.loads(line)["id"] for line in mine.splitlines()) == Counter(
        json.loads(line)["id"] for line in theirs.splitlines()
    )


UNREADABLE = ["", "{", '{"a":' * 100_000, "[" * 100_000, "\udcff\udcfe", "<a/>", hostile_folder.BOMB]


@pytest.mark.parametrize("name", ["cwe", "attack", "capec", "kev", "oscal", "jsonl"])
@pytest.mark.parametrize("content", UNREADABLE, ids=range(len(UNREADABLE)))
def test_sources_of_one_file_refuse_what_they_cannot_read(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / "given"
    path.write_bytes(os.fsencode(content))
    config = read_config(["model=tiny", f"source=[{name}]", f"source.{name}.path={path}"]).source
    with pytest.raises(InputError, match=r"given|no document is left"):
        collect.collect(config, tmp_path / "out")
