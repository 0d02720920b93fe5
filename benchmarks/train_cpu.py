"""Training speed on this CPU: plain TRL, a plain PEFT loop, and secft, side by side on the same examples.

    python benchmarks/train_cpu.py [--examples 64] [--threads 0]
    python benchmarks/train_cpu.py --arms trl,unsloth,unsloth-hand,axolotl,axolotl-hand,llama_factory,llama_factory-hand

Every arm runs in a process of its own and trains rank-16 adapters on all linear layers of
SmolLM2-135M-Instruct in bf16 (Axolotl: fp32, it has no key for bf16 on a CPU), four examples of at most 512 tokens
a step, with the same seed. Tokens are real ones: padding is never counted. Afterwards every adapter is measured on the
same held-out examples by transformers' own forward. Arms of other engines need their environments (python -m secft
doctor --fix); each is launched by secft and, as ``-hand``, by its own program with the same settings. The table goes to
the screen and to benchmarks/results/train_cpu.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
ARMS = {
    "trl": "TRL SFTTrainer, as its documentation shows it",
    "peft": "plain PEFT loop, logits only at labels",
    "secft": "secft, same four examples a step",
    "secft-packed": "secft, packed rows of 512",
    "unsloth": "secft, backend=unsloth",
    "unsloth-hand": "Unsloth, as its documentation shows it",
    "axolotl": "secft, backend=axolotl",
    "axolotl-hand": "Axolotl, its own program",
    "llama_factory": "secft, backend=llama_factory",
    "llama_factory-hand": "LLaMA-Factory, its own program",
}
DEFAULT_ARMS = ("trl", "peft", "secft", "secft-packed")
OTHERS = ("unsloth", "axolotl", "llama_factory")
MIN_LENGTH, MAX_LENGTH, BATCH, RANK, ALPHA, RATE, SEED = 200, 512, 4, 16, 32, 2e-4, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=64, help="training examples, a multiple of 4")
    parser.add_argument("--held-out", type=int, default=24)
    parser.add_argument("--arms", default=",".join(DEFAULT_ARMS), help="comma-separated: " + ", ".join(ARMS))
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for all")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = options.threads or len(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if options.arm:
        run_arm(options.arm, options.work)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        facts = prepare(work, options.examples, options.held_out)
        results = [launch(arm, work) for arm in options.arms.split(",")]
        for result in results:
            adapter = work / result["arm"] / "adapter"
            result["held_out"] = held_out_loss(work, adapter) if adapter.is_dir() else float("nan")
        base = held_out_loss(work, None)
    report(results, facts, base, threads)


def prepare(work: Path, examples: int, held_out: int) -> dict[str, Any]:
    """Write train.jsonl, held_out.jsonl and model.txt; return token counts."""
    from cwe_examples import cwe_examples
    from transformers import AutoTokenizer

    from secft.models.resolve import resolve_model
    from secft.train.template import tokenise_example

    model = resolve_model("smollm2", "package")
    tokenizer = AutoTokenizer.from_pretrained(model.path)
    rows, tokens = [], []
    for row in cwe_examples(10_000):
        length = len(tokenise_example(tokenizer, row["id"], row["messages"]).input_ids)
        if MIN_LENGTH <= length <= MAX_LENGTH:
            rows.append(row)
            tokens.append(length)
        if len(rows) == examples + held_out:
            break
    (work / "model.txt").write_text(str(model.path), encoding="utf-8")
    (work / "tokens.txt").write_text(str(sum(tokens[:examples])), encoding="utf-8")
    for name, part in (("train", rows[:examples]), ("held_out", rows[examples:])):
        (work / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
    return {"examples": examples, "tokens": sum(tokens[:examples]), "held_out": len(rows) - examples}


def launch(arm: str, work: Path) -> dict[str, Any]:
    """Run one arm in a process of its own and read its result."""
    print(f"running: {ARMS[arm]}", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--arm", arm, "--work", str(work)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{arm} failed:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads((work / arm / "measured.json").read_text(encoding="utf-8"))
    return {"arm": arm, "wall": time.perf_counter() - started, **result}


def run_arm(arm: str, work: Path) -> None:
    """Train one arm and write measured.json and the adapter."""
    target = work / arm
    target.mkdir(parents=True)
    if arm in ("trl", "peft"):
        measured = {"trl": run_trl, "peft": run_peft}[arm](work, target)
    elif arm.endswith("-hand"):
        measured = run_hand(arm.removesuffix("-hand"), work, target)
    elif arm in OTHERS:
        measured = run_backend(arm, work, target)
    else:
        measured = run_secft(work, target, packing=arm == "secft-packed")
    if "peak_gib" not in measured:
        measured["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    (target / "measured.json").write_text(json.dumps(measured), encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lora_config() -> Any:
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def run_trl(work: Path, target: Path) -> dict[str, Any]:
    """TRL as a user writes it: prompt/completion rows, so that the loss is on the answer only.

    Gradient checkpointing, which TRL turns on by default, is off: it would only slow this arm down.
    """
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    started = time.perf_counter()
    rows = read_rows(work / "train.jsonl")
    data = Dataset.from_list([{"prompt": r["messages"][:1], "completion": r["messages"][1:]} for r in rows])
    args = SFTConfig(
        output_dir=str(target / "out"), per_device_train_batch_size=BATCH, max_length=MAX_LENGTH, learning_rate=RATE,
        num_train_epochs=1, bf16=True, use_cpu=True, gradient_checkpointing=False, lr_scheduler_type="constant",
        model_init_kwargs={"dtype": "bfloat16"}, seed=SEED, data_seed=SEED, report_to="none", save_strategy="no",
        logging_steps=1, disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    clock: dict[str, float] = {}

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            clock["begin"] = time.perf_counter()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            clock["end"] = time.perf_counter()

    trainer = SFTTrainer(
        model=(work / "model.txt").read_text(encoding="utf-8"), args=args, train_dataset=data,
        peft_config=lora_config(), callbacks=[Clock()],
    )  # fmt: skip
    trainer.train()
    trainer.save_model(str(target / "adapter"))
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "setup": clock["begin"] - started, "seconds": clock["end"] - clock["begin"],
        "tokens": int(trainer.state.log_history[-2]["num_tokens"]), "steps": trainer.state.global_step,
        "train_loss": sum(losses[-4:]) / 4,
    }  # fmt: skip


def run_peft(work: Path, target: Path) -> dict[str, Any]:
    """A short loop around PEFT: padded batches, logits only at labelled positions, AdamW."""
    import torch
    from peft import get_peft_model
    from torch.nn import functional
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    from secft.train.template import tokenise_example

    started = time.perf_counter()
    path = (work / "model.txt").read_text(encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(path)
    examples = [tokenise_example(tokenizer, r["id"], r["messages"]) for r in read_rows(work / "train.jsonl")]
    set_seed(SEED)
    order = torch.randperm(len(examples)).tolist()
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16), lora_config())
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, fused=True)
    begin, tokens, losses = time.perf_counter(), 0, []
    for start in range(0, len(order), BATCH):
        batch = [examples[i] for i in order[start : start + BATCH]]
        width = max(len(e.input_ids) for e in batch)
        ids, mask = torch.zeros(len(batch), width, dtype=torch.long), torch.zeros(len(batch), width, dtype=torch.long)
        labels = torch.full((len(batch), width), -100)
        for row, example in enumerate(batch):
            n = len(example.input_ids)
            ids[row, :n], mask[row, :n] = torch.tensor(example.input_ids), 1
            labels[row, : n - 1] = torch.tensor(example.labels[1:])
            tokens += n
        hidden = model.base_model.model.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        logits = model.base_model.model.lm_head(hidden[labels != -100])
        loss = functional.cross_entropy(logits.float(), labels[labels != -100])
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    seconds = time.perf_counter() - begin
    model.save_pretrained(str(target / "adapter"))
    return {
        "setup": begin - started, "seconds": seconds, "tokens": tokens, "steps": len(losses),
        "train_loss": sum(losses[-4:]) / 4,
    }  # fmt: skip


def run_secft(work: Path, target: Path, *, packing: bool) -> dict[str, Any]:
    """Train through secft's public interface: the trl backend, launched as a run would launch it."""
    from secft.config.schemas.training import LoraConfig, RecoveryConfig
    from secft.files import read_json
    from secft.train import TrainJob, backend_named, run_training, trainer_named
    from secft.train.metrics import read_metrics

    trainer = trainer_named(
        "lora", lora=LoraConfig(r=RANK, alpha=ALPHA), learning_rate=RATE, scheduler="constant", warmup_ratio=0.0,
        micro_batch_size=BATCH, max_length=MAX_LENGTH, packing=packing, precision="bf16", eval_steps=0, save_steps=0,
        early_stopping_patience=0, recovery=RecoveryConfig(rollbacks=0, spike=0.0),
    )  # fmt: skip
    job = TrainJob((work / "model.txt").read_text(encoding="utf-8"), str(work / "train.jsonl"), trainer, SEED)
    result = run_training(job, backend_named("trl"), target / "run", lambda _: None)
    result.adapter_dir.rename(target / "adapter")
    losses = [row["loss"] for row in read_metrics(target / "run" / "metrics.jsonl")]
    return {
        "setup": read_json(target / "run" / "started.json")["setup_seconds"],
        "seconds": result.tokens / result.tokens_per_second, "tokens": result.tokens, "steps": result.steps,
        "train_loss": sum(losses[-4:]) / len(losses[-4:]), "peak_gib": result.peak_memory_gib,
        "engine": result.engine,
    }  # fmt: skip


