"""Finding a base model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from secft.config.compose import read_config
from secft.models.resolve import resolve_model
from secft.stages.training import model_digests


def test_import_and_resolution_need_no_torch() -> None:
    code = (
        "import sys; from secft.models.resolve import resolve_model; resolve_model('tiny', 'random')\n"
        "import secft.train; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    resolve_model("tiny", "random")  # the conversion itself may need them; a finished cache entry may not
    subprocess.run([sys.executable, "-c", code], check=True)


def change_json(path: Path, key: str, value: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("config.json", "config"), ("generation_config.json", "config"), ("tokenizer.json", "tokenizer"),
        ("tokenizer_config.json", "tokenizer"), ("chat_template.jinja", "chat_template"),
        ("model.safetensors", "model"),
    ],
)  # fmt: skip
def test_every_file_of_a_base_model_belongs_to_the_fingerprint_of_its_training(
    name: str, digest: str, tmp_path: Path
) -> None:
    def digests(directory: Path) -> dict[str, str]:
        return model_digests(read_config(["model=hub", f"model.path={directory}"]).model, None)

    before = tmp_path / "before"
    shutil.copytree(resolve_model("tiny", "random").path, before)
    (before / "manifest.json").unlink()
    after = tmp_path / "after"
    shutil.copytree(before, after)
    path = after / name
    if name == "config.json":
        change_json(path, "rms_norm_eps", 1e-3)
    elif name == "generation_config.json":
        path.write_text('{"temperature": 0.3}')
    elif name == "tokenizer_config.json":
        change_json(path, "model_max_length", 77)
    elif name == "chat_template.jinja":
        path.write_text(path.read_text().replace("<|im_start|>", "<|im_start|> ", 1))
    elif name == "tokenizer.json":
        told = json.loads(path.read_text())
        told["added_tokens"][-1]["lstrip"] = not told["added_tokens"][-1]["lstrip"]
        path.write_text(json.dumps(told))
    else:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))
    first, second = digests(before), digests(after)
    assert {key for key in first if first[key] != second[key]} == {digest}
