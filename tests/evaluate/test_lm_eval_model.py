"""The adapter for lm-eval against lm-eval's own, and against one pass per continuation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secft.chat.local.prompts import encode_pair
from secft.evaluate.items import build_items
from secft.evaluate.model_pair import ModelFiles, ModelPair
from secft.evaluate.prompts import prepare
from secft.models.loading import InferenceHardware, is_adapter, load_model, load_tokenizer

HARDWARE = InferenceHardware("cpu", "fp32")


@pytest.fixture(scope="module")
def tokenizer(base_dir: Path) -> Any:
    return load_tokenizer(base_dir)


@pytest.fixture(scope="module")
def model(base_dir: Path) -> Any:
    return load_model(base_dir, HARDWARE)


@pytest.fixture(scope="module")
def lm(model: Any, tokenizer: Any) -> Any:
    from secft.chat.local.model import LocalModel
    from secft.evaluate.lm_eval_model import LmEvalModel

    return LmEvalModel(LocalModel(model, tokenizer, batch_size=5), max_new_tokens=6)


def requests(rows: list[dict[str, Any]], tokenizer: Any) -> list[Any]:
    items = build_items(["technique_to_tactic", "answer_perplexity", "security_mcq"], rows, {}, 7)
    prepared = [prepare(tokenizer, item) for chosen in items.values() for item in chosen]
    return [SimpleNamespace(args=(row["context"], text)) for row in prepared for text in row["continuations"]]


def test_continuation_is_what_training_teaches(rows: list[dict[str, Any]], tokenizer: Any) -> None:
    item = build_items(["technique_to_tactic"], rows, {}, 7)["technique_to_tactic"][0]
    row = prepare(tokenizer, item)
    whole = tokenizer.apply_chat_template(
        [*item.messages, {"role": "assistant", "content": item.reference}], tokenize=False
    )
    assert whole.startswith(row["context"] + row["continuations"][item.answer])
    assert row["continuations"][item.answer] == item.reference + tokenizer.eos_token
    ids = [encode_pair(tokenizer, row["context"], text) for text in row["continuations"]]
    assert [len(answer) for _, answer in ids] == row["tokens"]
    assert tokenizer.decode(ids[item.answer][1]) == row["continuations"][item.answer]


def test_scores_equal_those_of_the_stock_adapter(
    rows: list[dict[str, Any]], tokenizer: Any, model: Any, lm: Any
) -> None:
    from lm_eval.models.huggingface import HFLM

    asked = requests(rows, tokenizer)
    stock = HFLM(pretrained=model, tokenizer=tokenizer, backend="causal", batch_size=4, max_length=lm.model.max_length)
    encoded = [(request.args, *encode_pair(tokenizer, *request.args)) for request in asked]
    expected = stock._loglikelihood_tokens(encoded, disable_tqdm=True)
    found = lm.loglikelihood(asked)
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-4)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]


def test_scores_do_not_depend_on_neighbours(rows: list[dict[str, Any]], tokenizer: Any, lm: Any) -> None:
    asked = requests(rows, tokenizer)[:9]
    together = [score for score, _ in lm.loglikelihood(asked)]
    alone = [lm.loglikelihood([request])[0][0] for request in asked]
    assert together == pytest.approx(alone, abs=1e-4)


def test_greedy_continuation_is_recognised(tokenizer: Any, lm: Any) -> None:
    import torch

    ids = tokenizer("some words to go on from")["input_ids"]
    with torch.inference_mode():
        best = int(lm.model.model(torch.tensor([ids])).logits[0, -1].argmax())
    from secft.chat.local.trees import Tree

    other = (best + 1) % 100
    scores = lm.model.score_trees([Tree(tuple(ids), ((best,), (other,)))])[0]
    assert [greedy for _, greedy in scores] == [True, False]
    assert scores[0][0] > scores[1][0]


def test_rounded_logits_of_scored_tokens_are_computed_again() -> None:
    import torch

    from secft.chat.local.trees import Tree, branch_scores, precise_logits, tree_batch

    generator = torch.Generator().manual_seed(2)
    trees = [Tree((1, 2), tuple((token,) for token in range(3, 20))) for _ in range(4)]
    batch = tree_batch(trees, 0, torch.float32)
    hidden = torch.randn((batch.at.shape[1], 16), generator=generator)
    exact, rounded = torch.nn.Linear(16, 50, bias=False), torch.nn.Linear(16, 50, bias=False)
    with torch.no_grad():
        exact.weight.copy_(torch.randn((50, 16), generator=generator).bfloat16().float() * 4)
        rounded.weight.copy_(exact.weight)
        rounded, hidden = rounded.bfloat16(), hidden.bfloat16()
        expected = [score for score, _ in branch_scores(exact(hidden.float()), batch)]
        logits = rounded(hidden)
        precise = precise_logits(hidden, rounded, logits, batch)
        assert precise is not None
        better = [score for score, _ in branch_scores(logits, batch, precise)]
        worse = [score for score, _ in branch_scores(logits, batch)]
        errors = [[a - b for a, b in zip(one, expected, strict=True)] for one in (better, worse)]
        # Choices of one prompt are compared with each other: what all have in common does not matter.
        spreads = [max(max(one[k : k + 17]) - min(one[k : k + 17]) for k in range(0, 68, 17)) for one in errors]
        assert spreads[0] < spreads[1] / 3
        assert max(better) <= 0
        assert precise_logits(hidden, rounded, logits * 0.5, batch) is None
        assert precise_logits(hidden, torch.nn.Identity(), logits, batch) is None


def test_what_all_prompts_begin_with_is_found() -> None:
    from secft.chat.local.trees import Tree, shared_prefix

    def trees(*contexts: list[int]) -> list[Tree]:
        return [Tree(tuple(context), ((1,),)) for context in contexts]

    head = list(range(10))
    assert shared_prefix(trees([*head, 5, 6], [*head, 7], [*head, 5, 9])) == tuple(head)
    assert shared_prefix(trees([*head, 5], head)) == tuple(head[:-1])
    assert shared_prefix(trees(head)) == ()
    assert shared_prefix(trees([1, 2, 3, 4], [1, 2, 5, 4])) == ()


def test_long_prompts_lose_their_beginning(lm: Any) -> None:
    from secft.chat.local.trees import Tree

    tree = Tree(tuple(range(50)), ((1, 2, 3), (4,))).cut(20)
    assert tree.context == tuple(range(32, 50))
    assert tree.length == 20


def test_answers_equal_generation_one_by_one(tokenizer: Any, model: Any, lm: Any) -> None:
    import torch

    contexts = ["short", "a somewhat longer prompt with more words", "middle sized one", "x y z"]
    found = lm.model.answer(contexts, 6)
    for context, text in zip(contexts, found, strict=True):
        ids = torch.tensor([tokenizer(context)["input_ids"]])
        output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False)
        assert text == tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True).strip()


def test_stop_strings_end_an_answer(lm: Any) -> None:
    whole = lm.model.answer(["go on"], 6)[0]
    request = SimpleNamespace(args=("go on", {"until": [whole[2:4]]}))
    assert lm.generate_until([request]) == [whole[:2]] or whole[2:4] in whole[:2]


def test_adapter_is_switched_off_for_the_base(
    base_dir: Path, adapter_dir: Path, rows: list[dict[str, Any]], tokenizer: Any, lm: Any
) -> None:
    from secft.chat.local.model import LocalModel

    asked = requests(rows, tokenizer)[:8]
    pair = ModelPair(ModelFiles(base_dir, adapter_dir), HARDWARE)
    scores = {}
    for side in ("candidate", "base"):
        with pair.side(side) as lent:  # type: ignore[arg-type]
            one = LocalModel(lent, tokenizer, batch_size=8)
            scores[side] = [score for score, _ in one.log_likelihoods([request.args for request in asked])]
    assert scores["base"] == pytest.approx([score for score, _ in lm.loglikelihood(asked)], abs=1e-4)
    assert max(abs(a - b) for a, b in zip(scores["base"], scores["candidate"], strict=True)) > 0.01


def test_only_safetensors_are_candidates(base_dir: Path, adapter_dir: Path, tmp_path: Path) -> None:
    from secft.errors import InputError

    assert is_adapter(adapter_dir)
    assert not is_adapter(base_dir)
    with pytest.raises(InputError, match="neither"):
        is_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(InputError, match="other formats are not loaded"):
        is_adapter(tmp_path)
