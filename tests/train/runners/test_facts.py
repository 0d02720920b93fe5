"""What every runner tells about itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.train.runners.trainers import module

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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
