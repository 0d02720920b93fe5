"""What Axolotl makes of rows is compared before the first step."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Iterator
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


def rows() -> list[dict[str, Any]]:
    """Eight rows of ten tokens and two of padding; six tokens carry loss."""
    import torch

    torch.manual_seed(1)
    ids = torch.randint(1, 64, (8, 12))
    mask, labels = torch.ones_like(ids), ids.clone()
    mask[:, 10:], labels[:, :4], labels[:, 10:] = 0, -100, -100
    return [{"input_ids": i, "attention_mask": m, "labels": t} for i, m, t in zip(ids, mask, labels, strict=True)]


def test_rows_that_a_backend_lost_or_changed_are_refused(tokenizer: Any) -> None:
    script = module("axolotl_run")
    ids = tokenizer("one two three")["input_ids"]
    data = [{"input_ids": ids, "labels": [-100, *ids[1:]]}]
    trained = tokenizer.decode(ids[1:])
    facts = {"rows": "conversations", "examples": 1, "expected": [{"text": "one two three", "trained": trained}]}
    script.check_rows(data, tokenizer, facts)
    errors = module("session").RowsError
    with pytest.raises(errors, match="kept 1 of 2 rows"):
        script.check_rows(data, tokenizer, {**facts, "examples": 2})
    with pytest.raises(errors, match="at character 9"):
        script.check_rows(data, tokenizer, {**facts, "expected": [{"text": "one two tree", "trained": ""}]})
    with pytest.raises(errors, match="trained part"):
        script.check_rows(data, tokenizer, {**facts, "expected": [{"text": "one two three", "trained": "one"}]})
    script.check_rows([], tokenizer, {**facts, "rows": "pairs"})
