"""Runs with calls through the code that every backend's rows come from: equal tokens and masks, or a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secft.errors import InputError
from secft.models.base_model import BaseModel
from secft.records import Message, tool_call
from secft.train.backends import exported_rows, token_rows
from secft.train.backends.axolotl import backend as axolotl
from secft.train.backends.llama_factory import backend as llama_factory
from secft.train.backends.trl.paired_rows import tokenise_pair
from secft.train.rows import load_examples
from secft.train.template import IGNORED
from secft.train.views import CONVERSATIONS, PAIRS
from tests.train.conftest import new_job, write_rows

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
CALL = tool_call("nmap", {"host": "lab"}, "c1")
TOOL = {"type": "function", "function": {"name": "nmap", "description": "Scan."}}
RUN: list[Message] = [
    {"role": "user", "content": "Scan it."},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "22 open", "name": "nmap", "tool_call_id": "c1"},
    {"role": "assistant", "content": "SSH is open."},
]
ROW: dict[str, Any] = {"id": "a", "messages": RUN, "tools": [TOOL]}
NATIVE = (
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def native(tokenizer: Any) -> Any:
    """A tokenizer whose template knows tools."""
    import copy

    changed = copy.deepcopy(tokenizer)
    changed.chat_template = NATIVE
    return changed


def learned(tokenizer: Any, ids: list[int], labels: list[int]) -> str:
    return str(tokenizer.decode([token for token, label in zip(ids, labels, strict=True) if label != IGNORED]))


@pytest.mark.parametrize("kind", ["text", "template"])
def test_trl_unsloth_and_llama_factory_learn_the_same(
    kind: str, tokenizer: Any, native: Any, tiny: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tokenizer if kind == "text" else native
    train = write_rows(tmp_path / "train.jsonl", [{**ROW, "id": str(n)} for n in range(3)])
    job = new_job(model_dir=str(tiny.path), train_file=str(train), max_length=256, packing=False)
    ours = load_examples(train, chosen, job).examples
    (tmp_path / "unsloth").mkdir()
    exported = token_rows.conversations(job, chosen, tmp_path / "unsloth")
    theirs = [json.loads(line) for line in exported.train.read_text().splitlines()]
    assert [(list(one.input_ids), list(one.labels)) for one in ours] == [(r["input_ids"], r["labels"]) for r in theirs]
    monkeypatch.setattr(llama_factory, "open_tokenizer", lambda job: chosen)
    rows = llama_factory._rows(job, tmp_path / "factory")
    packed = [json.loads(line) for line in rows.train.read_text().splitlines()]
    assert sorted((r["input_ids"], r["labels"]) for r in packed) == sorted(
        (r["input_ids"], r["labels"]) for r in theirs
    )
    text = learned(chosen, theirs[0]["input_ids"], theirs[0]["labels"])
    assert "nmap" in text
    assert "SSH is open." in text
    assert "22 open" not in text
    assert "Scan" not in text


def test_axolotl_gets_calls_as_text_or_refuses(tokenizer: Any, native: Any) -> None:
    written = axolotl._shape(CONVERSATIONS, tokenizer, None)(ROW)["messages"]
    assert [set(message) for message in written] == [{"role", "content"}] * len(written)
    assert written[2]["content"] == '<tool_call>{"name": "nmap", "arguments": {"host": "lab"}}</tool_call>'
    with pytest.raises(InputError, match=r"has tool calls or reasoning, which axolotl .* use backend=trl"):
        axolotl._shape(CONVERSATIONS, native, None)(ROW)
    quiet = {"id": "b", "messages": [*RUN[:1], {**RUN[3], "weight": 0}, *RUN[:1], RUN[3]]}
    with pytest.raises(InputError, match="turns of weight 0"):
        axolotl._shape(CONVERSATIONS, tokenizer, None)(quiet)


def test_pairs_of_calls(tokenizer: Any, native: Any) -> None:
    pair = {"id": "p", "prompt": RUN[:1], "chosen": [RUN[1]], "rejected": [RUN[3]], "tools": [TOOL]}
    for one in (tokenizer, native):
        found = tokenise_pair(one, pair)
        assert "nmap" in one.decode(found["chosen_ids"])
        assert one.decode(found["rejected_ids"]) == "SSH is open.<|im_end|>"
    plain = exported_rows.plain_answers(tokenizer, pair, PAIRS, "unsloth")
    assert "<tool_call>" in plain["chosen"][0]["content"]
    assert "tools" not in plain
    with pytest.raises(InputError, match="unsloth would render differently"):
        exported_rows.plain_answers(native, pair, PAIRS, "unsloth")
