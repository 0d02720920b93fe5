"""Measure a candidate against its base: the same items, the same process, the same precision.

    python -m secft.evaluate.run job.json

does the same as a process of its own; the job holds the arguments of ``evaluate`` by name.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.chat.local.prompts import render
from secft.documents.document import as_json
from secft.documents.results import RESULTS, EvaluationResults, TaskResult
from secft.errors import InputError, SecftError
from secft.evaluate.baseline import Baseline, model_digest
from secft.evaluate.item import Item
from secft.evaluate.items import build_items, counts_of, read_test_split, sample_questions, taught
from secft.evaluate.measure import go_offline, measure, write_prepared
from secft.evaluate.metrics import Bootstrap
from secft.evaluate.model_pair import ModelFiles, ModelPair, Side
from secft.evaluate.prompts import prepare, rows_digest
from secft.evaluate.settings import EvalConfig
from secft.evaluate.tasks import TASKS
from secft.files import read_json, write_json, write_jsonl
from secft.models.adapters import read_adapter
from secft.models.loading import InferenceHardware, find_hardware, load_tokenizer
from secft.progress import Meter, meter
from secft.records import calls_text, message_text

SAMPLES = "samples"
Answers = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Questions:
    """Everything that both models are asked.

    Attributes:
        tasks: task -> prepared items; never empty.
        samples: rendered questions to be answered freely: id, kind, question, reference, context.
        skipped: task -> why it is not measured.
        taught: task -> training examples of the kinds that it asks; of held-out examples only.
    """

    tasks: Mapping[str, Sequence[dict[str, Any]]]
    samples: Sequence[dict[str, Any]]
    skipped: Mapping[str, str]
    taught: Mapping[str, int]

    def digest_of(self, task: str) -> str:
        """Return the SHA-256 of one task's questions."""
        return rows_digest(list(self.samples if task == SAMPLES else self.tasks[task]))


def evaluate(
    files: ModelFiles,
    dataset_dir: Path,
    settings: EvalConfig,
    seed: int,
    out: Path,
    cache: Path,
) -> dict[str, Any]:
    """Measure base and candidate and write results.json, samples.jsonl and one JSONL of items per task.

    Args:
        files: where the two models are.
        dataset_dir: a frozen dataset with ``test.jsonl``.
        settings: tasks, items, intervals.
        seed: seed of samples and resamples.
        out: directory that receives the files.
        cache: directory where answers of base models are kept between runs.

    Returns:
        ``headline`` for people, ``seconds`` per model, ``base_reused``: tasks whose base answers were known.

    Raises:
        InputError: a model or the dataset cannot be used, or no task has an item.
    """
    go_offline()
    hardware, tokenizer = find_hardware(), load_tokenizer(files.base)
    models = ModelPair(files, hardware)
    questions = ask(settings, seed, read_test_split(dataset_dir), tokenizer, counts_of(dataset_dir))
    base_digest = model_digest(files.base)
    measured = _measuring(base_digest, settings, hardware)
    if files.start is not None:
        measured["adapter"] = read_adapter(files.start).digest
    baseline = Baseline(cache, measured)
    known = {task: baseline.get(task, questions.digest_of(task)) for task in (*questions.tasks, SAMPLES)}
    seconds: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="secft-items-") as items_dir,
        meter("evaluate", _work(questions, settings, known), "tokens") as show,
    ):
        write_prepared(questions.tasks, Path(items_dir))
        evaluator = Evaluator(models, tokenizer, settings, questions, Path(items_dir), show)
        base = evaluator.answers("base", seconds, known, baseline)
        candidate = evaluator.answers("candidate", seconds, {}, None)
    results = EvaluationResults(
        tasks=_compare(questions, base, candidate, settings, seed, out),
        skipped=questions.skipped,
        confidence=settings.confidence,
        seed=seed,
        resamples=settings.resamples,
        precision=hardware.precision,
        device=hardware.device,
        base_digest=base_digest,
        versions={"lm_eval": importlib.metadata.version("lm_eval")},
    )
    write_json(out / RESULTS, as_json(results))
    write_jsonl(out / "samples.jsonl", _side_by_side(questions.samples, base[SAMPLES], candidate[SAMPLES]))
    reused = sorted(task for task, answers in known.items() if answers is not None)
    return {"headline": headline(results), "seconds": seconds, "base_reused": reused}


