"""Datasets and models with one thing wrong each."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TURN = "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
LOOP = "{% for m in messages %}" + TURN + "{% endfor %}"
ASK = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
PLAIN = LOOP + ASK
THINKS = LOOP + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
OTHER = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}"
START = "<|im_start|>{{ m['role'] }}\n"
MARKED_NOTHING = "{% for m in messages %}" + TURN + "{% generation %}{% endgeneration %}{% endfor %}" + ASK
MARKED_ALL = "{% for m in messages %}{% generation %}" + TURN + "{% endgeneration %}{% endfor %}" + ASK
MARKED_WORDS = (
    "{% for m in messages %}" + START + "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}"
    "{% endgeneration %}{% else %}{{ m['content'] }}{% endif %}<|im_end|>\n{% endfor %}" + ASK
)


ASKED = {"task": "multiple_choice", "choices": ["A. One", "B. Two"], "answer": 0}


def conversation(index: int, **more: Any) -> dict[str, Any]:
    """A row whose answer has about 20 tokens."""
    messages = [
        {"role": "user", "content": f"What does port {index} serve?"},
        {"role": "assistant", "content": f"Port {index} is number {index} of the list, and nothing else is known."},
    ]
    subject = f"port {index}"
    row = {"id": f"row-{index}", "task": "ports", "entity": subject, "family": subject, "messages": messages}
    return {**row, "choices": [], "answer": -1, "rejected": "", **more}


def dataset(
    directory: Path,
    rows: Iterable[dict[str, Any]],
    validation: int = 4,
    dropped: int = 0,
    test: int = 12,
    longest: int = 512,
) -> Path:
    """Write what checks read of a frozen dataset."""
    directory.mkdir(parents=True)
    rows = list(rows)
    write(directory / "train.jsonl", rows)
    write(directory / "test.jsonl", [conversation(2000 + n, **ASKED) for n in range(test)])
    write(directory / "validation.jsonl", [conversation(1000 + n) for n in range(validation)])
    step = {"step": "length", "seen": len(rows) + dropped, "dropped": {f"length.long {longest}": dropped}}
    counts = {"ports": {"train": len(rows)}, ASKED["task"]: {"train": len(rows), "test": test}}
    facts = {"name": "x", "provider": "none", "digest": "", "splits": {}, "counts": counts, "sources": {}}
    (directory / "manifest.json").write_text(json.dumps({**facts, "funnel": [{**step, "kept": len(rows)}]}))
    return directory


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def model_with(base: Path, directory: Path, template: str | None = None) -> Path:
    """Copy a model and give it another chat template; an empty one takes it away."""
    shutil.copytree(base, directory)
    if template is not None:
        config = json.loads((directory / "tokenizer_config.json").read_text())
        config.pop("chat_template", None)
        (directory / "tokenizer_config.json").write_text(json.dumps(config))
        (directory / "chat_template.jinja").write_text(template)
    return directory


def with_added_token(directory: Path, token: str) -> Path:
    """Let the tokenizer of a model know a token for which the weights have no embedding."""
    path = directory / "tokenizer.json"
    values = json.loads(path.read_text())
    highest = max([*values["model"]["vocab"].values(), *(entry["id"] for entry in values["added_tokens"])])
    added = {"id": highest + 1, "content": token, "single_word": False, "lstrip": False, "rstrip": False}
    values["added_tokens"].append({**added, "normalized": False, "special": True})
    path.write_text(json.dumps(values))
    return directory


def gguf(path: Path, template: str) -> Path:
    """Write the head of a GGUF file: a list that has to be skipped, and a chat template."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    tokens = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    scores = text("tokenizer.ggml.scores") + struct.pack("<IIQ2f", 9, 6, 2, 0.0, 1.0)
    size = text("llama.context_length") + struct.pack("<II", 4, 2048)
    chat = text("tokenizer.chat_template") + struct.pack("<I", 8) + text(template)
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 4) + tokens + scores + size + chat)
    return path
