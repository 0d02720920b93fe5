"""Directories of runs, as runs leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from secft.documents.document import as_json
from secft.documents.results import results_from_json
from secft.documents.run_record import ReportsRecord, RunRecord, StageRecord
from secft.files import sha256_file, write_json

SETTINGS: dict[str, Any] = {
    "source": {"cwe": {"name": "cwe", "limit": None}},
    "model": {"name": "tiny"},
    "trainer": {"name": "lora", "lora": {"r": 16}},
    "backend": {"name": "trl"},
    "seed": 7,
}


def make_run(
    outputs: Path, name: str, *, status: str = "failed", candidate: float = 0.5, rank: int = 16, items: int = 40,
    started: str = "2026-11-01T10:00:00+00:00", **facts: Any,
) -> Path:  # fmt: skip
    """Write a run's directory with settings, a record, results and a report."""
    place = outputs / name
    place.mkdir(parents=True)
    settings = {**SETTINGS, "trainer": {"name": "lora", "lora": {"r": rank}}}
    (place / "config.yaml").write_text(f"# a command\n{yaml.safe_dump(settings)}", encoding="utf-8")
    (place / "MODEL_CARD.md").write_text("card", encoding="utf-8")
    reports = ReportsRecord("identity", ["MODEL_CARD.md"], {"MODEL_CARD.md": sha256_file(place / "MODEL_CARD.md")})
    stages = [StageRecord(stage, stage, digest, f".secft/stages/{stage}", False, 1.0)
              for stage, digest in (("dataset", "same"), ("train", f"rank {rank}"))]  # fmt: skip
    record = RunRecord(run=name, command=f"python -m secft name={name}", status=status, secft="0.1.0", started=started,
                       stages=stages, reports=reports, **facts)  # fmt: skip
    write_json(place / "run.json", as_json(record))
    write_json(place / "results.json", as_json(results_from_json(_results(candidate, items))))
    return place


def _results(candidate: float, items: int) -> dict[str, Any]:
    def around(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    metric = {"base": around(0.25), "candidate": around(candidate), "difference": around(candidate - 0.25)}
    task = {"items": items, "primary": "accuracy", "metrics": {"accuracy": metric}, "role": "target",
            "items_digest": f"{items} items"}  # fmt: skip
    return {"format": 2, "tasks": {"security_mcq": task}}


def edited(place: Path) -> None:
    """Write into a report, as a supervisor does."""
    (place / "MODEL_CARD.md").write_text("card, and a note of mine", encoding="utf-8")


def record_of(place: Path) -> dict[str, Any]:
    """Return run.json as plain values."""
    found: dict[str, Any] = json.loads((place / "run.json").read_text(encoding="utf-8"))
    return found
