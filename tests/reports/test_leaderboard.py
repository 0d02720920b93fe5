from __future__ import annotations

import json
from typing import Any

from secft.reports.leaderboard import leaderboard
from tests.reports.conftest import estimate, results, share


def outcome(job: int, status: str, **facts: Any) -> dict[str, Any]:
    return {"job": job, "overrides": [f"trainer.lora.r={job}"], "status": status, "exit_code": 0, **facts}


def test_passing_jobs_come_first_then_the_larger_gain() -> None:
    weak = results()
    weak["tasks"]["technique_to_tactic"] = share("accuracy", 0.14, 0.2, 0.02, 150)
    outcomes = [
        outcome(0, "error", error="out of memory | <b>\nmore lines"),
        outcome(1, "failed", verdict="fail", results=results(), directory="outputs/one"),
        outcome(2, "passed", verdict="pass", results=weak, directory="outputs/two"),
        outcome(3, "passed", verdict="pass", results=results(), directory="outputs/three"),
        outcome(4, "inconclusive", verdict="inconclusive", results=results(), directory="outputs/four"),
    ]
    text, table = leaderboard(outcomes)
    assert [job["job"] for job in table["jobs"]] == [3, 2, 4, 1, 0]
    assert table["jobs"][0]["metrics"]["technique_to_tactic"]["difference"]["value"] > 0.5
    assert "5 jobs, 2 passed" in text
    assert r"error: out of memory \| \<b\>" in text
    assert "gates failed" in text
    assert "71.0 % (+57.0 points [+49.0, +65.0])" in text
    assert "security" not in text.lower().split("\n")[4]
    json.dumps(table, allow_nan=False)
    widths = {line.replace(r"\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_sweep_of_errors_only_still_has_a_table() -> None:
    text, table = leaderboard([outcome(0, "error", error="boom")])
    assert "boom" in text
    assert table["jobs"][0]["metrics"] == {}


def test_a_loss_is_no_share() -> None:
    loss = {
        "base": estimate(0.45, 0.03),
        "candidate": estimate(3.722, 0.003),
        "difference": estimate(3.268, 0.031),
        "share": False,
        "higher_is_better": False,
    }
    task = {"items": 386, "metrics": {"loss": loss}, "primary": "loss", "title": {"en": "Held-out text"}}
    text, _ = leaderboard([outcome(0, "failed", results={"format": 2, "tasks": {"held_out_text": task}})])
    assert "| 3.72 (+3.27 [+3.24, +3.30]) |" in text


def test_the_first_problem_of_a_configuration_is_told() -> None:
    error = "2 problems in the configuration:\n  - trainer.lora.r: is too large.\n  - seed: is odd."
    text, _ = leaderboard([outcome(0, "error", error=error)])
    assert "| error: 2 problems in the configuration: trainer.lora.r: is too large. |" in text
