"""Every option composes; every mistake is told, all together, with a way out."""

from __future__ import annotations

import pytest

from secft.__main__ import main
from secft.config.command_line import read_command_line, split
from secft.config.compose import compose_job, compose_sweep, open_key_overrides, read_config
from secft.config.options import about_option, groups, options
from secft.config.roots import RUN
from secft.dataset.sources.attack import AttackSource
from secft.dataset.sources.cwe import CweSource
from secft.errors import ConfigError, Problem
from secft.train.objectives.sft import QloraTrainer


def problems(*overrides: str) -> dict[str, Problem]:
    return {problem.key: problem for problem in compose_job(overrides).problems}


@pytest.mark.parametrize(("group", "option"), [(group, option) for group in groups("run") for option in options(group)])
def test_every_option_composes(group: str, option: str) -> None:
    chosen = f"{group}=[{option}]" if group == "source" else f"{group}={option}"
    composed = compose_job([chosen])
    needed = [f"{problem.key}=x".replace("paths=x", "paths=[x]") for problem in composed.problems]
    config = read_config([chosen, *needed]) if needed else composed.config
    node = config.source[option] if group == "source" else getattr(config, group)
    assert node.name == option
    assert about_option(group, option)


def test_sources_compose_as_typed_entries() -> None:
    config = read_config(["source=[cwe,attack]", "source.cwe.limit=3"])
    assert config.source["cwe"] == CweSource(limit=3)
    assert isinstance(config.source["attack"], AttackSource)


def test_an_option_brings_its_own_settings() -> None:
    config = read_config(["trainer=qlora", "trainer.quantization.double=false", "trainer.lora.r=4"])
    assert isinstance(config.trainer, QloraTrainer)
    assert config.trainer.quantization.double is False
    assert config.trainer.lora.r == 4


def test_three_mistakes_are_told_together() -> None:
    found = problems("trainer.learnig_rate=1", "+model.foo=2", "dedup.threshold=7")
    assert found["trainer.learnig_rate"].suggestion == "trainer.learning_rate"
    assert "license" in found["model.foo"].allowed
    assert found["dedup.threshold"].value == 7
    assert found["dedup.threshold"].allowed == "more than 0, at most 1"
    assert len(found) == 3


@pytest.mark.parametrize(
    ("override", "key", "said"),
    [
        ("trainer=qlroa", "trainer", "Did you mean 'qlora'"),
        ("source=[cwe,atack]", "source", "Did you mean 'attack'"),
        ("mdoel=tiny", "mdoel", "Did you mean 'model'"),
        ("learning_rate=3", "learning_rate", "Did you mean 'trainer.learning_rate'"),
        ("seed=abc", "seed", "wrong type"),
        ("trainer.epochs=nan", "trainer.epochs", "out of range"),
        ("trainer.lora.r=0", "trainer.lora.r", "1 to 1024"),
        ("gates.target_tasks=[foo]", "gates.target_tasks", "technique_to_tactic"),
        ("source.jsonl.path=x", "source.jsonl.path", "source=[cwe,attack,jsonl]"),
        ("source.pdff.path=x", "source.pdff", "no such source"),
        ("~seed", "seed", "cannot be removed"),
        ("+seed=4", "seed", "without the +"),
        ("++trainer.nope=4", "trainer.nope", "no such setting"),
        ("seed.deep=4", "seed.deep", "plain value"),
        ("trainer", "trainer", "Write key=value"),
        ("trainer=[lora,full]", "trainer", "exactly one"),
        ("trainer.lora={r:8,rr:9}", "trainer.lora", "rr"),
        ("trainer.scheduler=cosin", "trainer.scheduler", "Did you mean 'cosine'"),
        ("curation.max_examples_per_task.tactic=many", "curation.max_examples_per_task.tactic", "wrong type"),
    ],
)
def test_a_mistake_is_explained(override: str, key: str, said: str) -> None:
    found = problems(override)
    assert list(found) == [key]
    assert said in str(found[key])


def test_a_required_value_is_asked_for() -> None:
    composed = compose_job(["source=[capec]"])
    assert composed.config is None
    assert [problem.key for problem in composed.problems] == ["source.capec.path"]
    with pytest.raises(ConfigError, match="must be given"):
        read_config(["source=[capec]"])


def test_open_mappings_take_new_keys() -> None:
    config = read_config(["eval.max_items.security_mcq=5", "curation.max_examples_per_task.tactic=9"])
    assert config.eval.max_items["security_mcq"] == 5
    assert config.curation.max_examples_per_task["tactic"] == 9
    assert open_key_overrides(["eval.max_items.x=1", "seed=2"]) == ["++eval.max_items.x=1", "seed=2"]


def test_every_job_of_a_sweep_is_checked() -> None:
    jobs = compose_sweep(["trainer.lora.r=8,0", "seed=1,2", "trainer=lora,qlora"])
    assert len(jobs) == 8
    assert sum(bool(job.problems) for job in jobs) == 4
    line = read_command_line(["-m"], ["trainer.lora.r=8,0", "seed=1,2"], RUN)
    assert line.multirun
    assert [problem.key for problem in line.problems] == ["trainer.lora.r"]


def test_several_values_need_multirun() -> None:
    line = read_command_line([], ["seed=1,2"], RUN)
    assert [problem.remedy for problem in line.problems] == ["Add -m to sweep over them."]


def test_flags_overrides_and_words_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    flags, overrides, words = split(["-m", "--cfg", "job", "seed=1,2", "--frobnicate", "now", "./a=b", "+x.y=1"])
    assert flags == ["-m", "--cfg", "job"]
    assert overrides == ["seed=1,2", "+x.y=1"]
    assert words == ["--frobnicate", "now", "./a=b"]
    assert main(["--frobnicate", "trainer.nope=1"]) == 2
    said = capsys.readouterr().err
    assert "--frobnicate" in said
    assert "trainer.nope" in said


def test_an_option_of_another_group_is_pointed_out() -> None:
    problem = problems("synthesis=gemini")["synthesis"]
    assert "There is llm=gemini." in str(problem)


@pytest.mark.parametrize("value", ["[{a: 1}]", "[q_proj, [v_proj]]"])
def test_a_list_of_names_holds_nothing_but_names(value: str) -> None:
    problem = problems(f"trainer.lora.target_modules={value}")["trainer.lora.target_modules"]
    assert "is a list of single values" in str(problem)
    assert not problems("trainer.lora.target_modules=[q_proj, v_proj]")
