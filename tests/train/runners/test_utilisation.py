"""How much of a device training uses."""

from __future__ import annotations

import pytest

from tests.train.runners.trainers import module

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


def test_utilisation_counts_packed_weights_and_all_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    told = module("utilisation")
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(8, 2))
    model[0].weight.requires_grad = False
    model[0].weight.quant_state = type("State", (), {"shape": (4, 8)})
    assert told.count_weights(model) == (32 + 18, 18)
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100 80GB HBM3")
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) == pytest.approx(4 * 8e9 * 3000 / 989e12, abs=1e-4)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert told.flops_utilisation(8_000_000_000, 10_000_000, 3000.0) == pytest.approx(0.0485, abs=1e-4)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A device nobody knows")
    assert told.flops_utilisation(8_000_000_000, 0, 3000.0) is None
