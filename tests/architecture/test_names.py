"""One word for one thing: every class name once, every setting read by somebody."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Any

import pytest

from secft.config.compose import read_config
from secft.config.roots import RUN
from secft.config.store import SCHEMAS, SOURCES
from secft.pipelines import PRETRAIN
from secft.train.objectives.pretrain import PretrainTrainer
from tests.architecture.layers import ROOT, modules, within


def test_every_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def schemas() -> dict[str, type]:
    """Return place -> every schema of a run, and of what lies inside it."""
    found: dict[str, type] = {}
    waiting: list[tuple[str, Any]] = [("run", RUN.schema)]
    waiting += [(f"{group}/{name}", schema) for group, named in SCHEMAS.items() for name, schema in named.items()]
    waiting += [(f"source/{name}", schema) for name, schema in SOURCES.items()]
    while waiting:
        place, schema = waiting.pop()
        found[place] = schema
        waiting += [(f"{place}.{item.name}", inner) for item in fields(schema) for inner in _inside(item)]
    return found


def _inside(item: Field[Any]) -> Iterator[type]:
    default = item.default_factory() if callable(item.default_factory) else item.default
    if is_dataclass(default):
        yield type(default)


@cache
def read_names() -> frozenset[str]:
    """Return every attribute that the package reads, and every plain string: settings are taken by ``getattr``, too.

    Settings of the hardware are defaults of others, in schemas or in the options' files.
    """
    names: set[str] = set()
    for option in ROOT.glob("conf/*/*.yaml"):
        names.update(re.findall(r"\$\{hardware\.(\w+)\}", option.read_text(encoding="utf-8")))
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value.removeprefix("${hardware.").removesuffix("}"))
    return frozenset(names)


@pytest.mark.parametrize("place", sorted(schemas()))
def test_every_setting_is_read_by_somebody(place: str) -> None:
    unread = [item.name for item in fields(schemas()[place]) if item.name not in read_names()]
    assert not unread, f"{place} has settings that nothing reads"


def test_pretraining_reads_what_it_does_not_refuse_and_refuses_only_what_there_is() -> None:
    read: set[str] = set()
    for module, path in modules().items():
        if not (within(module, "stages/pretraining") or within(module, "planning") or within(module, "pipelines")):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("trainer"):
                read.add(node.attr)
    refused = {key.removeprefix("trainer.") for key in PRETRAIN.unread if key.startswith("trainer.")}
    names = {item.name for item in fields(PretrainTrainer)}
    assert refused <= names
    assert names - refused - read == set(), "settings of pretraining that nothing reads and nobody refuses"
    config: Any = read_config(["trainer=pretrain", "backend=nanogpt"])
    for key in PRETRAIN.unread:
        node = config
        for part in key.split("."):
            node = getattr(node, part)
    assert PRETRAIN.problems(config, machine=False) == []


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("trainer.epochs=2", "counts steps"),
        ("gates.general_margin=0.2", "only gate"),
        ("eval.samples=2", "loss on held-out text"),
        ("model=tiny", "random weights"),
        ("synthesis=template", "without questions"),
        ("curation.secrets.scrub=false", "obfuscated, not curated"),
        ("evidence.language=en", "model card only"),
    ],
)
def test_a_setting_that_pretraining_does_not_read_is_refused_with_the_reason(override: str, why: str) -> None:
    config = read_config(["trainer=pretrain", "backend=nanogpt", override])
    (problem,) = PRETRAIN.problems(config, machine=False)
    assert problem.code == "unread"
    assert why in str(problem)
    assert override.split("=")[0] == problem.key


def test_what_pretraining_reads_of_the_evaluation_is_taken() -> None:
    assert (
        PRETRAIN.problems(read_config(["trainer=pretrain", "backend=nanogpt", "eval.confidence=0.9"]), machine=False)
        == []
    )
