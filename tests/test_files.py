"""Rights of what is written: those that the user's umask wants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[1], 8))
from secft.artifact import ArtifactStore
from secft.config.roots import RunConfig
from secft.files import write_json, write_text
from secft.log import RunLog
from secft.stage import Stage, run_stages
place = Path(sys.argv[2])
def work(seed, inputs, out):
    write_text(out / "value.txt", "8")
    return {}
write_json(place / "record.json", {})
run_stages((Stage("first", 1, (), lambda config: config.seed, work),), RunConfig(), ArtifactStore(place), RunLog())
"""


@pytest.mark.parametrize(("umask", "denied"), [("027", 0o027), ("002", 0o002), ("077", 0o077)])
def test_files_and_directories_have_the_rights_that_the_umask_wants(tmp_path: Path, umask: str, denied: int) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, umask, str(tmp_path)], check=True, capture_output=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix in (".json", ".txt")]
    assert len(files) == 3
    for path in files:
        assert path.stat().st_mode & 0o777 in (0o666 & ~denied, 0o444 & ~denied), path
    (made,) = (path for path in (tmp_path / "first").iterdir() if path.is_dir())
    assert made.stat().st_mode & 0o777 == 0o777 & ~denied
