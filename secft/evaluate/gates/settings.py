"""What a candidate must show before it is registered (``gates``): the settings of all kinds of gates."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.setting import setting
from secft.evaluate.gates.general import GeneralGate, GeneralSettings
from secft.evaluate.gates.kind import GateKind
from secft.evaluate.gates.learned import LearnedGate
from secft.evaluate.gates.matching import MatchingGate, MatchingSettings
from secft.evaluate.gates.perplexity import PerplexityGate, PerplexitySettings
from secft.evaluate.gates.safety import SafetyGate, SafetySettings
from secft.evaluate.gates.target import TargetGate, TargetSettings

KINDS: tuple[GateKind, ...] = (
    TargetGate(), PerplexityGate(), MatchingGate(), GeneralGate(), SafetyGate(), LearnedGate()
)  # fmt: skip
"""All kinds of gates, in the order in which they are shown."""


@dataclass
class GatesConfig(SafetySettings, GeneralSettings, MatchingSettings, PerplexitySettings, TargetSettings):
    """What a candidate must show before it is registered."""

    name: str = setting("standard", about="Which gates are used.")
