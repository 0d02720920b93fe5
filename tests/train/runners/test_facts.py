"""What every runner tells about itself."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secft.train.backends.separate import SCRIPTS

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(autouse=True)
def _scripts_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when a script is started by path; signal handlers and modules of those names are put back afterwards."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    for name in ("facts", "guards", "ranks", "recording", "session", "stopping", "utilisation"):
        sys.modules.pop(name, None)


def module(name: str) -> Any:
    return importlib.import_module(name)


def test_names_of_modules_are_written_in_order(tmp_path: Path) -> None:
    path = tmp_path / "adapter_config.json"
    texts = []
    for names in (["v_proj", "q_proj", "down_proj"], ["down_proj", "v_proj", "q_proj"]):
        path.write_text(json.dumps({"target_modules": names, "r": 4, "base_model_name_or_path": str(tmp_path)}))
        module("facts").tidy_config(path, "org/base")
        texts.append(path.read_text())
    assert texts[0] == texts[1]
    values = json.loads(texts[0])
    assert values["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    assert values["base_model_name_or_path"] == "org/base"
    module("facts").tidy_config(tmp_path / "no such file", "org/base")
