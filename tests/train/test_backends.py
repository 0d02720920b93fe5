"""Backends in environments of their own: what is rendered, what is refused, what is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from secft.base import find_base_model
from secft.config.compose import compose_job, read_config
from secft.config.training import LoraConfig, QuantizationConfig
from secft.errors import InputError, TrainingError
from secft.files import read_json, write_json
from secft.models import BaseModel
from secft.train import TrainJob, TrainResult, backend_named, run_training
from secft.train.backends.axolotl.backend import AxolotlBackend
from secft.train.backends.keys import extra_problems, keys_of
from secft.train.backends.llama_factory.backend import LlamaFactoryBackend
from secft.train.backends.separate import SCRIPTS, SeparateBackend
from secft.train.checkpoints import CheckpointProgress, mark_complete
from secft.train.distributed.settings import DistributedSettings
from secft.train.environments.lock import lock_of
from secft.train.environments.place import Record, place_of, python_of
from secft.train.methods import methods_of
from secft.train.metrics import read_metrics
from secft.train.rows import load_examples
from tests.train.conftest import changed, conversation, write_rows

Make = Callable[..., TrainJob]
ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".backends"
KINDS: dict[str, type[SeparateBackend]] = {"axolotl": AxolotlBackend, "llama_factory": LlamaFactoryBackend}


def row_of(index: int, objective: str) -> dict[str, Any]:
    """A row as secft hands it to backends."""
    row = conversation(index)
    prompt, answer = row["messages"][:1], row["messages"][1:]
    wrong = [{"role": "assistant", "content": "B"}]
    if objective == "continue":
        return {"id": row["id"], "text": answer[0]["content"]}
    if objective == "kto":
        return {"id": row["id"], "prompt": prompt, "completion": answer, "label": index % 2 == 0}
    if objective == "sft":
        return row
    return {"id": row["id"], "prompt": prompt, "chosen": answer, "rejected": wrong}


@pytest.fixture
def job_of(make_job: Make, tmp_path: Path) -> Callable[..., TrainJob]:
    """A job of an objective over 12 training and 4 validation rows."""

    def build(objective: str = "sft", **changes: Any) -> TrainJob:
        train = write_rows(tmp_path / f"{objective}-train.jsonl", [row_of(i, objective) for i in range(12)])
        held = write_rows(tmp_path / f"{objective}-held.jsonl", [row_of(i, objective) for i in range(50, 54)])
        return make_job(train_file=str(train), validation_file=str(held), objective=objective, **changes)

    return build


def render(backend: str, job: TrainJob, directory: Path, **extra: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Render a job and return the configuration and the orders."""
    directory.mkdir(exist_ok=True)
    paths = KINDS[backend](Path("nowhere"), extra).render(job, directory)
    assert all(path.is_file() for path in paths)
    return yaml.safe_load((directory / "config.yml").read_text()), read_json(directory / "runner.json")