def run_backend(name: str, work: Path, target: Path) -> dict[str, Any]:
    """Train through secft's launch of another engine; the time is its whole training loop."""
    from secft.config.schemas.training import LoraConfig, RecoveryConfig
    from secft.train import TrainJob, backend_named, run_training, trainer_named
    from secft.train.metrics import read_metrics

    trainer = trainer_named(
        "lora", lora=LoraConfig(r=RANK, alpha=ALPHA), learning_rate=RATE, scheduler="constant", warmup_ratio=0.0,
        micro_batch_size=BATCH, max_length=MAX_LENGTH, packing=False, precision=_precision(name),
        eval_steps=0, save_steps=0,
        early_stopping_patience=0, recovery=RecoveryConfig(rollbacks=0, spike=0.0),
    )  # fmt: skip
    job = TrainJob((work / "model.txt").read_text(encoding="utf-8"), str(work / "train.jsonl"), trainer, SEED)
    started = time.perf_counter()
    result = run_training(job, backend_named(name, HERE.parent / ".backends"), target / "run", lambda _: None)
    whole = time.perf_counter() - started
    result.adapter_dir.rename(target / "adapter")
    losses = [row["loss"] for row in read_metrics(target / "run" / "metrics.jsonl") if "loss" in row]
    return {
        "setup": whole - result.seconds, "seconds": result.seconds, "tokens": result.tokens, "steps": result.steps,
        "train_loss": sum(losses[-4:]) / len(losses[-4:]), "peak_gib": result.peak_memory_gib,
    }  # fmt: skip


