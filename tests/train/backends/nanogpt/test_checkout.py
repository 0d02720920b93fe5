"""A nanoGPT checkout by path: recognised, never written to, its numbers and weights taken over.

Most tests run a small program with nanoGPT's interface. With NANOGPT_CHECKOUT set to a real checkout, the last one
trains in it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from secft.errors import InputError
from secft.files import tree_digests
from secft.train.backends.nanogpt.backend import NanoGptBackend
from secft.train.backends.nanogpt.checkout import LogParser, check_checkout, read_checkpoint, render
from secft.train.backends.nanogpt.checkout_runner import train
from secft.train.backends.nanogpt.job import PretrainJob
from secft.train.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[4]
Make = Callable[..., PretrainJob]

PROGRAM = """
# get_batch and estimate_loss are nanoGPT's; this program has only its interface.
import os, pickle, sys, time, torch
from model import GPT
exec(open("configurator.py").read())
meta = pickle.load(open(f"data/{dataset}/meta.pkl", "rb"))
assert os.path.getsize(f"data/{dataset}/train.bin") > 0
names = dict(n_layer=n_layer, n_head=n_head, n_embd=n_embd, block_size=block_size, bias=bias, dropout=dropout)
names["vocab_size"] = meta["vocab_size"]
model, first = GPT(names), 0
os.makedirs(out_dir, exist_ok=True)
if init_from == "resume":
    saved = torch.load(out_dir + "/ckpt.pt")
    model.load_state_dict(saved["model"])
    first = saved["iter_num"]
for step in range(first, max_iters + 1):
    if step % eval_interval == 0:
        print(f"step {step}: train loss {4 - step / 100:.4f}, val loss {4.1 - step / 100:.4f}")
        if step:
            state = {"model": model.state_dict(), "model_args": names, "iter_num": step, "config": {}}
            torch.save({**state, "best_val_loss": torch.tensor(1.0)}, out_dir + "/ckpt.pt")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.001)
    time.sleep(pause)
    print(f"iter {step}: loss {4 - step / 100:.4f}, time 20.00ms, mfu -100.00%")
