"""A signal ends the program wherever it stands: also in an import that catches exceptions of all kinds."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

# What a command does here: import a library that is loading when the signal comes, in the way of optional libraries.
PROGRAM = """
import sys
import secft.__main__ as program

def work(arguments):
    try:
        import library_that_is_loading
    except Exception:
        pass
    print("went on")
    return 0

program._dispatch = work
sys.exit(program.main([]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_an_import_ends_the_program(number: signal.Signals, tmp_path: Path) -> None:
    library = f"import os, time\nos.kill(os.getpid(), {int(number)})\ntime.sleep(20)\n"
    (tmp_path / "library_that_is_loading.py").write_text(library)
    process = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r})\n{PROGRAM}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 130
    assert "went on" not in process.stdout
    assert "the same command continues" in process.stderr
    assert "Traceback" not in process.stderr