def _precision(engine: str) -> str:
    """Axolotl has no key for bf16 on a CPU."""
    return "fp32" if engine == "axolotl" else "bf16"


def run_hand(engine: str, work: Path, target: Path) -> dict[str, Any]:
    """Train with an engine's own program on the same conversations."""
    from engines_by_hand import run_by_hand

    told = {
        "model": (work / "model.txt").read_text(encoding="utf-8"), "rows": str(work / "train.jsonl"),
        "length": MAX_LENGTH, "rank": RANK, "alpha": ALPHA, "batch": BATCH, "rate": RATE, "seed": SEED,
        "bf16": _precision(engine) == "bf16",
    }  # fmt: skip
    found = run_by_hand(engine, work, target, told, HERE.parent / ".backends")
    losses = found["losses"]
    return {
        "setup": found["setup"], "seconds": found["seconds"], "tokens": int((work / "tokens.txt").read_text()),
        "steps": len(losses), "train_loss": sum(losses[-4:]) / max(len(losses[-4:]), 1),
        "peak_gib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20,
    }  # fmt: skip


def held_out_loss(work: Path, adapter: Path | None) -> float:
    """Mean loss per answer token on held_out.jsonl, by transformers' own forward in bf16."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from secft.train.forward.generic import GenericLoss
    from secft.train.rows import batches, build_rows
    from secft.train.template import tokenise_example

    path = (work / "model.txt").read_text(encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(path)
    examples = [tokenise_example(tokenizer, r["id"], r["messages"]) for r in read_rows(work / "held_out.jsonl")]
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    total, forward = 0.0, GenericLoss(model.eval())
    with torch.no_grad():
        for batch in batches(build_rows(examples, MAX_LENGTH, packing=False, seed=0), 8):
            total += float(forward(batch))
    return total / sum(example.trained for example in examples)


def report(results: list[dict[str, Any]], facts: dict[str, Any], base: float, threads: int) -> None:
    """Print the table and write it beside the command and the machine."""
    reference = next((r["tokens"] / r["seconds"] for r in results if r["arm"] == "trl"), None)
    lines = [
        "| | tokens/s | ratio | steps | training s | set-up s | last train loss | held-out loss | peak GiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        speed = r["tokens"] / r["seconds"]
        ratio = f"{speed / reference:.2f}" if reference else "-"
        held_out = "-" if math.isnan(r["held_out"]) else f"{r['held_out']:.4f}"
        lines.append(
            f"| {ARMS[r['arm']]} | {speed:.0f} | {ratio} | {r['steps']} | {r['seconds']:.1f} | {r['setup']:.1f} | "
            f"{r['train_loss']:.4f} | {held_out} | {r['peak_gib']:.2f} |"
        )
    text = "\n".join(
        [
            "# Training on a CPU",
            "",
            f"`python benchmarks/train_cpu.py {' '.join(sys.argv[1:])}`".replace(" `", "`"),
            "",
            f"Machine: {machine()}, {threads} threads. Versions: {versions()}.",
            f"{facts['examples']} examples, {facts['tokens']} tokens without padding, one pass, constant rate {RATE}; "
            f"{facts['held_out']} held-out examples, base model {base:.4f}.",
            "Set-up is loading, tokenising and attaching adapters; importing the libraries (about 8 s) is in none.",
            "",
            *lines,
            *by_hand(results),
            "",
        ]
    )
    print(text)
    path = HERE / "results" / "train_cpu.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def by_hand(results: list[dict[str, Any]]) -> list[str]:
    """Return how fast each engine is when secft launches it, against the engine's own program."""
    speeds = {r["arm"]: r["tokens"] / r["seconds"] for r in results}
    told = [
        f"{engine} {speeds[engine] / speeds[f'{engine}-hand']:.3f}"
        for engine in OTHERS
        if engine in speeds and f"{engine}-hand" in speeds
    ]
    return ["", f"Launched by secft against by hand, tokens/s: {', '.join(told)}."] if told else []


def machine() -> str:
    """Name the processor and its bf16 support."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    fields = dict(line.split("\t", 1) for line in info.splitlines() if "\t" in line)
    name = fields.get("model name", platform.processor()).strip("\t: ")
    found = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16") if flag in info]
    return f"{name} ({', '.join(found) or platform.machine()})"


def versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "trl", "peft"))


if __name__ == "__main__":
    main()
