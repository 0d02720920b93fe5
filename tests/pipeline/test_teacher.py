"""Examples that a model writes, through the stages of a run: real models, real servers, faults, a kill, two engines."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from secft.chat.llama_cpp import LlamaCppClient
from secft.chat.llama_process import LlamaProcess
from secft.config.schemas.llm import LlamaCppLlm
from tests.chat.servers import Answer, Seen, chat, fault, gemini, serving

ROOT = Path(__file__).resolve().parents[2]
KEY = "SECFT_TEST_KEY"
SMALL = (
    "model=tiny",
    "synthesis=hybrid",
    "synthesis.tasks=[explain]",
    "source.cwe.limit=120",
    "source.attack.limit=60",
    "paths.cache=cache",
)
STAGES = (
    "import sys; from secft.config.compose import read_config; from secft.log import RunLog\n"
    "from secft.pipelines import FINETUNE_STAGES; from secft.stage import run_stages; from pathlib import Path\n"
    "from secft.artifact import ArtifactStore; from secft.errors import SecftError\n"
    "if __name__ == '__main__':\n"
    "    try:\n"
    "        config = read_config(sys.argv[2:]); store = ArtifactStore(Path(config.paths.cache) / 'stages')\n"
    "        done = run_stages(FINETUNE_STAGES[: int(sys.argv[1])], config, store, RunLog())\n"
    "    except SecftError as error:\n"
    "        sys.exit(f'{type(error).__name__}: {error}')\n"
    "    print(*(artifact.path for artifact in done.values()), sep='\\n')\n"
    "    print(*(artifact.digest for artifact in done.values()))\n"
)


def start(cwd: Path, *overrides: str, stages: int = 2) -> subprocess.Popen[str]:
    (cwd / "stages.py").write_text(STAGES, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), KEY: "k-4711"}
    command = [sys.executable, "stages.py", str(stages), *SMALL, *overrides]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[list[Path], list[str]]:
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    lines = out.split("\n")
    return [Path(process.args[1]).parent / line for line in lines[:-2]], lines[-2].split()  # type: ignore[index]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def examples_of(cwd: Path, *overrides: str) -> tuple[list[dict], list[dict], dict]:
    """Run documents and examples; return what a model wrote, what was rejected, and the summary."""
    places, _ = finish(start(cwd, *overrides))
    place = cwd / places[1]
    written = [row for row in rows(place / "examples.jsonl") if row["provenance"]["teacher"]]
    return written, rows(place / "rejected.jsonl"), json.loads((place / "manifest.json").read_text())["summary"]


def question_about(request: str) -> str:
    """Ask what a careful teacher would: about the subject that stands in the request."""
    subject = re.search(r"Topic: (.*)", request)
    assert subject is not None
    return json.dumps({"question": f"How can developers prevent {subject.group(1)}?"})


def answer_well(seen: Seen, number: int) -> Answer:
    return chat(question_about(seen.question))


@pytest.mark.slow
def test_the_embedded_model_writes_pairs_that_stand_in_their_sources(tmp_path: Path) -> None:
    written, rejected, summary = examples_of(tmp_path, "synthesis.writing.passages=16")
    assert written
    assert len(written) + len(rejected) == sum(summary["teacher"]["asked"].values()) == 16
    documents = {row["id"]: row for row in rows(next((tmp_path / "cache/stages/documents").rglob("documents.jsonl")))}
    for row in written:
        document = documents[row["provenance"]["document"]]
        told = re.sub(r"\s|\[REF-\d+\]", "", json.dumps(document["fields"], ensure_ascii=False))
        first = re.sub(r"\s", "", row["assistant"].split(". ")[0]).replace('"', '\\"')
        assert first in told
        assert row["provenance"]["prompt"].endswith(".quoted/1")
        assert len(row["provenance"]["response"]) == 64
    assert all(row["reason"] for row in rejected)


@pytest.mark.slow
def test_a_real_llama_cpp_server_is_asked_by_the_openai_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = LlamaCppClient(LlamaCppLlm(concurrency=1, threads=2))
    server = LlamaProcess(owner._settings())
    try:
        process = start_with_key(tmp_path, server._key, f"http://127.0.0.1:{server._port}/v1")
        places, _ = finish(process)
    finally:
        server.close()
    written = [row for row in rows(tmp_path / places[1] / "examples.jsonl") if row["provenance"]["teacher"]]
    assert written
    assert {row["provenance"]["teacher"] for row in written} == {"SmolLM2-135M-Instruct.Q4_1.gguf"}


def start_with_key(cwd: Path, key: str, address: str) -> subprocess.Popen[str]:
    (cwd / "stages.py").write_text(STAGES, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), KEY: key}
    settings = ("llm=openai", "llm.model=smollm2", f"llm.base_url={address}", f"llm.api_key_env={KEY}")
    command = [
        sys.executable,
        "stages.py",
        "2",
        *SMALL,
        *settings,
        "llm.concurrency=1",
        "synthesis.writing.passages=16",
    ]
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_gemini_with_every_fault_of_a_server(tmp_path: Path) -> None:
    attempts: dict[str, int] = {}

    def answer(seen: Seen, number: int) -> Answer:
        assert seen.path.startswith("/v1beta/models/gemini-2.0-flash:generateContent")
        assert seen.headers["x-goog-api-key"] == "k-4711"
        turn = attempts[seen.question] = attempts.get(seen.question, 0) + 1
        kind = sorted(attempts).index(seen.question) % 6 if turn == 1 else 9
        good = gemini([{"text": question_about(seen.question)}])
        return {
            0: fault(429, "slow down", **{"Retry-After": "0"}),
            1: fault(500, "broken"),
            2: Answer(good.body, delay=3.0),
            3: Answer(b'{"candidates": [{"conte', headers={"Content-Type": "application/json"}),
            4: Answer(b"", hang_up=True),
        }.get(kind, good)

    with serving(answer) as server:
        written, rejected, summary = examples_of(
            tmp_path,
            "llm=gemini",
            f"llm.base_url={server.address}",
            f"llm.api_key_env={KEY}",
            "llm.timeout=1",
            "llm.backoff=0.01",
            "llm.concurrency=4",
            "synthesis.writing.tasks=[remediation]",
            "synthesis.writing.passages=24",
        )
    assert len(written) >= 12
    assert {row["provenance"]["teacher"] for row in written} == {"gemini-served"}
    assert summary["spent"]["retries"] >= 4
    assert not any(row["reason"].startswith("no reply") for row in rejected)
    assert summary["spent"]["cost"] > 0
    assert "k-4711" not in "".join(
        path.read_text(errors="replace") for path in (tmp_path / "cache").rglob("*") if path.is_file()
    )


def test_a_killed_run_asks_nothing_twice(tmp_path: Path) -> None:
    def slowly(seen: Seen, number: int) -> Answer:
        return chat(question_about(seen.question), delay=0.15)

    with serving(slowly) as server:
        settings = (
            "llm=openai",
            "llm.model=served",
            f"llm.base_url={server.address}/v1",
            f"llm.api_key_env={KEY}",
            "llm.concurrency=1",
            "synthesis.writing.tasks=[remediation]",
            "synthesis.writing.passages=30",
        )
        first = start(tmp_path, *settings)
        deadline = time.monotonic() + 120
        while sum(server.answered.values()) < 8:
            assert time.monotonic() < deadline
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        before = dict(server.answered)
        finish(start(tmp_path, *settings))
        asked = [seen.question for seen in server.seen]
    # What was under way when the process died, and one answer that may not have reached the disk, are asked again.
    assert len(asked) - len(set(asked)) <= 2
    assert len(set(asked)) == 30
    assert sum(asked.count(question) == 1 for question in before) >= len(before) - 2


def test_a_wrong_key_stops_at_once_and_is_not_shown(tmp_path: Path) -> None:
    with serving(lambda seen, number: fault(401, "invalid key k-4711")) as server:
        process = start(
            tmp_path,
            "llm=openai",
            "llm.model=served",
            f"llm.base_url={server.address}/v1",
            f"llm.api_key_env={KEY}",
            "llm.concurrency=1",
        )
        _, err = process.communicate(timeout=120)
        assert process.returncode != 0
        assert KEY in err
        assert "k-4711" not in err
        assert len(server.seen) == 1


def test_a_budget_stops_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    with serving(answer_well) as server:
        settings = (
            "llm=openai",
            "llm.model=served",
            f"llm.base_url={server.address}/v1",
            f"llm.api_key_env={KEY}",
            "llm.concurrency=1",
            "synthesis.writing.tasks=[remediation]",
            "synthesis.writing.passages=20",
        )
        process = start(tmp_path, *settings, "llm.max_total_tokens=700")
        _, err = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "BudgetError" in err
        asked = len(server.seen)
        assert 0 < asked < 20
        finish(start(tmp_path, *settings, "llm.max_total_tokens=200000"))
        assert len(server.seen) == 20


@pytest.fixture(scope="module")
def two_engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Digests of documents, examples and dataset by engine, of the same sources, teacher and settings."""
    digests: dict[str, list[str]] = {}
    with serving(answer_well) as server:
        settings = (
            "llm=openai",
            "llm.model=served",
            f"llm.base_url={server.address}/v1",
            f"llm.api_key_env={KEY}",
            "executor.shard_size=50",
            "synthesis.writing.tasks=[remediation]",
            "synthesis.writing.passages=40",
        )
        for name, workers in {"one": 1, "two": 2}.items():
            cwd = tmp_path_factory.mktemp(name)
            digests[name] = finish(start(cwd, *settings, f"executor.workers={workers}", stages=3))[1]
        cwd = tmp_path_factory.mktemp("killed")
        process = start(cwd, *settings, "executor=ray", "executor.workers=3", stages=3)
        digests["killed"] = [str(kill_a_ray_worker(process, cwd)), *finish(process)[1]]
    return digests


def kill_a_ray_worker(process: subprocess.Popen[str], cwd: Path) -> int:
    """Kill the first busy Ray worker below a process; return its process id."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        for status in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = status.read_bytes().replace(b"\0", b" ").decode()
                ours = os.getpgid(int(status.parent.name)) is not None and _below(int(status.parent.name), process.pid)
            except (OSError, ValueError):
                continue
            if ours and words.startswith("ray::_in_directory"):
                os.kill(int(status.parent.name), signal.SIGKILL)
                return int(status.parent.name)
        time.sleep(0.01)
    raise AssertionError("no Ray worker was seen at work")


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


@pytest.mark.slow
def test_numbers_of_workers_give_the_same_dataset(two_engines: dict[str, list[str]]) -> None:
    assert len(two_engines["one"]) == 3
    assert two_engines["one"] == two_engines["two"]


@pytest.mark.slow
def test_ray_gives_the_same_though_a_worker_is_killed(two_engines: dict[str, list[str]]) -> None:
    assert two_engines["killed"][1:] == two_engines["one"]
