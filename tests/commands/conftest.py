"""The Hub on loopback of the downloads, for the commands that use it."""

from tests.models.downloads.conftest import hub, model_files

__all__ = ["hub", "model_files"]