def ask(
    settings: EvalConfig,
    seed: int,
    test: Sequence[dict[str, Any]],
    tokenizer: Any,
    counts: Mapping[str, Mapping[str, int]] | None = None,
) -> Questions:
    """Choose and render all questions.

    Args:
        settings: tasks and numbers of items.
        seed: of the samples.
        test: held-out examples.
        tokenizer: of the base, with its chat template.
        counts: kind of example -> split -> examples; None where nobody counted them.

    Raises:
        InputError: no task has an item.
    """
    items = build_items(settings.tasks, test, settings.limits, seed)
    skipped = {task: "the dataset holds out no example of it" for task, chosen in items.items() if not chosen}
    tasks = {task: [prepare(tokenizer, item) for item in chosen] for task, chosen in items.items() if chosen}
    if not tasks:
        raise InputError(f"eval.tasks: none of {', '.join(settings.tasks)} has a held-out item in this dataset.")
    drawn = sample_questions(test, settings.samples, seed)
    told = {}
    if counts is not None:
        told = {task: taught(items[task], counts) for task in tasks if TASKS[task].source.from_dataset}
    return Questions(tasks, [_sample(tokenizer, kind, item) for kind, item in drawn], skipped, told)


def _sample(tokenizer: Any, kind: str, item: Item) -> dict[str, Any]:
    context = render(tokenizer, item.messages, item.tools, generation_prompt=True)
    question = message_text(item.messages[-1])
    reference = "\n".join(part for part in (item.reference, calls_text(item.calls)) if part)
    return {"id": item.id, "kind": kind, "question": question, "reference": reference, "context": context}


class Evaluator:
    """Puts all questions to one model after the other."""

    def __init__(
        self,
        models: ModelPair,
        tokenizer: Any,
        settings: EvalConfig,
        questions: Questions,
        items_dir: Path,
        show: Meter,
    ) -> None:
        self._models, self._tokenizer, self._settings = models, tokenizer, settings
        self._questions, self._items_dir, self._show = questions, items_dir, show

    def answers(
        self,
        side: Side,
        seconds: dict[str, float],
        known: Mapping[str, list[dict[str, Any]] | None],
        keep: Baseline | None,
    ) -> Answers:
        """Return a model's answers to every task and sample; it is not even loaded where all are known.

        Args:
            side: which model.
            seconds: receives the time that this took.
            known: task -> answers that need not be measured.
            keep: where new answers are kept, or None.
        """
        start = time.monotonic()
        answers: Answers = {task: found for task, found in known.items() if found is not None}
        missing = [task for task in (*self._questions.tasks, SAMPLES) if task not in answers]
        if missing:
            with self._models.side(side) as model:
                for task in missing:
                    self._show.begin(f"{side}, {task}")
                    answers[task] = self._one(model, task)
                    if keep is not None:
                        keep.put(task, self._questions.digest_of(task), answers[task])
        seconds[side] = round(time.monotonic() - start, 1)
        return answers

    def _one(self, model: Any, task: str) -> list[dict[str, Any]]:
        from secft.chat.local.model import LocalModel  # heavy: imports torch
        from secft.evaluate.lm_eval_model import LmEvalModel  # heavy: imports lm-eval

        settings = self._settings
        local = LocalModel(model, self._tokenizer, batch_size=settings.batch_size, advance=self._show.advance)
        if task != SAMPLES:
            return measure(LmEvalModel(local, settings.max_new_tokens), TASKS[task], self._items_dir)
        samples = self._questions.samples
        texts = local.answer([row["context"] for row in samples], settings.sample_tokens)
        return [{"id": row["id"], "text": text} for row, text in zip(samples, texts, strict=True)]


