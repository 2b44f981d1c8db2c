"""A loop that is recorded is, to the bit, the loop that it is without, and nothing of it is held afterwards."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.modules import module as hooks
from torch.utils.data import DataLoader, TensorDataset

import runlake

Runs = Callable[[], list[runlake.read.Run]]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # workers of a process that has threads

HOOKS = [name for name in vars(hooks) if name.startswith("_global_") and name.endswith("hooks")]


def made() -> torch.nn.Module:
    """A model with all that draws and counts."""
    norm, dropped = torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.3)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), norm, torch.nn.ReLU(), dropped, torch.nn.Linear(4, 1))


def trained(workers: int = 0, *, scales: bool = False) -> list[Any]:
    """Everything that a loop leaves: losses, weights, generators, flags."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    inputs = torch.randn(24, 3)
    data = DataLoader(TensorDataset(inputs, inputs.sum(1, keepdim=True)), batch_size=5, shuffle=True, num_workers=workers)
    model = made()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=15)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, enabled=scales)
    losses = []
    for _ in range(3):
        for batch, targets in data:
            optimizer.zero_grad()
            with torch.autocast("cpu", enabled=scales):
                loss = torch.nn.functional.mse_loss(model(batch), targets)
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # torch has no types there
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            scheduler.step()
            losses.append(loss.item())
    return [
        losses,
        [value.tolist() for value in model.state_dict().values()],
        [parameter.grad.tolist() for parameter in model.parameters() if parameter.grad is not None],
        [parameter.requires_grad for parameter in model.parameters()],
        [part.training for part in model.modules()],
        (torch.is_grad_enabled(), torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()),  # type: ignore[index]  # as a tuple
    ]


@pytest.mark.parametrize(("workers", "scales"), [(0, False), (2, False), (0, True)], ids=["plain", "workers", "scaled"])
def test_a_loop_is_what_it_is_without(runs: Runs, workers: int, scales: bool) -> None:
    """Losses, weights, gradients, generators, and every flag."""
    without = trained(workers, scales=scales)
    runlake.autolog("torch")
    recorded = trained(workers, scales=scales)
    runlake.disable_autolog()
    after = trained(workers, scales=scales)

    assert recorded == without == after
    (run,) = runs()
    assert (len(run.metrics["train/loss"]), run.errors) == (15, [])


def test_no_module_is_given_a_hook(runs: Runs) -> None:
    """Neither one of them nor all: each costs time in every module, and compiled ones are compiled anew."""
    model = made()
    before = [len(getattr(hooks, name)) for name in HOOKS]
    runlake.autolog("torch")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model(torch.ones(4, 3)).sum().backward()
        optimizer.step()

    assert [len(getattr(hooks, name)) for name in HOOKS] == before
    kinds = [name for name in vars(model) if name.endswith("_hooks")]
    assert [(part, name) for part in model.modules() for name in kinds if vars(part)[name]] == []
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_step_pre_hooks


def test_gradients_that_are_off_stay_off(runs: Runs) -> None:
    """The mode in which a step is made is what it was."""
    parameter = torch.nn.Parameter(torch.ones(2))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    optimizer = torch.optim.SGD([parameter, frozen], lr=0.1)
    runlake.autolog("torch")
    parameter.sum().backward()  # type: ignore[no-untyped-call]  # torch has no types there
    with torch.no_grad():
        optimizer.step()
        assert not torch.is_grad_enabled()

    assert torch.is_grad_enabled()
    assert (frozen.requires_grad, frozen.grad) == (False, None)


def test_nothing_of_a_loop_is_held(runs: Runs) -> None:
    """Neither a batch, nor a loss and what led to it, while it goes on; no model, loader or optimizer once it is over."""

    def train() -> list[Any]:
        model = made()
        data = DataLoader(TensorDataset(torch.ones(8, 3)), batch_size=4)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        passing = []
        for (batch,) in data:
            outputs = model(batch)
            loss = outputs.sum()
            loss.backward()
            optimizer.step()
            passing += [weakref.ref(batch), weakref.ref(outputs), weakref.ref(loss)]
        del batch, outputs, loss
        assert [held() for held in passing] == [None] * 6
        return [weakref.ref(model), weakref.ref(data), weakref.ref(optimizer), *map(weakref.ref, model.parameters())]

    runlake.autolog("torch")
    held = train()
    gc.collect()

    assert [each() for each in held] == [None] * len(held)
    assert len(runs()) == 1
