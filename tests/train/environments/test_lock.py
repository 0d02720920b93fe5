"""The locks of the backends."""

from __future__ import annotations

from pathlib import Path

import pytest

from secft.errors import InputError
from secft.train.backends import BACKENDS, SEPARATE
from secft.train.environments.lock import LOCKS, lock_of
from tests.train.environments.made import write_lock


def test_locks_hold_nothing_but_pins(tmp_path: Path) -> None:
    for name in SEPARATE:
        lock = lock_of(name)
        assert {"torch", "transformers", "trl", "peft", "accelerate", "bitsandbytes"} <= set(lock.versions)
        assert lock.versions["torch"] == "2.13.0"
        assert set(lock.versions) - set(lock.hashes) == {"torch"}
        assert "--hash=sha256:" not in lock.constraints()
        assert "torch==" not in lock.requirements(without="torch").splitlines()[0]
        assert all(" --hash=sha256:" in line for line in lock.requirements(without="torch").splitlines())
        assert BACKENDS[name].environment_bytes > 2**30
    assert {path.stem for path in LOCKS.glob("*.lock")} == set(SEPARATE)
    assert len({lock_of(name).digest for name in SEPARATE}) == 3
    with pytest.raises(InputError, match="Did you mean 'axolotl'"):
        lock_of("axolotle")
    for line in ("--index-url https://example.org", "alpha>=1", "alpha @ file:///tmp/alpha.whl"):
        write_lock(tmp_path / "locks", f"alpha==1.0\n{line}\n")
        with pytest.raises(InputError, match=r"demo\.lock:2: expected name==version"):
            lock_of("demo", tmp_path / "locks")