def lines(path: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


METHODS = [
    (backend, method)
    for backend in KINDS
    for method in methods_of(backend)
    if method not in ("pretrain", "grpo", "ppo")
]


@pytest.mark.parametrize(("backend", "method"), METHODS)
def test_every_method_renders_keys_that_the_backend_knows(
    job_of: Make, tmp_path: Path, backend: str, method: str
) -> None:
    adapters = {"full": "none", "lora": "lora", "qlora": "qlora", "dora": "dora"}
    objective = "sft" if method in adapters else method
    config, orders = render(backend, job_of(objective, adapter=adapters.get(method, "lora")), tmp_path / "run")
    assert set(config) <= keys_of(backend)
    assert orders["examples"] == 12
    assert orders["validates"]
    by_messages = objective not in ("sft", "continue") or (backend, objective) == ("axolotl", "sft")
    assert bool(orders["expected"]) == by_messages


def test_axolotl_is_told_what_a_cpu_needs(job_of: Make, tmp_path: Path) -> None:
    config, orders = render("axolotl", job_of(adapter="qlora", packing=True), tmp_path / "run")
    kernels = ("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel", "bf16", "fp16")
    assert [config[key] for key in kernels] == [False] * 6
    assert config["attn_implementation"] == "sdpa"
    assert config["optimizer"] == "adamw_torch"
    assert config["excess_length_strategy"] == "raise"
    assert config["chat_template"] == "tokenizer_default"
    assert config["load_in_4bit"] is True
    assert config["bnb_config_kwargs"] == {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    assert config["sample_packing"] is True
    assert orders["precision"] == "fp32"
    dataset = config["datasets"][0]
    assert dataset["type"] == "chat_template"
    assert dataset["field_messages"] == "messages"
    assert Path(dataset["path"]).is_relative_to(tmp_path / "run")
    assert Path(config["dataset_prepared_path"]).is_relative_to(tmp_path / "run")


def test_axolotl_gets_fused_kernels_on_a_gpu(job_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secft.train.backends.axolotl.backend.cuda_devices", lambda: [80 << 30])
    config, orders = render("axolotl", job_of(packing=True), tmp_path / "fused")
    assert config["plugins"][1:] == ["axolotl.integrations.liger.LigerPlugin"]
    assert {key for key in config if key.startswith("liger_")} == {
        "liger_rope", "liger_rms_norm", "liger_glu_activation", "liger_fused_linear_cross_entropy",
    }  # fmt: skip
    assert not [key for key in config if key.endswith("_kernel")], "Axolotl turns its own on by itself"
    assert orders["precision"] == "bf16"
    assert "liger_fused_linear_cross_entropy" not in render("axolotl", job_of("dpo"), tmp_path / "pairs")[0]
    plain, _ = render("axolotl", job_of(kernels="none"), tmp_path / "plain")
    assert len(plain["plugins"]) == 1
    assert [value for key, value in plain.items() if key.endswith("_kernel")] == [False] * 4


def test_rows_are_named_by_their_content(job_of: Make, tmp_path: Path) -> None:
    job = job_of()
    first, _ = render("axolotl", job, tmp_path / "run")
    again, _ = render("axolotl", job, tmp_path / "run")
    write_rows(Path(job.train_file), [row_of(i, "sft") for i in range(11)])
    other, _ = render("axolotl", job, tmp_path / "run")
    assert first["datasets"] == again["datasets"]
    assert first["datasets"] != other["datasets"]
    assert first["test_datasets"] == other["test_datasets"]


@pytest.mark.parametrize("backend", KINDS)
def test_long_rows_are_left_out_and_counted_before_the_backend_sees_them(
    job_of: Make, tmp_path: Path, backend: str
) -> None:
    job = job_of()
    long = row_of(12, "sft")
    long["messages"][1]["content"] = "overflow " * 200
    write_rows(Path(job.train_file), [*(row_of(i, "sft") for i in range(12)), long])
    _, orders = render(backend, job, tmp_path / "run")
    assert (orders["examples"], orders["dropped"], orders["truncated"]) == (12, 1, 0)
    rows = next((tmp_path / "run/engine/rows").glob("train-*.jsonl"))
    assert len(lines(rows)) <= 12
    with pytest.raises(InputError, match="is left to train on"):
        render(backend, changed(job, max_length=8), tmp_path / "other")


def test_answers_are_rendered_whole_for_axolotl(job_of: Make, tokenizer: Any, tmp_path: Path) -> None:
    config, _ = render("axolotl", job_of("dpo"), tmp_path / "run")
    rows = lines(config["datasets"][0]["path"])
    assert "type" not in config["datasets"][0]
    assert {row["rejected"] for row in rows} == {"B" + tokenizer.eos_token}
    whole = tokenizer.apply_chat_template(conversation(3)["messages"], tokenize=False)
    assert rows[3]["prompt"] + rows[3]["chosen"] == whole.rstrip()


def test_preferences_by_the_names_of_each_backend(job_of: Make, tmp_path: Path) -> None:
    simpo, _ = render("axolotl", job_of("simpo"), tmp_path / "a")
    assert (simpo["rl"], simpo["rl_beta"], simpo["simpo_gamma"], simpo["cpo_alpha"]) == ("simpo", 2.0, 1.0, 0.0)
    orpo, _ = render("llama_factory", job_of("orpo"), tmp_path / "b")
    assert (orpo["stage"], orpo["pref_loss"], orpo["pref_beta"]) == ("dpo", "orpo", 0.1)
    info = read_json(tmp_path / "b/engine/rows/dataset_info.json")
    assert info["train"]["ranking"] is True
    chosen = lines(tmp_path / "b/engine/rows" / info["train"]["file_name"])[0]
    assert chosen["rejected"] == {"role": "assistant", "content": "B"}
    kto, _ = render("llama_factory", job_of("kto"), tmp_path / "c")
    assert kto["stage"] == "kto"
    assert read_json(tmp_path / "c/engine/rows/dataset_info.json")["train"]["columns"]["kto_tag"] == "label"


def test_llama_factory_takes_the_template_of_the_tokenizer(job_of: Make, tmp_path: Path) -> None:
    quantised = QuantizationConfig(bits=8, type="fp4", double=False)
    config, _ = render("llama_factory", job_of("dpo", adapter="qlora", quantization=quantised), tmp_path / "run")
    assert "template" not in config
    assert (config["quantization_bit"], config["quantization_type"]) == (8, "fp4")
    assert config["double_quantization"] is False
    assert config["use_cpu"] is True
    assert config["lora_target"] == "all"


def test_llama_factory_gets_the_token_ids_and_the_mask_of_trl(job_of: Make, tokenizer: Any, tmp_path: Path) -> None:
    job = job_of(packing=True)
    config, orders = render("llama_factory", job, tmp_path / "run")
    written = lines(next((tmp_path / "run/engine/rows").glob("train-*.jsonl")))
    examples = load_examples(Path(job.train_file), tokenizer, job).examples
    assert orders["examples"] == len(examples) > len(written)
    assert config["neat_packing"] is True
    assert "tokenised-train-" in config["tokenized_path"]
    seen = []
    for row in written:
        assert len(row["input_ids"]) <= job.trainer.max_length
        for number in sorted(set(row["attention_mask"])):
            inside = [index for index, part in enumerate(row["attention_mask"]) if part == number]
            seen.append(tuple(tuple(row[key][index] for index in inside) for key in ("input_ids", "labels")))
    assert sorted(seen) == sorted((example.input_ids, example.labels) for example in examples)


def test_llama_factory_refuses_pairs_that_it_would_lose(job_of: Make, tmp_path: Path) -> None:
    job = job_of("dpo")
    row = row_of(0, "dpo")
    row["prompt"].insert(1, {"role": "user", "content": "And then?"})
    write_rows(Path(job.train_file), [row])
    with pytest.raises(InputError, match="user and assistant in turns"):
        render("llama_factory", job, tmp_path / "run")
    render("axolotl", job, tmp_path / "other")


def test_rows_of_another_objective_are_refused(job_of: Make, tmp_path: Path) -> None:
    job = replace(job_of("sft"), trainer=job_of("dpo").trainer)
    with pytest.raises(InputError, match="is no row of pairs"):
        render("axolotl", job, tmp_path / "run")


def test_settings_of_the_user_win_and_wrong_ones_are_refused(job_of: Make, tmp_path: Path) -> None:
    config, _ = render("axolotl", job_of(), tmp_path / "a", neftune_noise_alpha=5, weight_decay=0.2)
    assert (config["neftune_noise_alpha"], config["weight_decay"]) == (5, 0.2)
    with pytest.raises(InputError, match=r"weight_decya = 0\.1: is no setting of axolotl"):
        render("axolotl", job_of(), tmp_path / "b", weight_decya=0.1)
    wrong = extra_problems("llama_factory", {"trust_remote_code": True, "push_to_hub": True, "stage": "pt"})
    reasons = {problem.key.rpartition(".")[2]: problem.reason for problem in wrong}
    assert "would load code" in reasons["trust_remote_code"]
    assert "would send" in reasons["push_to_hub"]
    assert "set by secft" in reasons["stage"]
    assert extra_problems("axolotl", {"plugins": ["os"]})
    assert not extra_problems("axolotl", {"lora_dropout": 0.1})


def test_extra_settings_arrive_by_the_command_line() -> None:
    composed = compose_job(["backend=axolotl", "backend.extra.neftune_noise_alpha=5"])
    assert composed.config is not None, composed.problems
    assert composed.config.backend.extra == {"neftune_noise_alpha": 5}


def test_what_a_backend_cannot_do_is_refused_before_anything_is_written(job_of: Make, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="llama_factory does not do grpo"):
        render("llama_factory", job_of("grpo"), tmp_path / "a")
    with pytest.raises(InputError, match="fp32 on a CPU"):
        render("axolotl", job_of(precision="bf16"), tmp_path / "b")
    with pytest.raises(InputError, match="bias=all is known to backend=trl only"):
        render("axolotl", job_of(lora=LoraConfig(bias="all")), tmp_path / "c")
    assert not list(tmp_path.glob("[abc]/*.yml"))


def test_goes_on_from_the_last_complete_checkpoint(job_of: Make, tmp_path: Path) -> None:
    job, run = job_of(), tmp_path / "run"
    for step in (2, 4):
        (run / f"checkpoints/checkpoint-{step}").mkdir(parents=True)
    mark_complete(run / "checkpoints/checkpoint-2", CheckpointProgress(job.fingerprint(), step=2, tokens=99))
    write_rows(run / "metrics.jsonl", [{"step": step, "loss": 1.0} for step in range(1, 5)])
    config, orders = render("llama_factory", job, run)
    assert config["resume_from_checkpoint"].endswith("checkpoint-2")
    assert orders["progress"]["tokens"] == 99
    assert [row["step"] for row in read_metrics(run / "metrics.jsonl")] == [1, 2]
    other, _ = render("llama_factory", replace(job, seed=5), run)
    assert "resume_from_checkpoint" not in other


def environment_at(root: Path, name: str) -> Path:
    """Put an environment there whose record says that it is finished."""
    place = place_of(name, root)
    python_of(place).parent.mkdir(parents=True)
    python_of(place).write_text("")
    Record("ready", lock_of(name).digest, str(place), "3.11", {}).write(place)
    return place


@pytest.mark.parametrize("name", KINDS)
def test_starts_the_python_of_its_environment_and_tells_nobody(
    job_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    place = environment_at(tmp_path / "envs", name)
    backend: Any = backend_named(name, tmp_path / "envs")
    run = tmp_path / "run"
    run.mkdir()
    backend.render(job_of(threads=2), run)
    command, variables = backend.command(run), backend.environment(run)
    assert command[0] == str(place / "bin/python")
    assert Path(command[1]).is_file()
    assert command[2] == str(run)
    assert variables["AXOLOTL_DO_NOT_TRACK"] == "1"
    assert variables["HF_HUB_OFFLINE"] == "1"
    assert variables["OMP_NUM_THREADS"] == "2"
    assert Path(variables["HF_DATASETS_CACHE"]).is_relative_to(run)
    assert "PYTHONPATH" not in variables


def test_an_environment_is_kept_while_it_is_used(tmp_path: Path) -> None:
    environment_at(tmp_path, "axolotl")
    backend = AxolotlBackend(tmp_path)
    backend.prepare(lambda text: None)
    assert not can_be_removed("axolotl", tmp_path)
    with pytest.raises(TrainingError):
        backend.collect(tmp_path / "run")
    assert can_be_removed("axolotl", tmp_path)


def can_be_removed(name: str, root: Path) -> bool:
    """Whether nobody holds the lock of an environment, asked from another process."""
    code = (
        "import fcntl, os, sys\n"
        "for path in sys.argv[1:]:\n"
        "    fcntl.flock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    locks = [str(path) for path in root.iterdir() if path.is_file() and name in path.name]
    assert locks
    return subprocess.run([sys.executable, "-c", code, *locks], capture_output=True).returncode == 0


@pytest.mark.parametrize("name", KINDS)
def test_several_processes_are_started_by_the_launcher_and_watched(job_of: Make, tmp_path: Path, name: str) -> None:
    place = environment_at(tmp_path / "envs", name)
    backend: Any = backend_named(name, tmp_path / "envs")
    run = tmp_path / "run"
    run.mkdir()
    backend.render(job_of(distributed=DistributedSettings("ddp", processes=2)), run)
    config, command = yaml.safe_load((run / "config.yml").read_text()), backend.command(run)
    assert config["ddp_timeout"] == 1800
    assert command[:3] == [sys.executable, "-m", "secft.train.distributed.supervise"]
    launched = command[command.index("--") + 1 :]
    assert launched[0] == str(place / "bin/python")
    assert launched[launched.index("--nproc-per-node") + 1] == "2"
    assert launched[-2:] == [str(SCRIPTS / backend.script), str(run)]


def test_a_result_is_complete_or_an_error(tmp_path: Path) -> None:
    backend = AxolotlBackend()
    with pytest.raises(TrainingError, match="without a result"):
        backend.collect(tmp_path)
    write_json(tmp_path / "result.json", {"adapter_dir": "adapter"})
    with pytest.raises(TrainingError, match="not there"):
        backend.collect(tmp_path)


def real_backend(name: str) -> Any:
    """The backend with its real environment."""
    if not (ENVIRONMENTS / name / "secft.json").is_file():
        pytest.skip(f"no environment {ENVIRONMENTS / name}; python -m secft doctor --fix makes it")
    return backend_named(name, ENVIRONMENTS)


def losses(directory: Path, key: str) -> list[float]:
    return [row[key] for row in read_metrics(directory / "metrics.jsonl") if key in row]


def trained(name: str, job: TrainJob, directory: Path) -> TrainResult:
    """Train for real and check what every run must leave."""
    result = run_training(job, real_backend(name), directory, lambda progress: None)
    assert result.status == "completed"
    assert result.steps == 8
    assert (result.adapter_dir / "adapter_model.safetensors").is_file()
    assert read_json(result.adapter_dir / "adapter_config.json")["base_model_name_or_path"] == "org/base"
    assert not (directory / "engine").exists()
    assert not (directory / "checkpoints").exists()
    assert run_training(job, real_backend(name), directory) == result
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_trains_with_an_evaluation_in_the_middle_and_loads_here(
    job_of: Make, tiny: BaseModel, tmp_path: Path, name: str
) -> None:
    from secft.evaluate.loading import Hardware, attach, load_model

    job = job_of(base_model_name="org/base", max_steps=8, eval_steps=2, save_steps=4, packing=False)
    result = trained(name, job, tmp_path / "run")
    assert losses(tmp_path / "run", "eval_loss")[-1] < losses(tmp_path / "run", "eval_loss")[0] - 0.05
    assert len(losses(tmp_path / "run", "loss")) == 8
    assert 0 < result.supervised_tokens < result.tokens
    base = load_model(tiny.path, Hardware("cpu", "fp32"))
    assert attach(base, result.adapter_dir).peft_config["default"].r == 4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), [pair for pair in METHODS if pair[1] not in ("lora", "qlora")])
def test_every_method_trains_to_a_lower_loss(job_of: Make, tmp_path: Path, name: str, method: str) -> None:
    adapter = {"full": "none", "dora": "dora"}.get(method, "lora")
    objective = "sft" if method in ("full", "dora") else method
    steps = {"max_steps": 12, "eval_steps": 6, "save_steps": 12, "learning_rate": 2e-3, "packing": False}
    job = job_of(objective, adapter=adapter, micro_batch_size=4, **steps)
    result = run_training(job, real_backend(name), tmp_path / "run", lambda progress: None)
    assert (result.status, result.steps) == ("completed", 12)
    told, held_out = losses(tmp_path / "run", "loss"), losses(tmp_path / "run", "eval_loss")
    assert sum(told[-3:]) < sum(told[:3])
    assert len(held_out) == 2
    weights = "model.safetensors" if adapter == "none" else "adapter_model.safetensors"
    assert (result.adapter_dir / weights).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_quantised_base_learns_on_a_cpu_with_evaluations_in_between(job_of: Make, tmp_path: Path, name: str) -> None:
    backend = real_backend(name)
    base = find_base_model(read_config([]).model)
    values = {"model_dir": str(base.path), "adapter": "qlora", "lora": LoraConfig(r=8, alpha=16)}
    steps = {"max_steps": 20, "eval_steps": 5, "save_steps": 20, "learning_rate": 1e-3, "packing": False}
    result = run_training(job_of(**values, **steps), backend, tmp_path / "run", lambda progress: None)
    told = losses(tmp_path / "run", "eval_loss")
    assert result.status == "completed"
    assert len(told) == 4
    assert told[-1] < told[0] < losses(tmp_path / "run", "loss")[0]
    # An evaluation that stops the adapters leaves the loss where it was.
    assert sum(losses(tmp_path / "run", "loss")[-3:]) / 3 < losses(tmp_path / "run", "loss")[0] - 1


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_listed_keys_are_those_of_the_installed_backend(name: str) -> None:
    from secft.train.environments import variables_for

    place = real_backend(name).place
    command = [str(place.python), str(SCRIPTS / "schema_keys.py"), name]
    printed = subprocess.run(command, env=variables_for(place), capture_output=True, text=True, check=True, timeout=300)
    assert set(printed.stdout.split()) >= keys_of(name)
    assert len(keys_of(name)) > 300