"""
MODEL = """
# class GPT with block_size, in the names of nanoGPT's state
import torch
class GPT(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        e = c["n_embd"]
        def part(**k): return torch.nn.ModuleDict(k)
        line = lambda a, b: torch.nn.Linear(a, b, bias=False)
        norm = lambda: torch.nn.LayerNorm(e, bias=False)
        block = lambda: part(ln_1=norm(), attn=part(c_attn=line(e, 3 * e), c_proj=line(e, e)), ln_2=norm(),
                             mlp=part(c_fc=line(e, 4 * e), c_proj=line(4 * e, e)))
        layers = torch.nn.ModuleList([block() for _ in range(c["n_layer"])])
        self.transformer = part(wte=torch.nn.Embedding(c["vocab_size"], e), ln_f=norm(), h=layers,
                                wpe=torch.nn.Embedding(c["block_size"], e))
        self.lm_head = line(e, c["vocab_size"])
        self.lm_head.weight = self.transformer["wte"].weight
"""
CONFIGURATOR = """
init_from, pause = "scratch", float(os.environ.get("PAUSE", "0"))
for word in sys.argv[1:]:
    if word.startswith("--"):
        name, _, value = word[2:].partition("=")
        globals()[name] = value
    else:
        exec(open(word).read())
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "nanoGPT"
    directory.mkdir()
    for name, text in (("train.py", PROGRAM), ("model.py", MODEL), ("configurator.py", CONFIGURATOR)):
        (directory / name).write_text(f"# configurator.py\n{text}", encoding="utf-8")
    return directory


def test_only_a_checkout_is_taken_for_one(checkout: Path, tmp_path: Path) -> None:
    check_checkout(checkout)
    with pytest.raises(InputError, match=r"lacks train\.py, model\.py"):
        check_checkout(tmp_path)
    (checkout / "model.py").write_text("print('something else')")
    with pytest.raises(InputError, match="not nanoGPT's"):
        check_checkout(checkout)


def test_rendering_leaves_checkout_and_data_alone(checkout: Path, make_job: Make, tmp_path: Path, data: Path) -> None:
    before = tree_digests(checkout), tree_digests(data)
    job = make_job(checkout=str(checkout))
    render(job, tmp_path / "work")
    render(job, tmp_path / "work")
    assert (tree_digests(checkout), tree_digests(data)) == before
    link = tmp_path / "work" / "data" / "prepared"
    assert link.is_symlink()
    assert link.resolve() == data.resolve()
    config = (tmp_path / "work" / "config.py").read_text()
    assert "n_layer = 2\n" in config
    assert "always_save_checkpoint = True\n" in config
    with pytest.raises(InputError, match="inside the checkout"):
        render(job, checkout / "work")


def test_a_trapped_meta_file_does_not_reach_train_py(checkout: Path, make_job: Make, tmp_path: Path) -> None:
    job = make_job(checkout=str(checkout))
    data = tmp_path / "trapped"
    data.mkdir()
    for name in ("train.bin", "val.bin"):
        (data / name).write_bytes((Path(job.data_dir) / name).read_bytes())
    (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": 1, "x": Path}))
    with pytest.raises(InputError, match="plain pickle"):
        render(PretrainJob(str(data), checkout=str(checkout)), tmp_path / "work")


def test_lines_become_rows(make_job: Make) -> None:
    parser = LogParser(make_job(), train_tokens=6400)
    assert parser.row("number of parameters: 0.80M") is None
    assert parser.row("step 250: train loss 2.0000, val loss 2.1000") == {
        "step": 250,
        "epoch": 2.5,
        "eval_loss": 2.1,
        "eval_train_loss": 2.0,
        "seconds": 0.0,
    }
    row = parser.row("iter 10: loss 2.5000, time 32.00ms, mfu 1.50%")
    assert row is not None
    assert (row["step"], row["loss"], row["tokens_per_second"], row["mfu"]) == (11, 2.5, 2000.0, 1.5)
    broken = parser.row("iter 11: loss nan, time 32.00ms, mfu -100.00%")
    assert broken is not None
    assert broken["loss"] is None


def test_a_run_leaves_what_the_embedded_engine_leaves(checkout: Path, make_job: Make, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    before = tree_digests(checkout)
    job = make_job(checkout=str(checkout))
    assert train(job, tmp_path / "run")
    result = NanoGptBackend().collect(tmp_path / "run")
    assert (result.steps, result.engine, result.best_validation_loss) == (12, "nanogpt checkout", 3.98)
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 13))
    assert [row["step"] for row in rows if "eval_loss" in row] == [0, 6, 12]
    ours, steps = read_checkpoint(tmp_path / "run" / "nanogpt" / "out" / "ckpt.pt")
    theirs = AutoModelForCausalLM.from_pretrained(result.adapter_dir).eval()
    tokens = torch.arange(12).unsqueeze(0)
    assert steps == 12
    with torch.no_grad():
        assert torch.allclose(ours.eval()(tokens), theirs(tokens).logits, atol=1e-4)
    assert tree_digests(checkout) == before


def test_a_stopped_run_goes_on_from_nanogpts_checkpoint(checkout: Path, make_job: Make, tmp_path: Path) -> None:
    job, directory, backend = make_job(checkout=str(checkout)), tmp_path / "run", NanoGptBackend()
    backend.render(job, directory)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PAUSE": "0.4"}
    process = subprocess.Popen(backend.command(directory), env=environment, stdout=subprocess.DEVNULL)
    end = time.monotonic() + 90
    while not any(row["step"] > 6 for row in read_metrics(directory / "metrics.jsonl")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    assert train(job, directory)
    rows = read_metrics(directory / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row] == list(range(1, 13))
    assert [row["step"] for row in rows if "eval_loss" in row] == [0, 6, 12]


def test_a_checkpoint_that_names_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Path("x")}, tmp_path / "ckpt.pt")
    with pytest.raises(InputError, match="not a checkpoint of tensors"):
        read_checkpoint(tmp_path / "ckpt.pt")
    torch.save({"model": {}}, tmp_path / "ckpt.pt")
    with pytest.raises(InputError, match="not a checkpoint of nanoGPT"):
        read_checkpoint(tmp_path / "ckpt.pt")


@pytest.mark.slow
def test_a_real_checkout_trains_on_our_files(make_job: Make, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    place = os.environ.get("NANOGPT_CHECKOUT")
    if not place:
        pytest.skip("NANOGPT_CHECKOUT names no nanoGPT checkout")
    before = tree_digests(Path(place))
    job = make_job(checkout=place, learning_rate=1e-2, min_lr=1e-3, max_iters=40, eval_interval=20)
    assert train(job, tmp_path / "run")
    losses = [row["eval_loss"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "eval_loss" in row]
    assert losses[-1] < losses[0] - 0.3
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "model").config.n_layer == 2
    assert tree_digests(Path(place)) == before
