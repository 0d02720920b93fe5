"""One model option by itself: its file alone is composed, which is three times as quick as a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from secft.config.compose import composed_file
from secft.config.options import options
from secft.config.roots import Root
from secft.config.schemas.model import ModelConfig
from secft.config.store import register_schemas
from secft.errors import ConfigError, Problem, did_you_mean


@dataclass
class OneModelConfig:
    """A configuration of nothing but a model."""

    model: ModelConfig = field(default_factory=ModelConfig)


ONE_MODEL = Root("one_model", OneModelConfig)


def read_model_option(name: str) -> ModelConfig:
    """Return the settings of a model option, of secft's own or of a folder that the command line adds.

    Raises:
        ConfigError: there is no such option, or its file is wrong; or a value must be given with it.
    """
    known = options("model")
    if name not in known:
        raise ConfigError([Problem("model", "is not an option", name, ", ".join(known), did_you_mean(name, known))])
    try:
        register_schemas(ONE_MODEL)
        tree = composed_file(f"{ONE_MODEL.name}_schema", [f"+model={name}"])
        if missing := sorted(map(str, OmegaConf.missing_keys(tree))):
            raise ConfigError(
                [Problem(key, "must be given", remedy=f"model={name} leaves it open.") for key in missing]
            )
        found = OmegaConf.to_object(tree.model)
    except (HydraException, OmegaConfBaseException) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError([Problem("model", f"its file is wrong ({first})", name)]) from error
    assert isinstance(found, ModelConfig)
    return found
