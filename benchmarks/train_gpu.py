"""QLoRA on a GPU for a model of the shape of Llama 3.1 8B with random weights: time of a step, memory, losses.

    python benchmarks/train_gpu.py [--arms hf,trl,secft,secft-packed,unsloth,axolotl] [--steps 20] [--tiny]

Nothing is downloaded: weights are random, the tokenizer is trained here on made-up words. ``hf`` is a plain
transformers Trainer with peft and bitsandbytes, ``trl`` trl's SFTTrainer as its documentation shows it, ``secft`` the
engine of backend=trl, launched as a run launches it, and ``secft-packed`` the same with packed rows. ``unsloth``,
``axolotl`` and ``axolotl-packed`` are these programs in the environments that secft made for them (``--backends``; make
them first, none is made here). Every arm runs in a process of its own with rank 16 on all linear layers, the same
examples and the same seed; tokens are real ones, padding is not counted, and a step ends when the device has done its
work. Arms that share rows and order with ``trl`` are compared with its losses, step by step. Arms whose libraries are
not installed are left out and named. ``--tiny`` takes a small model and proves the script on a CPU; its times say
nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
OF_TRL = ("torch", "transformers", "peft", "bitsandbytes", "trl", "datasets")
NEEDS = {
    "hf": ("torch", "transformers", "peft", "bitsandbytes"), "trl": OF_TRL, "secft": OF_TRL, "secft-packed": OF_TRL,
    "unsloth": (), "axolotl": (), "axolotl-packed": (),
}  # fmt: skip
BACKENDS = {"secft": "trl", "unsloth": "unsloth", "axolotl": "axolotl"}
"""Arm without ``-packed`` -> backend of secft that trains it."""
BATCH, LENGTH, RANK, ALPHA, RATE, SEED, WARM = 4, 512, 16, 32, 2e-4, 0, 3
LARGE = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128_256,
}  # fmt: skip
TINY = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 512,
}  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=",".join(NEEDS))
    parser.add_argument("--steps", type=int, default=20, help=f"optimizer steps; the first {WARM} are not measured")
    parser.add_argument("--tiny", action="store_true", help="a small model, on whatever device there is")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "train_gpu.md")
    parser.add_argument("--backends", type=Path, default=HERE.parent / ".backends", help="environments of backends")
    parser.add_argument("--arm", choices=NEEDS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps <= WARM:
        raise SystemExit(f"--steps must be above {WARM}: so many are not measured")
    unknown = [arm for arm in options.arms.split(",") if arm not in NEEDS]
    if unknown:
        raise SystemExit(f"no such arm: {', '.join(unknown)}; there are {', '.join(NEEDS)}")
    if options.arm:
        run_arm(options)
        return
    import torch

    if not options.tiny and not torch.cuda.is_available():
        raise SystemExit("no CUDA device; --tiny proves the script without one")
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        prepare(work, options)
        report([launch(arm, work, options) for arm in options.arms.split(",")], options)


def prepare(work: Path, options: argparse.Namespace) -> None:
    """Write a tokenizer, random weights and examples."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    words = made_up_words()
    model_dir = work / "model"
    build_tokenizer(words).save_pretrained(model_dir)
    torch.manual_seed(SEED)
    config = LlamaConfig(**(TINY if options.tiny else LARGE), max_position_embeddings=8192, pad_token_id=0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        LlamaForCausalLM(config).save_pretrained(model_dir, max_shard_size="4GB")
    draw, half = random.Random(SEED), LENGTH // (8 if options.tiny else 2)
    with (work / "train.jsonl").open("w", encoding="utf-8") as stream:
        for number in range(BATCH * options.steps):
            said = [" ".join(draw.choices(words, k=draw.randint(half // 4, half // 2))) for _ in range(2)]
            messages = [{"role": r, "content": t} for r, t in zip(("user", "assistant"), said, strict=True)]
            stream.write(json.dumps({"id": str(number), "messages": messages}) + "\n")


def made_up_words() -> list[str]:
    draw = random.Random(SEED)
    return sorted({"".join(draw.choices("abcdefghiklmnoprstuvw", k=draw.randint(3, 7))) for _ in range(300)})


def build_tokenizer(words: list[str]) -> Any:
    """Return a tokenizer with a token for each word and a ChatML template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(words)] * 4, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=special[0], eos_token=special[2])
    fast.chat_template = TEMPLATE
    return fast


def launch(arm: str, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run an arm in a process of its own and read its result."""
    missing = missing_for(arm, options.backends)
    if missing:
        return {"arm": arm, "left_out": missing}
    print(f"running: {arm}", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--arm", arm, "--work", str(work)]
    command += [
        "--backends",
        str(options.backends),
        "--steps",
        str(options.steps),
        *(["--tiny"] if options.tiny else []),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"arm": arm, "left_out": f"failed: {done.stderr.strip()[-300:]!r}"}
    result: dict[str, Any] = json.loads((work / f"{arm}.json").read_text(encoding="utf-8"))
    return {"arm": arm, **result}


def missing_for(arm: str, root: Path) -> str:
    """Return why an arm cannot run here, or an empty string."""
    missing = [name for name in NEEDS[arm] if importlib.util.find_spec(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    backend = BACKENDS.get(arm.removesuffix("-packed"), "trl")
    if backend == "trl":
        return ""
    from secft.train.environments import check
    from secft.train.environments.place import place_of

    if not place_of(backend, root).is_dir():
        return f"not installed: the environment of backend={backend}"
    broken = check(backend, root)
    return f"its environment is not in order: {broken[0]}" if broken else ""


def run_arm(options: argparse.Namespace) -> None:
    arms: dict[str, Callable[[Path, int], dict[str, Any]]] = {"hf": run_hf, "trl": run_trl}
    if options.arm in arms:
        measured = arms[options.arm](options.work, options.steps)
    else:
        measured = run_backend(options.arm, options.work, options.steps, options.backends)
    (options.work / f"{options.arm}.json").write_text(json.dumps(measured), encoding="utf-8")


def quantised_model(path: Path) -> Any:
    """Load the base in NF4 with scales quantised too, ready for adapters."""
    import torch
    from peft import prepare_model_for_kbit_training
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip
    device = {"": 0} if torch.cuda.is_available() else {"": "cpu"}
    model = AutoModelForCausalLM.from_pretrained(path, quantization_config=how, dtype=torch.bfloat16, device_map=device)
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def lora() -> Any:
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def examples(work: Path) -> list[dict[str, Any]]:
    """Return token ids and labels, loss on what the assistant says."""
    from transformers import AutoTokenizer

    from secft.train.template import tokenise_example

    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    found = []
    for line in (work / "train.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        example = tokenise_example(tokenizer, row["id"], row["messages"])
        found.append({"input_ids": list(example.input_ids), "labels": list(example.labels)})
    return found


def pad(batch: list[dict[str, Any]]) -> dict[str, Any]:
    import torch

    width = max(len(row["input_ids"]) for row in batch)

    def filled(key: str, value: int) -> Any:
        return torch.tensor([[*row[key], *[value] * (width - len(row[key]))] for row in batch])

    mask = torch.tensor([[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in batch])
    return {"input_ids": filled("input_ids", 0), "labels": filled("labels", -100), "attention_mask": mask}


class Clock:
    """Times each step of a trainer and counts its tokens; a step ends when the device has done its work."""

    def __init__(self) -> None:
        self.began = 0.0
        self.seconds: list[float] = []
        self.tokens: list[int] = []

    def callback(self) -> Any:
        """Return what times the steps of a trainer."""
        import torch
        from transformers import TrainerCallback

        clock = self

        def wait() -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()

        class Timer(TrainerCallback):  # type: ignore[misc]
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                wait()
                clock.began = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                wait()
                clock.seconds.append(time.perf_counter() - clock.began)

        return Timer()

    def counted(self, collate: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        """Count the tokens of each batch; a batch is a step here."""

        def inner(batch: Any) -> dict[str, Any]:
            made = collate(batch)
            self.tokens.append(int(made["attention_mask"].sum()))
            return made

        return inner

    def result(self, losses: list[float]) -> dict[str, Any]:
        """Return tokens, seconds and loss of each step, and the peak memory."""
        import torch

        peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
        steps = len(self.seconds)
        return {"seconds": self.seconds, "tokens": self.tokens[:steps], "losses": losses, "peak_gib": peak}


def training_settings(work: Path, name: str) -> dict[str, Any]:
    import torch

    return {
        "output_dir": str(work / name), "per_device_train_batch_size": BATCH, "learning_rate": RATE,
        "num_train_epochs": 1, "lr_scheduler_type": "constant", "logging_steps": 1, "save_strategy": "no",
        "report_to": "none", "seed": SEED, "disable_tqdm": True, "bf16": True, "remove_unused_columns": False,
        "use_cpu": not torch.cuda.is_available(), "dataloader_pin_memory": False, "gradient_checkpointing": False,
        "optim": "adamw_torch_fused",
    }  # fmt: skip


def run_hf(work: Path, steps: int) -> dict[str, Any]:
    """A plain transformers Trainer around peft."""
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments, set_seed

    clock = Clock()
    set_seed(SEED)
    trainer = Trainer(
        model=get_peft_model(quantised_model(work / "model"), lora()),
        args=TrainingArguments(**training_settings(work, "hf-run")), train_dataset=examples(work),
        data_collator=clock.counted(pad), callbacks=[clock.callback()],
    )  # fmt: skip
    trainer.train()
    return clock.result([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


def run_trl(work: Path, steps: int) -> dict[str, Any]:
    """The SFTTrainer of trl on the same token ids; without gradient checkpointing, which would only slow it down."""
    from datasets import Dataset
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    clock = Clock()
    set_seed(SEED)
    settings = SFTConfig(
        **training_settings(work, "trl-run"), max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
    )
    trainer = SFTTrainer(
        model=quantised_model(work / "model"), args=settings, train_dataset=Dataset.from_list(examples(work)),
        peft_config=lora(), data_collator=clock.counted(pad), callbacks=[clock.callback()],
    )  # fmt: skip
    trainer.train()
    return clock.result([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


def run_backend(arm: str, work: Path, steps: int, root: Path) -> dict[str, Any]:
    """A backend of secft, launched as a run launches it; packed rows are repeated until all steps are done."""
    from secft.config.schemas.training import LoraConfig, RecoveryConfig
    from secft.train import TrainJob, backend_named, run_training, trainer_named
    from secft.train.metrics import read_metrics

    trainer = trainer_named(
        "qlora", lora=LoraConfig(r=RANK, alpha=ALPHA), learning_rate=RATE, scheduler="constant", warmup_ratio=0.0,
        micro_batch_size=BATCH, max_length=LENGTH, packing=arm.endswith("-packed"), max_steps=steps, eval_steps=0,
        save_steps=0, early_stopping_patience=0, recovery=RecoveryConfig(rollbacks=0, spike=0.0),
        precision="bf16" if arm.startswith("secft") else "auto",
    )  # fmt: skip
    job = TrainJob(str(work / "model"), str(work / "train.jsonl"), trainer, SEED)
    backend = backend_named(BACKENDS[arm.removesuffix("-packed")], root)
    result = run_training(job, backend, work / f"{arm}-run", lambda _: None)
    rows = [row for row in read_metrics(work / f"{arm}-run" / "metrics.jsonl") if "loss" in row]
    # A row tells the time up to its step; nothing but steps is done in between.
    seconds = [later["seconds"] - row["seconds"] for row, later in itertools.pairwise([{"seconds": 0.0}, *rows])]
    tokens = [row["tokens_per_second"] * spent for row, spent in zip(rows, seconds, strict=True)]
    losses = [row["loss"] for row in rows]
    return {"seconds": seconds, "tokens": tokens, "losses": losses, "peak_gib": result.peak_memory_gib}


def figures(result: dict[str, Any], reference: dict[str, Any] | None) -> list[str]:
    """Return the cells of an arm: speed, its ratio, time of a step, memory, losses, their distance from trl's."""
    seconds, tokens, losses = result["seconds"][WARM:], result["tokens"][WARM:], result["losses"]
    speed, ratio, parity = sum(tokens) / sum(seconds), "-", "-"
    if reference is not None:
        ratio = f"{speed * sum(reference['seconds'][WARM:]) / sum(reference['tokens'][WARM:]):.2f}"
        pairs = zip(losses, reference["losses"], strict=False)
        parity = "other rows" if result["arm"].endswith("-packed") else f"{max(abs(a - b) for a, b in pairs):.1e}"
    peak = "-" if result["peak_gib"] is None else f"{result['peak_gib']:.2f}"
    step = f"{1000 * statistics.median(seconds):,.0f}"
    return [f"{speed:,.0f}", ratio, step, peak, f"{losses[0]:.4f}", f"{losses[-1]:.4f}", parity]


def report(results: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table and write it beside the command."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    reference = next((r for r in results if r["arm"] == "trl" and "seconds" in r), None)
    lines = [
        "| arm | tokens/s | ratio to trl | step ms | peak GiB | first loss | last loss | largest difference to trl |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        cells = [r["left_out"], *[""] * 6] if "left_out" in r else figures(r, reference)
        lines.append(f"| {' | '.join([r['arm'], *cells])} |")
    shape = "a tiny model" if options.tiny else "the shape of Llama 3.1 8B, random weights"
    head = [
        "# QLoRA on a GPU", "", f"`python benchmarks/train_gpu.py {' '.join(sys.argv[1:])}`".replace(" `", "`"), "",
        f"{device}, torch {torch.__version__}; {shape}; rank {RANK} on all linear layers, {BATCH} examples a step, "
        f"{options.steps} steps of which the first {WARM} are not measured.", "",
    ]  # fmt: skip
    text = "\n".join([*head, *lines, ""])
    print(text)
    if not options.tiny:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
