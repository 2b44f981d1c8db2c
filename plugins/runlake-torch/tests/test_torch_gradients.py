"""The norm of the gradients where nothing clips them, and what is recorded last of a loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import runlake

Runs = Callable[[], list[runlake.read.Run]]


def trained(steps: int = 7, *, clips: bool = False) -> list[float]:
    """The norms, as the gradients are at each step."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    norms = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss: Any = model(torch.randn(8, 3)).square().mean()
        loss.backward()
        norms.append(float(torch.nn.utils.get_total_norm([each.grad for each in model.parameters() if each.grad is not None])))
        if clips:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()
    return norms


@pytest.mark.parametrize("every", [1, 3])
def test_the_norm_is_recorded_where_it_is_asked_for(runs: Runs, every: int) -> None:
    """Every so many steps."""
    runlake.torch.autolog(gradient_norm_every=every)
    norms = trained()
    runlake.disable_autolog()

    (run,) = runs()
    series = run.metrics["train/grad_norm"]
    assert (series.steps.tolist(), series.to_numpy().tolist()) == (list(range(0, 7, every)), pytest.approx(norms[::every]))


@pytest.mark.parametrize("every", [None, 0, -1, "often"])
def test_the_norm_is_not_recorded_where_it_is_not_asked_for(runs: Runs, every: Any) -> None:
    """Nor where what was asked for is no number of steps."""
    runlake.torch.autolog(gradient_norm_every=every)
    trained()
    runlake.disable_autolog()

    (run,) = runs()
    assert ("train/grad_norm" in run.metrics, run.errors) == (False, [])


def test_what_is_clipped_is_told_as_it_was_before(runs: Runs) -> None:
    """The option does not replace it by what is left."""
    runlake.torch.autolog(gradient_norm_every=1)
    norms = trained(clips=True)
    runlake.disable_autolog()

    (run,) = runs()
    assert run.metrics["train/grad_norm"].to_numpy().tolist() == pytest.approx(norms)


def test_the_last_epochs_speed_and_the_last_evaluation_are_recorded(runs: Runs) -> None:
    """Of a loop of one epoch too, after which nothing steps."""
    data = TensorDataset(torch.zeros(12, 3))
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runlake.autolog("torch")
    for (batch,) in DataLoader(data, batch_size=4):
        model(batch).sum().backward()
        optimizer.step()
        time.sleep(0.01)
    for (batch,) in DataLoader(data, batch_size=4):
        model(batch)
    runlake.disable_autolog()

    (run,) = runs()
    assert {key: run.metrics[key].steps.tolist() for key in ("train/samples_per_second", "train/steps_per_second", "eval/seconds")} == {
        "train/samples_per_second": [2],
        "train/steps_per_second": [2],
        "eval/seconds": [2],
    }
    assert run.metrics["train/samples_per_second"].last == pytest.approx(4 * run.metrics["train/steps_per_second"].last)
