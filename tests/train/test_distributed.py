"""Several processes: what is rendered is what launchers accept; what is trained is what one process would train."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from secft.config.compose import read_config
from secft.config.training import SamplingConfig
from secft.errors import Interrupted, TrainingError
from secft.files import read_json, write_json
from secft.planning.setup import setup_of
from secft.train import TrainJob
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.backend import backend_named
from secft.train.backends.keys import keys_of
from secft.train.backends.llama_factory.backend import LlamaFactoryBackend
from secft.train.distributed.choice import distributed_problems, missing_here, settings_of
from secft.train.distributed.commands import accelerate_command, torchrun_command
from secft.train.distributed.division import TurnBatches
from secft.train.distributed.launch_files import launch_files, write_launch_files
from secft.train.distributed.libraries import accelerate_config, deepspeed_json, fsdp_config
from secft.train.distributed.notes import noted, verdict
from secft.train.distributed.plan import launch_plan
from secft.train.distributed.settings import DistributedSettings
from secft.train.launch import run_training
from secft.train.metrics import read_metrics
from secft.train.progress import StepProgress
from tests.train.conftest import PAIRED, TECHNIQUES, question, rows_of, write_rows

PROGRAM = ["-m", "secft.train.backends.trl.runner", "/shared/run 1"]
TWO_NODES = DistributedSettings("ddp", processes=4, nodes=2, address="10.0.0.5", port=29500)
PAIR = DistributedSettings("ddp", processes=2, timeout=120)
SHARDED = ("fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3")


def test_torchrun_understands_the_command() -> None:
    from torch.distributed.run import get_args_parser

    command = torchrun_command(TWO_NODES, "1", "python", PROGRAM)
    told = get_args_parser().parse_args(command[3:])
    assert (told.nnodes, told.nproc_per_node, told.node_rank) == ("2", "4", 1)
    assert (told.master_addr, told.master_port, told.max_restarts) == ("10.0.0.5", 29500, 0)
    assert told.module
    assert [told.training_script, *told.training_script_args] == PROGRAM[1:]


def test_accelerate_understands_the_command() -> None:
    from accelerate.commands.launch import launch_command_parser

    told = launch_command_parser().parse_args(accelerate_command(TWO_NODES, "1", "python", PROGRAM, Path("/d"))[3:])
    assert told.config_file == "/d/launch/accelerate.yaml"
    assert (told.machine_rank, told.main_process_ip, told.main_process_port) == (1, "10.0.0.5", 29500)
    assert told.module
    assert [told.training_script, *told.training_script_args] == PROGRAM[1:]


@pytest.mark.parametrize("strategy", ["ddp", *SHARDED])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_accelerate_reads_its_configuration(strategy: Any, device: str, tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    settings = replace(TWO_NODES, strategy=strategy, device=device)
    path = tmp_path / "accelerate.yaml"
    path.write_text(yaml.safe_dump(accelerate_config(settings, "bf16", "deepspeed.json" if "zero" in strategy else "")))
    read = load_config_from_file(str(path))
    assert (read.num_processes, read.num_machines, read.use_cpu) == (8, 2, device == "cpu")
    expected = {"ddp": "MULTI_GPU", "fsdp2": "FSDP"}.get(strategy, "DEEPSPEED")
    assert read.distributed_type.value == expected
    if strategy == "fsdp2":
        from accelerate.commands.launch import launch_command_parser

        known = {key for key in vars(launch_command_parser().parse_args(["x.py"])) if key.startswith("fsdp")}
        assert set(read.fsdp_config) <= known


@pytest.mark.parametrize(("offload", "expected"), [("none", False), ("all", True)])
def test_fsdp_settings_reach_the_plugin(offload: str, expected: bool, tmp_path: Path) -> None:
    from accelerate import FullyShardedDataParallelPlugin
    from transformers import TrainingArguments

    told = fsdp_config(DistributedSettings("fsdp2", processes=2, offload=offload), checkpointing=False)
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", fsdp=True, fsdp_config=dict(told))
    plugin = FullyShardedDataParallelPlugin(**arguments.fsdp_plugin_args)
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert bool(getattr(plugin.cpu_offload, "pin_memory", False)) is expected
    assert plugin.state_dict_type.name == "FULL_STATE_DICT"


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("offload", ["none", "optimizer", "all"])
def test_deepspeed_accepts_its_configuration(stage: int, offload: str, tmp_path: Path) -> None:
    """Needs the package deepspeed, which is no dependency: it compiles for the GPUs of the machine it is used on."""
    pytest.importorskip("deepspeed", reason="deepspeed is not installed")
    from deepspeed.runtime.config import DeepSpeedConfig
    from transformers import TrainingArguments
    from transformers.integrations.deepspeed import HfTrainerDeepSpeedConfig

    strategy: Any = f"deepspeed_zero{stage}"
    told = deepspeed_json(DistributedSettings(strategy, processes=2, offload=offload))
    filled = HfTrainerDeepSpeedConfig(json.loads(json.dumps(told)))
    arguments = TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", max_steps=3, max_grad_norm=0.5)
    filled.trainer_config_process(arguments)
    filled.trainer_config_finalize(arguments, SimpleNamespace(config=SimpleNamespace(hidden_size=64)), 3)
    read = DeepSpeedConfig(filled.config)
    assert read.zero_optimization_stage == stage
    assert read.gradient_clipping == 0.5
    assert (read.zero_config.offload_optimizer is not None) is (offload != "none")
    assert (read.zero_config.offload_param is not None) is (offload == "all" and stage == 3)


@pytest.mark.parametrize("strategy", ["ddp", *SHARDED])
def test_backends_elsewhere_get_keys_that_they_know(strategy: Any, tmp_path: Path) -> None:
    settings = replace(PAIR, strategy=strategy, port=29501)
    for name, backend in {"axolotl": AxolotlBackend(), "llama_factory": LlamaFactoryBackend()}.items():
        keys = backend.spread(settings, tmp_path)
        assert keys
        assert set(keys) <= keys_of(name)
        assert backend.spread(DistributedSettings(), tmp_path) == {}


def test_launch_files_of_each_strategy(tmp_path: Path) -> None:
    zero = launch_files(replace(TWO_NODES, strategy="deepspeed_zero3"), "python", PROGRAM, tmp_path, "bf16")
    assert set(zero) == {"node.sh", "deepspeed.json", "accelerate.yaml"}
    assert str(tmp_path / "launch" / "deepspeed.json") in zero["accelerate.yaml"]
    assert json.loads(zero["deepspeed.json"])["zero_optimization"]["stage"] == 3
    slurm = launch_files(replace(TWO_NODES, launcher="slurm", device="cuda"), "python", PROGRAM, tmp_path, "bf16")
    assert set(slurm) == {"node.sh", "accelerate.yaml", "train.sbatch"}
    assert "#SBATCH --gpus-per-node=4\n" in slurm["train.sbatch"]
    assert "--partition" not in slurm["train.sbatch"]


def fake_program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("code", [0, 7])
def test_the_slurm_script_starts_every_machine_and_passes_its_end_on(code: int, tmp_path: Path) -> None:
    """srun and scontrol are stand-ins; the scripts themselves are run by bash."""
    programs, run = tmp_path / "bin", tmp_path / "the run"
    fake_program(programs, "scontrol", "echo node-a; echo node-b")
    fake_program(programs, "srun", 'for n in 0 1; do SLURM_NODEID=$n "${@:2}" || exit $?; done')
    fake_program(
        programs, "python-of-cluster", f'echo "$OMP_NUM_THREADS $SECFT_PARENT_PID $*" >> {tmp_path}/calls; exit {code}'
    )
    settings = replace(TWO_NODES, launcher="slurm", slurm={"cpus_per_process": 3, "time": "1:00:00"})
    write_launch_files(settings, "python-of-cluster", PROGRAM, run, "bf16")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "node-[a-b]"}
    environment["SECFT_PARENT_PID"] = "1"
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(["bash", str(run / "launch" / "train.sbatch")], env=environment, check=False)
    assert done.returncode == code
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == (2 if code == 0 else 1)
    for rank, call in enumerate(calls):
        assert call.startswith("3  -m secft.train.distributed.supervise")
        assert f"--node-rank {rank} " in call
        assert "--master-addr node-a " in call


def test_slurm_s_warning_asks_for_a_checkpoint(tmp_path: Path) -> None:
    programs, run = tmp_path / "bin", tmp_path / "run"
    fake_program(programs, "scontrol", "echo node-a")
    fake_program(programs, "srun", f"touch {tmp_path}/up; while [ ! -e {run}/stop ]; do sleep 0.05; done; exit 130")
    write_launch_files(replace(TWO_NODES, launcher="slurm"), "python", PROGRAM, run, "bf16")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "x"}
    job = subprocess.Popen(["bash", str(run / "launch" / "train.sbatch")], env=environment)
    wait_for(lambda: (tmp_path / "up").exists())
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 130


def test_a_script_of_launch_files_holds_no_foreign_words() -> None:
    config = read_config(["distributed=ddp", "distributed.launcher=slurm", "distributed.slurm.partition='a; rm b'"])
    assert [problem.key for problem in distributed_problems(setup_of(config))] == ["distributed.slurm.partition"]


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["distributed.processes=2"], "distributed.processes"),
        (["distributed=ddp", "distributed.offload=optimizer"], "distributed.offload"),
        (["distributed=deepspeed_zero2", "distributed.offload=all"], "distributed.offload"),
        (["distributed=fsdp2", "distributed.offload=optimizer"], "distributed.offload"),
        (["distributed=ddp", "distributed.nodes=2"], "distributed.address"),
        (["distributed=ddp", "backend=unsloth"], "distributed.name"),
        (["distributed=ddp", "backend=axolotl", "distributed.launcher=slurm"], "distributed.launcher"),
        (["distributed=fsdp2", "trainer=qlora"], "distributed.name"),
        (["distributed=deepspeed_zero3", "trainer=dpo"], "distributed.name"),
    ],
)
def test_impossible_pairs_are_told(overrides: list[str], key: str) -> None:
    assert [problem.key for problem in distributed_problems(setup_of(read_config(overrides)))] == [key]


@pytest.mark.parametrize("name", ["single", "ddp", *SHARDED])
def test_every_option_is_possible_as_it_is(name: str) -> None:
    config = read_config([f"distributed={name}"])
    assert distributed_problems(setup_of(config)) == []
    assert (settings_of(config.distributed).world > 1) is (name != "single")


def test_what_this_machine_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    config = read_config(["distributed=ddp", "distributed.launcher=slurm"])
    assert [problem.key for problem in missing_here(setup_of(config))] == ["distributed.launcher"]
    config = read_config(["distributed=deepspeed_zero2", "distributed.device=cpu", "backend=axolotl"])
    assert [problem.reason for problem in missing_here(setup_of(config))] == [
        "needs GPUs: accelerate leaves DeepSpeed out on CPUs"
    ]
    config = read_config(["distributed=ddp", "distributed.device=cuda", "distributed.processes=64"])
    assert [problem.key for problem in missing_here(setup_of(config))] == ["distributed.processes"]


def test_the_plan_of_two_machines_names_the_command_of_each() -> None:
    config = read_config(
        ["distributed=deepspeed_zero3", "distributed.nodes=2", "distributed.processes=8", "distributed.offload=all",
         "distributed.address=10.0.0.5", "trainer.micro_batch_size=4", "trainer.gradient_accumulation=2"]
    )  # fmt: skip
    text = "\n".join(launch_plan(setup_of(config)))
    assert "8 x 16 = 128 rows" in text
    for node in range(2):
        assert (
            f"machine {node}: python -m torch.distributed.run --nnodes 2 --nproc-per-node 8 --node-rank {node}" in text
        )
    assert "--master-addr 10.0.0.5 --master-port 29500" in text
    assert '"offload_param"' in text
    assert "OMP_NUM_THREADS=" in text
    assert launch_plan(setup_of(read_config([]))) == ["launch: one process on cpu, 2 rows in a global batch"]


@pytest.mark.parametrize("rows", [1, 7, 8, 23])
@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("micro", [1, 2, 4])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_global_batches_are_those_of_one_process(rows: int, world: int, micro: int, accumulation: int) -> None:
    from accelerate.data_loader import BatchSamplerShard

    order = [(7 * index + 3) % rows for index in range(rows)] if rows % 7 else list(range(rows))
    shards = [
        list(BatchSamplerShard(TurnBatches(order, rows, micro, world), world, rank, even_batches=False))
        for rank in range(world)
    ]
    assert len({len(shard) for shard in shards}) == 1
    step = micro * accumulation * world
    expected = [sorted(order[start : start + step]) for start in range(0, rows, step)]
    made = []
    for start in range(0, len(shards[0]), accumulation):
        batches = [batch for shard in shards for batch in shard[start : start + accumulation]]
        made.append(sorted(index for batch in batches for index in batch if index != rows))
    assert made == expected


def test_settings_of_place_do_not_change_a_job_s_identity(make_job: Callable[..., TrainJob]) -> None:
    job = make_job(distributed=PAIR)
    moved = replace(job, distributed=replace(PAIR, port=1234, address="10.0.0.1", launcher="accelerate", timeout=9))
    assert job.fingerprint() == moved.fingerprint()
    assert job.fingerprint() != replace(job, distributed=replace(PAIR, processes=3)).fingerprint()


def note(directory: Path, rank: int, **end: Any) -> None:
    write_json(directory / "ranks" / f"rank-{rank}.json", {"rank": rank, "pid": 10 + rank, "host": "h", **end})


def test_the_verdict_names_the_process_that_failed(tmp_path: Path) -> None:
    note(tmp_path, 0, exit_code=1, message="RuntimeError: Connection closed by peer")
    note(tmp_path, 1)
    code, message = verdict(tmp_path, 1, 2)
    assert code == 1
    assert "process 1 of 2 (pid 11 on h) was killed" in message
    note(tmp_path, 1, exit_code=2, message="InputError: no messages")
    assert verdict(tmp_path, 1, 2) == (2, "no messages")
    for rank in range(2):
        note(tmp_path, rank, exit_code=130, message="")
    assert verdict(tmp_path, 1, 2) == (130, "")
    assert verdict(tmp_path, 1, 3)[1].startswith("processes [2] of 3 did not start")
    assert verdict(tmp_path, 0, 2) == (0, "")


def test_a_note_tells_an_exception(tmp_path: Path) -> None:
    def broken() -> int:
        raise ValueError("wrong weights")

    with pytest.raises(ValueError, match="wrong weights"):
        noted(tmp_path, 3, broken)
    told = read_json(tmp_path / "ranks" / "rank-3.json")
    assert (told["exit_code"], told["message"]) == (1, "ValueError: wrong weights")


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


def train(job: TrainJob, directory: Path, on_progress: Callable[[StepProgress], None] = lambda row: None) -> Path:
    run_training(job, backend_named("trl"), directory, on_progress)
    return directory


def weights(directory: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(str(directory / "adapter" / "adapter_model.safetensors"))


def assert_same(left: Path, right: Path, tolerance: float, of_weights: float | None = None) -> None:
    """Rows of metrics.jsonl agree in step, loss and gradient; adapters agree."""
    rows, others = (read_metrics(directory / "metrics.jsonl") for directory in (left, right))
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    for row, other in zip(rows, others, strict=True):
        for key in {"loss", "eval_loss", "grad_norm"} & row.keys():
            assert row[key] == pytest.approx(other[key], abs=tolerance)
    made = weights(right)
    for name, tensor in weights(left).items():
        assert float((tensor - made[name]).abs().max()) <= (of_weights or tolerance), name
    one, two = read_json(left / "result.json"), read_json(right / "result.json")
    for key in ("steps", "tokens", "supervised_tokens", "examples", "epochs"):
        assert one[key] == two[key], key


@pytest.fixture
def spread_job(make_job: Callable[..., TrainJob]) -> Callable[..., TrainJob]:
    """A job over 24 rows whose last global batch is not full, in fp32, on one thread."""
    values = {"micro_batch_size": 5, "epochs": 2.0, "packing": False, "precision": "fp32", "threads": 1}
    return lambda **changes: make_job(**{**values, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("fast", [True, False])
def test_two_processes_train_what_one_does(fast: bool, spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    """One global batch: 5 rows on each of 2 processes, or 5 rows twice in one."""
    one = train(spread_job(gradient_accumulation=2, fast_path=fast), tmp_path / "one")
    two = train(spread_job(distributed=PAIR, fast_path=fast), tmp_path / "two")
    assert_same(one, two, 1e-4)
    assert read_json(two / "result.json")["engine"].startswith("fast" if fast else "generic")
    assert not (two / "adapter.tmp").exists()
    assert len(list((two / "ranks").glob("*.json"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("objective", [*PAIRED, "kto", "continue"])
def test_two_processes_learn_other_objectives_as_one_does(
    objective: str, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    settings = {
        "objective": objective,
        "train_file": str(write_rows(tmp_path / "rows.jsonl", rows_of(objective, range(16)))),
        "validation_file": str(write_rows(tmp_path / "others.jsonl", rows_of(objective, range(100, 108)))),
        "micro_batch_size": 4,
        "max_steps": 4,
    }
    one = train(spread_job(gradient_accumulation=2, **settings), tmp_path / "one")
    two = train(spread_job(distributed=PAIR, **settings), tmp_path / "two")
    # kto estimates the divergence over what all processes hold at the time: twice as many rows as one process.
    if objective == "kto":
        assert_same(one, two, 0.03, of_weights=5e-3)
    else:
        assert_same(one, two, 1e-3)


@pytest.mark.slow
def test_two_processes_reward_each_their_own_answers(
    spread_job: Callable[..., TrainJob], guessing: Path, tmp_path: Path
) -> None:
    """What is sampled depends on the process, so that rewards rise as in one process, but are not the same."""
    job = spread_job(
        objective="grpo",
        model_dir=str(guessing),
        train_file=str(write_rows(tmp_path / "questions.jsonl", [question(name) for name in TECHNIQUES])),
        validation_file=str(write_rows(tmp_path / "others.jsonl", [question(name) for name in ("T1499", "T1529")])),
        sampling=SamplingConfig(generations=4, max_new_tokens=4, temperature=1.0),
        kl=0.02,
        distributed=PAIR,
        micro_batch_size=2,
        learning_rate=2e-3,
        epochs=12.0,
        max_steps=24,
        eval_steps=24,
        scheduler="constant",
        warmup_ratio=0.0,
    )
    rows = read_metrics(train(job, tmp_path / "run") / "metrics.jsonl")
    rewards = [row["reward"] for row in rows if "loss" in row]
    assert len(rewards) == 24
    assert sum(rewards[-6:]) > sum(rewards[:6]) + 1.2
    assert [row["eval_loss"] for row in rows if "eval_loss" in row][-1] < -0.5


@pytest.mark.slow
def test_weights_divided_by_fsdp2_train_the_same(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    settings = {"load_best": True, "early_stopping_patience": 9}
    one = train(spread_job(gradient_accumulation=2, **settings), tmp_path / "one")
    two = train(spread_job(distributed=replace(PAIR, strategy="fsdp2"), **settings), tmp_path / "two")
    assert_same(one, two, 1e-3)
    assert (two / "adapter" / "adapter_config.json").is_file()
    assert not list((two / "adapter").glob("optimizer*"))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_a_stopped_training_of_two_processes_goes_on(
    strategy: Any, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    """SIGTERM to secft: one checkpoint, all processes leave, and the rest of the run is what it would have been."""
    job = spread_job(distributed=replace(PAIR, strategy=strategy), epochs=4.0, save_steps=100, eval_steps=3)
    whole = train(job, tmp_path / "whole")

    def stop_in_second_epoch(row: StepProgress) -> None:
        if row.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted):
        train(job, tmp_path / "stopped", stop_in_second_epoch)
    saved = sorted((tmp_path / "stopped" / "checkpoints").glob("checkpoint-*"))
    assert len(saved) == 1
    notes = [read_json(path) for path in (tmp_path / "stopped" / "ranks").glob("*.json")]
    assert [entry["exit_code"] for entry in notes] == [130, 130]
    assert_same(whole, train(job, tmp_path / "stopped"), 1e-4)


@pytest.mark.slow
def test_a_killed_process_ends_the_training_with_a_clear_error(
    spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    job = spread_job(distributed=PAIR, max_steps=400, save_steps=5, eval_steps=0, validation_file=None)

    def kill() -> None:
        wait_for(lambda: any((run / "checkpoints").glob("*/complete.json")))
        os.kill(read_json(run / "ranks" / "rank-1.json")["pid"], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TrainingError, match=r"process 1 of 2 \(pid \d+ on .*\) was killed"):
        train(job, run)
    killer.join()
    pids = [read_json(path)["pid"] for path in (run / "ranks").glob("*.json")]
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)


@pytest.mark.slow
def test_nothing_is_left_of_a_training_whose_starter_is_killed(
    spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    spread_job(distributed=PAIR, max_steps=4000, eval_steps=0, validation_file=None).write(tmp_path / "wanted.json")
    code = (
        "import sys; from pathlib import Path; from secft.train import TrainJob; from secft.train.launch import "
        "run_training; from secft.train import backend_named; "
        "run_training(TrainJob.read(Path(sys.argv[1])), backend_named('trl'), Path(sys.argv[2]))"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "wanted.json"), str(run)])
    wait_for(lambda: len(read_metrics(run / "metrics.jsonl")) > 2)
    pids = [read_json(path)["pid"] for path in (run / "ranks").glob("*.json")]
    assert len(pids) == 2
    starter.kill()
    starter.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp2"])
def test_whole_models_are_trained_and_saved_whole(
    strategy: Any, spread_job: Callable[..., TrainJob], tmp_path: Path
) -> None:
    one = train(spread_job(gradient_accumulation=2, adapter="none"), tmp_path / "one")
    two = train(spread_job(distributed=replace(PAIR, strategy=strategy), adapter="none"), tmp_path / "two")
    from safetensors.torch import load_file

    made = load_file(str(two / "adapter" / "model.safetensors"))
    for name, tensor in load_file(str(one / "adapter" / "model.safetensors")).items():
        assert float((tensor - made[name]).abs().max()) < 1e-3, name


@pytest.mark.slow
def test_accelerate_starts_the_same_training(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    two = train(spread_job(distributed=PAIR), tmp_path / "two")
    other = train(spread_job(distributed=replace(PAIR, launcher="accelerate")), tmp_path / "accelerate")
    assert_same(two, other, 0.0)


@pytest.mark.slow
def test_ray_starts_the_same_training(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    two = train(spread_job(distributed=PAIR), tmp_path / "two")
    other = train(spread_job(distributed=replace(PAIR, launcher="ray", timeout=300)), tmp_path / "ray")
    assert_same(two, other, 0.0)
    assert not (other / "ray").exists()


@pytest.mark.slow
def test_data_that_cannot_be_trained_is_told_as_such(spread_job: Callable[..., TrainJob], tmp_path: Path) -> None:
    from secft.errors import InputError

    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match="no messages"):
        train(spread_job(distributed=PAIR, train_file=str(broken)), tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
