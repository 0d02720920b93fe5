"""hydra/sweeper=optuna. Hydra takes plugins only from this namespace; what they do is in ``secft/sweeping``."""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write


class OptunaSweeper(Sweeper):
    """Chooses the jobs of a multirun by what was good so far."""

    launcher: Launcher
    hydra_context: HydraContext
    config: DictConfig

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher that the command line asks for."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Try jobs until there are as many as asked for."""
        from secft.errors import SecftError
        from secft.log import complain
        from secft.sweeping.search import search

        def composed(fixed: list[str]) -> DictConfig:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, fixed)
            with read_write(config), open_dict(config):
                del config["hydra"]
            return config

        try:
            return search(arguments, str(self.config.hydra.sweep.dir), composed, self.launcher)
        except SecftError as error:  # Hydra would show a traceback and end with 1
            complain(str(error))
            raise SystemExit(error.exit_code) from error
