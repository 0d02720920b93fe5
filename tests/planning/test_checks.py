"""Broken configurations, models and datasets: each is found before training, and several are told together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secft.config.compose import read_config
from secft.errors import ConfigError, Problem, stopping, warnings_of
from secft.models.base_model import BaseModel
from secft.models.resolve import resolve_model
from secft.pipelines import FINETUNE
from secft.planning.checks import BEFORE_TRAINING, FINETUNE_CHECKS, inspect
from secft.planning.situation import Situation
from tests.planning import broken
from tests.planning.broken import conversation


@dataclass
class Findings:
    """What was found before a training."""

    flaws: list[Problem]
    situation: Situation

    @property
    def problems(self) -> list[Problem]:
        return stopping(self.flaws)

    @property
    def warnings(self) -> list[str]:
        return warnings_of(self.flaws)


SECONDS = 20
"""No check may take longer, processor time of this process."""


@pytest.fixture(scope="session")
def tiny() -> BaseModel:
    return resolve_model("tiny", "random")


@pytest.fixture
def look(tiny: BaseModel, tmp_path: Path) -> Callable[..., Findings]:
    """Check a dataset of 40 good rows, or of those given, with overrides."""

    def check(*overrides: str, rows: list[dict[str, Any]] | None = None, **kind: Any) -> Findings:
        place = broken.dataset(tmp_path / "dataset", rows or [conversation(n) for n in range(40)], **kind)
        start = time.process_time()
        config = read_config(["model=tiny", f"paths.cache={tmp_path}/cache", *overrides])
        situation = Situation(config, place)
        found = Findings(inspect(FINETUNE_CHECKS, situation, BEFORE_TRAINING), situation)
        assert time.process_time() - start < SECONDS
        return found

    return check


def kinds(found: Findings) -> set[str]:
    return {flaw.code for flaw in found.flaws if flaw.stops}


def test_a_sound_configuration_has_nothing_to_report(look: Callable[..., Findings]) -> None:
    found = look("trainer.eval_steps=0")
    assert found.flaws == []
    assert found.situation.seen is not None
    assert found.situation.steps is not None
    assert (found.situation.seen.total, found.situation.seen.looked_at, found.situation.steps.examples) == (40, 40, 40)


def test_a_candidate_that_cannot_be_measured_is_told_before_it_is_trained(look: Callable[..., Findings]) -> None:
    (flaw,) = look("trainer.eval_steps=0", "eval.tasks=[technique_to_tactic]").flaws
    assert (flaw.code, flaw.stops) == ("evaluation", True)
    assert "curation.split.test_fraction" in str(flaw)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["eval.tasks=[technique_to_tactic]"], ["gates.perplexity_must_fall = True: needs answer_perplexity"]),
        (["eval.tasks=[technique_to_tactic]", "gates.perplexity_must_fall=false"], []),
        (["gates.target_tasks=[technique_to_tactic]"], []),
        (
            ["eval.tasks=[answer_perplexity]"],
            ["gates.target_tasks = 'technique_to_tactic': is gated but not evaluated"],
        ),
    ],
)
def test_a_gate_whose_task_is_not_evaluated_is_told_before_anything_starts(
    overrides: list[str], said: list[str]
) -> None:
    gates = ("gates.target_tasks=[technique_to_tactic]", "gates.general_tasks=[]", "gates.safety_tasks=[]")
    told = [str(problem) for problem in FINETUNE.problems(read_config([*gates, *overrides]), machine=False)]
    assert len(told) == len(said)
    assert all(problem.startswith(words) for problem, words in zip(told, said, strict=True)), told
    assert not told or "eval.tasks" in told[0]


def test_gates_that_cannot_pass_stop_a_run_before_it_is_trained(look: Callable[..., Findings]) -> None:
    (flaw,) = look("trainer.eval_steps=0", "gates.target_tasks=[technique_to_tactic]").flaws
    assert (flaw.code, flaw.stops) == ("evaluation", True)
    assert "gates.target_tasks = 'technique_to_tactic': cannot improve" in str(flaw)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trainer=lora"], "finds nothing to improve"),
        (["trainer=lora", "gates.target_tasks=[]"], ""),
        (["trainer=reward"], "holds nothing out"),
    ],
)
def test_nothing_held_out_stops_what_needs_it(look: Callable[..., Findings], overrides: list[str], said: str) -> None:
    found = [flaw for flaw in look(*overrides, "trainer.eval_steps=0", test=0).flaws if flaw.code == "evaluation"]
    assert [flaw.stops for flaw in found] == [True] * bool(said)
    assert all(said in str(flaw) for flaw in found)


def test_few_independent_items_are_told(look: Callable[..., Findings]) -> None:
    first, second = look("trainer.eval_steps=0", "eval.max_items.general_knowledge=20", test=4).flaws
    assert first.stops
    assert "fewer than 5 independent items (security_mcq 4)" in str(first)
    assert not second.stops
    assert "asks 20 independent items; 36 are needed" in str(second)


@pytest.mark.parametrize(
    ("kind", "overrides", "said"),
    [
        ("method", ["trainer=ppo"], "grpo"),
        ("method", ["trainer=grpo", "backend=llama_factory"], "grpo is done by: trl"),
        ("packing", ["trainer=dpo", "trainer.packing=true"], "one by one"),
        ("backend setting", ["backend=axolotl", "backend.extra.learnig_rate=1"], "Did you mean 'learning_rate'"),
        ("backend setting", ["backend=axolotl", "backend.extra.trust_remote_code=true"], "load code"),
        ("contradiction", ["backend=axolotl", "backend.extra.learning_rate=0.5"], "trainer.learning_rate = 0.0005"),
        ("contradiction", ["backend=llama_factory", "backend.extra.lora_rank=99"], "trainer.lora.r = 16"),
        ("contradiction", ["backend=axolotl", "trainer.lora.bias=all"], "backend=trl only"),
        ("contradiction", ["trainer=grpo", "trainer.sampling.max_new_tokens=512"], "no room"),
        ("serving template", ["backend=llama_factory", "backend.extra.template=llama3"], "tokenizer's template"),
        ("precision", ["hardware.bf16=false", "trainer.precision=bf16"], "does not compute in bf16"),
        ("precision", ["backend=axolotl", "hardware=cpu", "trainer.precision=bf16"], "axolotl on a CPU"),
        ("attention", ["hardware=cpu", "trainer.attention=flash_attention_2"], "a CUDA device"),
        ("kernels", ["hardware=cpu", "trainer.kernels=liger"], "a CUDA device"),
        ("kernels", ["hardware=cuda24", "backend=unsloth", "trainer.kernels=liger"], "has none, or its own"),
        ("validation", ["curation.split.validation_fraction=0"], "early_stopping_patience=0"),
        ("memory", ["hardware.memory_gib=4", "trainer.micro_batch_size=64"], "micro_batch_size=15 trainer.grad"),
        ("memory", ["hardware=cuda24", "hardware.memory_gib=0.5"], "No micro batch fits"),
        ("disk", ["trainer.save_total_limit=999999999"], "lower trainer.save_total_limit"),
        ("target modules", ["trainer.lora.target_modules=[q_prj,v_proj]"], "Did you mean 'q_proj'"),
        ("target modules", ["trainer.lora.target_modules=[]"], "names no module"),
        ("too long", ["trainer.max_length=16"], "100.0% of the examples"),
        ("no pairs", ["trainer=dpo", "trainer.pairs.corrupt=false"], "none of 40 rows"),
        ("no pairs", ["trainer=kto", "trainer.pairs.corrupt=false"], "trainer.pairs.corrupt=true"),
        ("global batch", ["trainer.gradient_accumulation=100"], "200 rows"),
    ],
)
def test_a_setting_that_cannot_work_is_found(
    look: Callable[..., Findings], kind: str, overrides: list[str], said: str
) -> None:
    found = look(*overrides)
    told = [str(flaw) for flaw in found.flaws if flaw.code == kind and flaw.stops]
    assert told, found.flaws
    assert said in " ".join(told)


@pytest.mark.parametrize(
    ("kind", "row", "said"),
    [
        ("no answer", {"messages": []}, "row-5"),
        ("no answer", {"messages": [{"role": "user", "content": "x"}]}, "have no answer"),
        ("no answer", {"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": "x"}]}, "row-5"),
        ("template refuses", {"messages": [{"role": "assistant", "content": "x"}]}, "begin with the assistant"),
        ("too long", {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y " * 3000}]},
         "longer than 512"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_trained_on_is_found(
    look: Callable[..., Findings], kind: str, row: dict[str, Any], said: str
) -> None:
    rows = [conversation(n) for n in range(40)]
    rows[5:9] = [conversation(n, **row) for n in range(5, 9)]
    found = look("trainer.max_dropped_share=0.05", rows=rows)
    assert kind in kinds(found)
    assert said in " ".join(map(str, found.problems))


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("all masked", broken.MARKED_NOTHING),
        ("all trained", broken.MARKED_ALL),
        ("end of turn", broken.MARKED_WORDS),
        ("end of turn", broken.OTHER),
        ("generation prompt", broken.THINKS),
        ("template", "{{ raise_exception('nothing can be rendered') }}"),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_found(
    look: Callable[..., Findings], tiny: BaseModel, tmp_path: Path, kind: str, template: str
) -> None:
    model = broken.model_with(tiny.path, tmp_path / "model", template)
    found = look(f"model.path={model}")
    assert kind in {one.split(" refuses")[0] for one in kinds(found)}, found.flaws


def test_a_served_template_that_differs_is_found_wherever_it_stands(
    look: Callable[..., Findings], tiny: BaseModel, tmp_path: Path
) -> None:
    model = broken.model_with(tiny.path, tmp_path / "model", broken.PLAIN)
    broken.gguf(model / "model.gguf", broken.OTHER)
    (model / "Modelfile").write_text('FROM x.gguf\nTEMPLATE """[INST] {{ .Prompt }} [/INST]"""\n')
    (model / "adapter").mkdir()
    (model / "adapter" / "chat_template.jinja").write_text(broken.THINKS)
    served = tmp_path / "served.jinja"
    served.write_text(broken.OTHER)
    found = look(f"model.path={model}", f"model.served_template={served}")
    told = [str(flaw) for flaw in found.flaws if flaw.code == "serving template"]
    assert len(told) == 4
    for place in ("model.gguf", "Modelfile", "adapter/chat_template.jinja", "served.jinja"):
        assert any(place in text for text in told)


def test_served_templates_that_render_the_same_are_not_reported(
    look: Callable[..., Findings], tiny: BaseModel, tmp_path: Path
) -> None:
    model = broken.model_with(tiny.path, tmp_path / "model", broken.PLAIN)
    broken.gguf(model / "model.gguf", "{# another text #}" + broken.PLAIN)
    turns = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
    (model / "Modelfile").write_text(f'FROM x.gguf\nTEMPLATE """{turns}"""\n')
    assert "serving template" not in kinds(look(f"model.path={model}"))


def test_a_broken_gguf_is_a_warning(look: Callable[..., Findings], tiny: BaseModel, tmp_path: Path) -> None:
    model = broken.model_with(tiny.path, tmp_path / "model")
    (model / "model.gguf").write_bytes(b"GGUF" + b"\xff" * 40)
    found = look(f"model.path={model}", "trainer.eval_steps=0")
    assert found.problems == []
    assert "model.gguf" in " ".join(found.warnings)


@pytest.mark.parametrize("used", [True, False])
def test_a_token_without_an_embedding_stops_where_it_is_used(
    look: Callable[..., Findings], tiny: BaseModel, tmp_path: Path, used: bool
) -> None:
    model = broken.with_added_token(broken.model_with(tiny.path, tmp_path / "model"), "<|finding|>")
    rows = [conversation(n) for n in range(40)]
    if used:
        rows[3]["messages"][1]["content"] += " <|finding|>"
    found = look(f"model.path={model}", rows=rows)
    assert ("vocabulary" in kinds(found)) is used
    assert any(flaw.code == "vocabulary" and "<|finding|>" in str(flaw) for flaw in found.flaws)


def test_an_empty_validation_split_is_found(look: Callable[..., Findings]) -> None:
    assert "validation" in kinds(look(validation=0))


def test_examples_that_curation_dropped_for_their_length_count(look: Callable[..., Findings]) -> None:
    found = look(dropped=10)
    assert "10 of 50 examples in curation" in " ".join(map(str, found.problems))


def test_what_curation_dropped_by_a_limit_of_its_own_is_told_by_that_limit(look: Callable[..., Findings]) -> None:
    (problem,) = look("curation.max_tokens=100", dropped=10, longest=100).problems
    assert (problem.key, problem.value, problem.code) == ("curation.max_tokens", 100, "too long")
    assert "20.0% of the examples are longer than 100 tokens (10 of 50 examples in curation)" in str(problem)
    assert "Raise curation.max_tokens or trainer.max_dropped_share." in str(problem)
    assert "512" not in str(problem)


def test_a_few_long_examples_are_a_warning(look: Callable[..., Findings]) -> None:
    found = look(dropped=2, rows=[conversation(n) for n in range(60)])
    assert found.problems == []
    assert any("3.2% of the examples" in text for text in found.warnings)


def test_validation_that_never_comes_is_a_warning(look: Callable[..., Findings]) -> None:
    found = look("trainer.max_steps=3")
    assert found.problems == []
    assert "beyond the last step" in " ".join(found.warnings)


def test_a_broken_environment_of_a_backend_is_found(look: Callable[..., Findings], tmp_path: Path) -> None:
    (tmp_path / "backends" / "axolotl").mkdir(parents=True)
    (tmp_path / "backends" / "axolotl" / "notes.txt").write_text("mine")
    found = look("backend=axolotl", f"paths.backends={tmp_path}/backends")
    assert "occupied" in kinds(found)


def test_many_rows_are_looked_at_evenly(look: Callable[..., Findings], tmp_path: Path) -> None:
    rows = [conversation(n) for n in range(9000)]
    found = look(rows=rows)
    assert found.situation.seen is not None
    assert found.situation.steps is not None
    assert (found.situation.seen.total, found.situation.seen.looked_at) == (9000, 3000)
    assert found.situation.steps.examples == 9000


def test_all_is_told_at_once_before_training(tiny: BaseModel, tmp_path: Path) -> None:
    model = broken.model_with(tiny.path, tmp_path / "model", broken.THINKS)
    rows = [conversation(n) for n in range(40)]
    rows[7]["messages"].pop()
    place = broken.dataset(tmp_path / "dataset", rows, validation=0)
    overrides = ["model=tiny", f"model.path={model}", "trainer=dpo", "trainer.packing=true"]
    overrides += ["trainer.pairs.corrupt=false", "trainer.lora.target_modules=[q_prj]"]
    found = inspect(FINETUNE_CHECKS, Situation(read_config(overrides), place), BEFORE_TRAINING)
    told = str(ConfigError(stopping(found)))
    for said in ("cannot pack", "q_prj", "generation prompt", "row-7", "worse answers", "validation"):
        assert said in told


def test_a_gated_model_without_a_token_is_told_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    config = read_config(["model=llama31", "trainer=full", "hardware=cuda24", "model.revision=nowhere"])
    told = " ".join(map(str, FINETUNE.problems(config)))
    for said in ("is gated and no token is set", "No micro batch fits", "is not this machine"):
        assert said in told


def test_another_machine_can_be_planned_for() -> None:
    config = read_config(["trainer=qlora", "hardware=cuda24", "dry_run=true"])
    assert not [problem for problem in FINETUNE.problems(config) if problem.key in ("hardware", "trainer")]


def test_plain_text_is_cut_and_not_dropped(look: Callable[..., Findings]) -> None:
    rows = [conversation(n) for n in range(40)]
    rows[0]["messages"][1]["content"] = "word " * 1300
    found = look("trainer=continue", "trainer.eval_steps=0", rows=rows)
    assert found.flaws == []
    assert found.situation.seen is not None
    assert found.situation.steps is not None
    assert len(found.situation.seen.lengths) == 42
    assert max(found.situation.seen.lengths) == 512
    assert found.situation.steps.trained == pytest.approx(found.situation.steps.tokens, rel=0.02)
