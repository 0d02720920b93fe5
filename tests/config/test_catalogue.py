"""What is told about settings is complete, and is what is checked."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from omegaconf import OmegaConf

from secft.config.catalogue import all_options, catalogue
from secft.config.compose import compose_job, read_config
from secft.config.json_schema import json_schema
from secft.config.options import EXPERIMENT, groups, options
from secft.config.places import conf_directory
from secft.config.ranges import settings
from secft.files import plain


def test_every_setting_is_explained() -> None:
    assert len(catalogue()) > 300
    assert not [key for key, one in catalogue().items() if not one.about or not one.type]
    assert {option.group for option in all_options()} == set(groups("run"))


@pytest.mark.parametrize("chosen", [["trainer=dpo"], ["backend=nanogpt", "trainer=pretrain"], ["llm=openai"], []])
def test_every_setting_of_a_configuration_is_in_it(chosen: list[str]) -> None:
    tree = compose_job(chosen).tree
    assert tree is not None
    known = catalogue()
    unknown = [key for key, _, _ in settings(tree) if key not in known and key != "source"]
    assert not unknown


def test_defaults_are_what_hydra_composes() -> None:
    tree = compose_job(["trainer=qlora", "model=tiny"]).tree
    assert tree is not None
    held = OmegaConf.to_container(tree, resolve=False)
    known = catalogue()
    assert "trainer=qlora" in known["trainer.learning_rate"].defaults[str(held["trainer"]["learning_rate"])]  # type: ignore[index,call-overload]
    assert "trainer=qlora" in known["trainer.packing"].defaults["${hardware.packing}"]
    assert "model=tiny" in known["model.architecture.layers"].defaults["2"]
    assert known["source.capec.path"].default == "???"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


def test_the_schema_takes_experiments_and_configurations(validator: jsonschema.Draft202012Validator) -> None:
    for name in options(EXPERIMENT):
        content = yaml.safe_load((conf_directory() / EXPERIMENT / f"{name}.yaml").read_text(encoding="utf-8"))
        assert not list(validator.iter_errors(content)), name
    for chosen in ([], ["trainer=dpo", "model=tiny"], ["backend=nanogpt", "trainer=pretrain", "trainer.files=[x]"]):
        whole = plain(read_config(chosen))
        assert not [error.message for error in validator.iter_errors(whole)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"trainer": {"learnig_rate": 1}}, {"trainer": {"lora": {"r": 0}}}, {"trainer": {"scheduler": "cosin"}},
        {"sed": 3}, {"seed": "x"}, {"eval": {"tasks": ["nosuch"]}}, {"trainer": {"lora": None}}, {"defaults": "run"},
    ],
)  # fmt: skip
def test_the_schema_refuses_what_is_wrong(wrong: dict[str, object], validator: jsonschema.Draft202012Validator) -> None:
    assert list(validator.iter_errors(wrong))


def test_the_schema_takes_references_and_own_sources(validator: jsonschema.Draft202012Validator) -> None:
    own = {
        "seed": "${trainer.epochs}",
        "source": {"tickets": {"paths": ["x"]}},
        "defaults": [{"override /model": "ours"}],
    }
    assert not list(validator.iter_errors(own))
