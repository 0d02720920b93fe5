"""Checks before training: each reports flaws, none starts anything, none loads weights."""

from secft.train.checks.flaw import Flaw, stopping, warnings_of
from secft.train.checks.machine import Machine, machine_of

__all__ = ["Flaw", "Machine", "machine_of", "stopping", "warnings_of"]
