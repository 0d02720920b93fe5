"""What Axolotl makes of rows is compared before the first step."""

from __future__ import annotations

from typing import Any

import pytest

from tests.train.runners.trainers import module

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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
