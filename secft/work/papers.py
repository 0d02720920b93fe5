"""Model card, evidence document and report of a run, and the registration of what passed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from secft.base import find_base_model
from secft.config.run import RunConfig
from secft.environment import environment
from secft.files import plain, read_json, read_jsonl, tree_digests, write_text
from secft.release.card import model_card
from secft.release.evidence import evidence, evidence_name
from secft.release.facts import RunFacts
from secft.release.registry import register
from secft.release.report import report
from secft.stage import Inputs
from secft.work.data import DATASET, publish_dataset
from secft.work.judge import GATES, RESULTS
from secft.work.naming import run_name

CARD = "MODEL_CARD.md"
VOLATILE = ("*",)
"""Papers carry the time at which they were written; nothing is made of them but copies."""


def write_papers(config: RunConfig, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Write the three papers of a run, whatever its gates say."""
    facts = gather_facts(config, inputs)
    header = config.evidence
    write_text(out / CARD, model_card(facts))
    text = evidence(facts, header.language, header.agent, header.iteration)  # type: ignore[arg-type]
    write_text(out / evidence_name(header.iteration, facts.created), text)
    write_text(out / "report.html", report(facts))
    return {"headline": "model card, evidence, report"}


def gather_facts(config: RunConfig, inputs: Inputs) -> RunFacts:
    """Read what the papers tell from the artifacts of a run."""
    name = run_name(config)
    train, evaluate = inputs["train"], inputs["evaluate"]
    record = Path(config.paths.outputs) / name / "run.json"
    return RunFacts(
        run_id=name,
        command=str(read_json(record)["command"]) if record.is_file() else "python -m secft",
        created=datetime.datetime.now(datetime.UTC),
        config=plain(config),
        model=find_base_model(config.model).as_dict(),
        dataset=read_json(inputs["dataset"].path / DATASET / "manifest.json"),
        dataset_path=str(publish_dataset(config, inputs["dataset"])),
        train=train.summary,
        metrics=list(read_jsonl(train.path / "metrics.jsonl")),
        results=read_json(evaluate.path / RESULTS),
        gates=read_json(inputs["gates"].path / GATES),
        samples=list(read_jsonl(evaluate.path / "samples.jsonl")),
        adapter=tree_digests(train.path / train.summary["adapter_dir"]),
        environment=environment(),
        stages=[
            {"stage": stage, "seconds": artifact.summary["seconds"], "reused": False}
            for stage, artifact in inputs.items()
        ],
    )


def provider_of(backend: str) -> str:
    """Return the first level of a registered model below ``models/``: the engine, as its makers write it."""
    return backend.replace("_", "-")


def register_candidate(config: RunConfig, inputs: Inputs, name: str) -> Path:
    """Put the adapter of a run that passed beside the others; the same one again changes nothing."""
    train, base = inputs["train"], find_base_model(config.model)
    return register(
        train.path / train.summary["adapter_dir"],
        (inputs["papers"].path / CARD).read_text(encoding="utf-8"),
        read_json(inputs["gates"].path / GATES),
        Path(config.paths.models),
        provider_of(config.backend.name),
        name,
        {
            "run": name,
            "base_model": base.hub_id or base.name,
            "base_digest": base.digest,
            "tokenizer_digest": base.tokenizer_digest,
            "chat_template_digest": base.chat_template_digest,
            "dataset_digest": read_json(inputs["dataset"].path / DATASET / "manifest.json")["digest"],
        },
    )