def _measuring(base_digest: str, settings: EvalConfig, hardware: InferenceHardware) -> dict[str, Any]:
    """Return what a base answer depends on besides its question."""
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "lm_eval")}
    lengths = {"max_new_tokens": settings.max_new_tokens, "sample_tokens": settings.sample_tokens}
    where = {"device": hardware.device, "precision": hardware.precision, "batch_size": settings.batch_size}
    return {"base": base_digest, **versions, **lengths, **where}


def _work(questions: Questions, settings: EvalConfig, known: Mapping[str, Any]) -> int:
    """Estimate the tokens that both models go through, for the progress display."""
    total = 0
    for task in (*questions.tasks, SAMPLES):
        rows = questions.samples if task == SAMPLES else questions.tasks[task]
        times = 2 if known.get(task) is None else 1
        generated = settings.sample_tokens if task == SAMPLES else settings.max_new_tokens
        # About five characters a token; only the remaining time depends on it.
        prompts = sum(len(row["context"]) // 5 for row in rows)
        total += times * (prompts + sum(sum(row.get("tokens", ())) or generated for row in rows))
    return total


def _compare(
    questions: Questions, base: Answers, candidate: Answers, settings: EvalConfig, seed: int, out: Path
) -> dict[str, TaskResult]:
    """Join the answers item by item, write them, and compare."""
    how = Bootstrap(settings.confidence, settings.resamples, seed)
    compared = {}
    for task, items in questions.tasks.items():
        rows = [
            joined(task, item, before, after)
            for item, before, after in zip(items, base[task], candidate[task], strict=True)
        ]
        rows = TASKS[task].request.judged(rows)
        write_jsonl(out / "eval" / f"{task}.jsonl", rows)
        compared[task] = TASKS[task].compare(rows, how, questions.digest_of(task), questions.taught.get(task))
    return compared


def joined(
    task: str, question: Mapping[str, Any], base: Mapping[str, Any], candidate: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one line of ``eval/<task>.jsonl``.

    Raises:
        SecftError: the answers belong to different items.
    """
    if not question["id"] == base["id"] == candidate["id"]:
        raise SecftError(f"{task}: answers of {base['id']} and {candidate['id']} were paired with {question['id']}.")
    head = {key: question[key] for key in ("id", "entity", "family", "question")}
    sides = {
        # Sorted, because answers that were kept come back sorted, and equal results must be equal bytes.
        name: {key: answer[key] for key in sorted(answer) if key != "id"}
        for name, answer in {"base": base, "candidate": candidate}.items()
    }
    return {**head, **TASKS[task].request.gold(question), **sides}


def _side_by_side(
    questions: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]], candidate: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {
            **{key: value for key, value in question.items() if key != "context"},
            "base": before["text"],
            "candidate": after["text"],
        }
        for question, before, after in zip(questions, base, candidate, strict=True)
    ]


def headline(results: EvaluationResults) -> str:
    """Return one line: each task's main metric, base -> candidate."""
    parts = []
    for task, result in results.tasks.items():
        metric = result.metrics[result.primary]
        before, after = (
            "none" if side.value is None else f"{side.value:.2f}" for side in (metric.base, metric.candidate)
        )
        parts.append(f"{task} {before} -> {after}")
    return ", ".join(parts)


def read_job(path: Path) -> dict[str, Any]:
    """Read the arguments of ``evaluate`` from a JSON file.

    Raises:
        InputError: an argument is missing, or a setting is unknown.
    """
    job = read_json(path)
    try:
        places = {name: Path(job[name]) for name in ("dataset_dir", "out", "cache")}
        start = Path(job["start_dir"]) if job.get("start_dir") else None
        models = ModelFiles(Path(job["base_dir"]), Path(job["candidate_dir"]), start)
        return {"files": models, **places, "settings": EvalConfig(**job["settings"]), "seed": int(job["seed"])}
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not an evaluation job ({error}).") from error


def main(arguments: Sequence[str]) -> int:
    """Run the job of a JSON file and print the summary as JSON."""
    if len(arguments) != 1:
        print("usage: python -m secft.evaluate.run job.json", file=sys.stderr)
        return 2
    try:
        summary = evaluate(**read_job(Path(arguments[0])))
    except SecftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(summary))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
