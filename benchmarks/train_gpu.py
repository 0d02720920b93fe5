"""QLoRA on a GPU for a model of the shape of Llama 3.1 8B with random weights: tokens per second and peak memory.

    python benchmarks/train_gpu.py [--arms hf,trl,secft] [--steps 20] [--tiny]

Nothing is downloaded: weights are random, the tokenizer is trained here on made-up words. ``hf`` is a plain
transformers Trainer with peft and bitsandbytes, ``trl`` trl's SFTTrainer as its documentation shows it, ``secft`` the
engine of backend=trl, launched as a run launches it. Every arm runs in a process of its own with rank 16 on all linear
layers, the same examples and the same seed; tokens are real ones, padding is not counted. Arms whose libraries are not
installed are left out and named. ``--tiny`` takes a small model and proves the script on a CPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]
NEEDS = {
    "hf": ("torch", "transformers", "peft", "bitsandbytes"),
    "trl": ("torch", "transformers", "peft", "bitsandbytes", "trl", "datasets"),
    "secft": ("torch", "transformers", "peft", "bitsandbytes", "trl", "datasets"),
}
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
    parser.add_argument("--arm", choices=NEEDS, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
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
    missing = [name for name in NEEDS[arm] if importlib.util.find_spec(name) is None]
    if missing:
        return {"arm": arm, "left_out": f"not installed: {', '.join(missing)}"}
    print(f"running: {arm}", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).resolve()), "--arm", arm, "--work", str(work)]
    command += ["--steps", str(options.steps), *(["--tiny"] if options.tiny else [])]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"arm": arm, "left_out": f"failed: {done.stderr.strip()[-300:]!r}"}
    result: dict[str, Any] = json.loads((work / f"{arm}.json").read_text(encoding="utf-8"))
    return {"arm": arm, **result}


def run_arm(options: argparse.Namespace) -> None:
    arms: dict[str, Callable[[Path, int], dict[str, Any]]] = {"hf": run_hf, "trl": run_trl, "secft": run_secft}
    measured = arms[options.arm](options.work, options.steps)
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
    """Times steps after the first few; what is compiled or allocated once is not counted."""

    def __init__(self) -> None:
        self.began, self.tokens, self.seconds, self.step = 0.0, 0, 0.0, 0

    def callback(self) -> Any:
        """Return what times the steps of a trainer."""
        import torch
        from transformers import TrainerCallback

        clock = self

        class Timer(TrainerCallback):  # type: ignore[misc]
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                clock.began = time.perf_counter()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                clock.step += 1
                if clock.step > WARM:
                    clock.seconds += time.perf_counter() - clock.began

        return Timer()

    def counted(self, collate: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
        """Count the tokens of the batches that belong to measured steps."""
        seen = [0]

        def inner(batch: Any) -> dict[str, Any]:
            made = collate(batch)
            seen[0] += 1
            if seen[0] > WARM:
                self.tokens += int(made["attention_mask"].sum())
            return made

        return inner

    def result(self, losses: list[float]) -> dict[str, Any]:
        """Return speed, peak memory and losses."""
        import torch

        peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
        return {"speed": self.tokens / self.seconds, "peak_gib": peak, "first": losses[0], "last": losses[-1]}


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
    from transformers import Trainer, TrainingArguments

    clock = Clock()
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
    from trl import SFTConfig, SFTTrainer

    clock = Clock()
    settings = SFTConfig(
        **training_settings(work, "trl-run"), max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
    )
    trainer = SFTTrainer(
        model=quantised_model(work / "model"), args=settings, train_dataset=Dataset.from_list(examples(work)),
        peft_config=lora(), data_collator=clock.counted(pad), callbacks=[clock.callback()],
    )  # fmt: skip
    trainer.train()
    return clock.result([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])


def run_secft(work: Path, steps: int) -> dict[str, Any]:
    """The engine of backend=trl, launched as a run launches it."""
    from secft.config.schemas.training import LoraConfig, RecoveryConfig
    from secft.train import TrainJob, backend_named, run_training, trainer_named
    from secft.train.metrics import read_metrics

    trainer = trainer_named(
        "qlora", lora=LoraConfig(r=RANK, alpha=ALPHA), learning_rate=RATE, scheduler="constant", warmup_ratio=0.0,
        micro_batch_size=BATCH, max_length=LENGTH, packing=False, precision="bf16", eval_steps=0, save_steps=steps,
        early_stopping_patience=0, recovery=RecoveryConfig(rollbacks=0, spike=0.0),
    )  # fmt: skip
    job = TrainJob(str(work / "model"), str(work / "train.jsonl"), trainer, SEED)
    result = run_training(job, backend_named("trl"), work / "secft-run", lambda _: None)
    rows = [row for row in read_metrics(work / "secft-run" / "metrics.jsonl") if "loss" in row]
    measured = [row["tokens_per_second"] for row in rows[WARM:]]
    # Tokens per second of each step; steps are alike in tokens, so the harmonic mean is tokens over time.
    speed = len(measured) / sum(1 / value for value in measured)
    return {"speed": speed, "peak_gib": result.peak_memory_gib, "first": rows[0]["loss"], "last": rows[-1]["loss"]}


def report(results: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Print the table and write it beside the command."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    reference = next((r["speed"] for r in results if r["arm"] == "trl" and "speed" in r), None)
    lines = ["| arm | tokens/s | ratio to trl | peak GiB | first loss | last loss |", "|---|---|---|---|---|---|"]
    for r in results:
        if "left_out" in r:
            lines.append(f"| {r['arm']} | {r['left_out']} |")
            continue
        ratio = f"{r['speed'] / reference:.2f}" if reference else "-"
        peak = "-" if r["peak_gib"] is None else f"{r['peak_gib']:.2f}"
        lines.append(f"| {r['arm']} | {r['speed']:.0f} | {ratio} | {peak} | {r['first']:.4f} | {r['last']:.4f} |")
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
