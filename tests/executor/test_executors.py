"""Engines give the same results in the same order, wherever the work runs and whoever dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from secft.config.schemas.executor import ExecutorConfig
from secft.errors import InputError, WorkerError
from secft.executor import Executor, InProcess
from secft.executor.open import open_executor, problems
from secft.executor.shards import ShardTask, run_shards

from . import work

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["here", "local", pytest.param("ray", marks=pytest.mark.slow)])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "here":
        yield InProcess()
        return
    with open_executor(ExecutorConfig(name=request.param, workers=2)) as opened:
        yield opened


def test_results_come_in_order(executor: Executor) -> None:
    assert list(executor.map(work.square, range(50))) == [number * number for number in range(50)]
    assert list(executor.map(work.square, [])) == []
    assert list(executor.map(work.square, [3])) == [9]


def test_items_are_taken_only_as_needed(executor: Executor) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = executor.map(work.square, items())
    assert next(results) == 0
    assert len(taken) < 20


def test_an_error_of_the_work_is_told_as_it_is(executor: Executor) -> None:
    with pytest.raises(InputError, match="three cannot be used"):
        list(executor.map(work.fail_at_three, range(10)))


def test_the_death_of_a_worker_changes_nothing(executor: Executor, tmp_path: Path) -> None:
    if isinstance(executor, InProcess):
        pytest.skip("there is no worker to die")
    items = [(str(tmp_path), number) for number in range(20)]
    assert list(executor.map(work.die_once, items)) == list(range(20))
    assert (tmp_path / "died").exists()


def test_work_that_kills_every_worker_is_given_up() -> None:
    with open_executor(ExecutorConfig(workers=2)) as local, pytest.raises(WorkerError, match="died 3 times"):
        list(local.map(work.die_always, range(4)))


def test_shards_are_made_once(executor: Executor, tmp_path: Path) -> None:
    tasks = [ShardTask({"letter": letter}, (letter, count)) for letter, count in (("a", 3), ("b", 0), ("c", 5))]
    first = list(run_shards(executor, work.letters, tasks, tmp_path))
    again = list(run_shards(executor, work.letters, tasks, tmp_path))
    assert [shard.rows for shard in first] == [3, 0, 5]
    assert [shard.found for shard in first] == [False, False, False]
    assert [shard.found for shard in again] == [True, True, True]
    assert [shard.digest for shard in first] == [shard.digest for shard in again]
    assert [shard.summary for shard in again] == [{"letter": letter} for letter in "abc"]
    assert all(shard.digest[:32] in shard.path.name for shard in first)


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("damaged", ["rows", "summary", "zeros"])
def test_a_changed_shard_is_told_and_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damaged: str
) -> None:
    tasks = [ShardTask({"letter": "a"}, ("a", 3))]
    (made,) = run_shards(InProcess(), work.letters, tasks, tmp_path / "s")
    (marker,) = (tmp_path / "s").glob("*.json")
    if damaged == "rows":
        made.path.write_text("{}\n", encoding="utf-8")
    elif damaged == "zeros":
        marker.write_bytes(b"\0" * marker.stat().st_size)
    else:
        text = marker.read_text(encoding="utf-8")
        marker.write_text(text.replace('"rows": 3', '"rows": 2'), encoding="utf-8")
        assert marker.read_text(encoding="utf-8") != text
    (again,) = run_shards(InProcess(), work.letters, tasks, tmp_path / "s")
    assert not again.found
    assert (again.digest, again.rows) == (made.digest, made.rows)
    assert "is damaged" in capsys.readouterr().err


def test_a_shard_that_fails_leaves_no_marker(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="second row"):
        list(run_shards(InProcess(), work.broken_rows, [ShardTask({"x": 1}, 1)], tmp_path / "s"))
    assert not list((tmp_path / "s").glob("*.json*"))


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import time; from secft.executor.local import LocalExecutor; from tests.executor import work\n"
        "if __name__ == '__main__':\n"
        "    executor = LocalExecutor(2); list(executor.map(work.square, range(4)))\n"
        "    print(*[p.pid for p in executor._pool._processes.values()], flush=True); time.sleep(60)\n"
    )
    (tmp_path / "parent.py").write_text(script, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "parent.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() and _alive(child) for child in children):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_an_address_without_ray_is_told() -> None:
    (problem,) = problems(ExecutorConfig(address="ray://head:10001"))
    assert problem.key == "executor.address"
