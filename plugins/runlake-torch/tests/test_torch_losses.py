"""The loss of a step is what led to it, as the program had it: not scaled, not changed later, told from another optimizer's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR

import runlake
from reading import series

Runs = Callable[[], list[runlake.read.Run]]
Points = list[tuple[int, Any]]


def made(count: int = 1, **settings: Any) -> tuple[torch.nn.Parameter, torch.optim.Optimizer]:
    """Ones, and what optimizes them."""
    weights = torch.nn.Parameter(torch.ones(count))
    return weights, torch.optim.SGD([weights], **{"lr": 0.5, **settings})


def back(loss: Any, **settings: Any) -> None:
    """As `loss.backward()`, which has no types."""
    loss.backward(**settings)


def all_series(runs: Runs) -> dict[str, Points]:
    """Those of the one run, which ends."""
    runlake.disable_autolog()
    (run,) = runs()
    assert run.errors == []
    return {key: series(run.info.run_id, key) for key in run.metrics}


def test_accumulated_losses_have_a_mean_a_sum_and_a_number(runs: Runs) -> None:
    """Whether they were divided by their number is the program's to know."""
    weights, optimizer = made()
    runlake.autolog("torch")
    for step in range(2):
        for part in range(4):
            back(weights.sum() * 0 + step + part)
        optimizer.step()

    assert all_series(runs) == {
        "train/loss": [(0, 1.5), (1, 2.5)],
        "train/loss_sum": [(0, 6.0), (1, 10.0)],
        "train/backwards_per_step": [(0, 4.0), (1, 4.0)],
        "train/lr": [(0, 0.5)],
    }


def test_steps_of_one_and_of_several_losses_are_told_apart(runs: Runs) -> None:
    """The last step of an epoch often has fewer."""
    weights, optimizer = made()
    runlake.autolog("torch")
    for parts in (2, 1):
        for part in range(parts):
            back(weights.sum() * 0 + part)
        optimizer.step()

    found = all_series(runs)
    assert (found["train/loss"], found["train/loss_sum"], found["train/backwards_per_step"]) == (
        [(0, 0.5), (1, 0.0)],
        [(0, 1.0), (1, 0.0)],
        [(0, 2.0), (1, 1.0)],
    )


def test_a_scaled_loss_is_recorded_as_it_was(runs: Runs) -> None:
    """And a step that is left out, as the gradients overflowed, does not spoil the next one's loss."""
    weights, optimizer = made()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    runlake.autolog("torch")
    for factor in (1.0, float("inf"), 3.0):
        optimizer.zero_grad()
        back(scaler.scale(weights.sum() * 0 + 2 + (weights.sum() - weights.sum()) * factor if factor == 3.0 else weights.sum() * factor))
        scaler.step(optimizer)
        scaler.update()

    assert all_series(runs)["train/loss"] == [(0, 1.0), (1, 2.0)]


def test_scaled_losses_that_are_accumulated_and_clipped_are_not_scaled_either(runs: Runs) -> None:
    """The norm is that of the gradients as they are once they are unscaled."""
    weights, optimizer = made()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    runlake.autolog("torch")
    for part in (1.0, 2.0):
        back(scaler.scale(weights.sum() * part))
    scaler.unscale_(optimizer)
    clip_grad_norm_([weights], 1.0)
    scaler.step(optimizer)

    found = all_series(runs)
    assert (found["train/loss"], found["train/loss_sum"], found["train/grad_norm"]) == ([(0, 1.5)], [(0, 3.0)], [(0, pytest.approx(3.0))])


def test_scaled_losses_of_a_list_are_recorded_too(runs: Runs) -> None:
    """A loss that is scaled and never differentiated is nobody's."""
    weights, optimizer = made()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    runlake.autolog("torch")
    scaler.scale(weights.sum() * 100)
    losses: Any = scaler.scale([weights.sum() * 2, weights.sum() * 3])
    for loss in losses:
        back(loss)
    scaler.step(optimizer)

    assert all_series(runs)["train/loss_sum"] == [(0, 5.0)]


def test_the_norm_of_gradients_is_recorded_where_they_are_clipped(runs: Runs) -> None:
    """By a function that was imported by its name before; a step without it has none."""
    weights, optimizer = made(4)
    runlake.autolog("torch")
    for step in range(3):
        optimizer.zero_grad()
        back(weights.sum() * 2)
        if step != 1:
            clip_grad_norm_([weights], 1.0)
        optimizer.step()

    assert all_series(runs)["train/grad_norm"] == [(0, pytest.approx(4.0)), (2, pytest.approx(4.0))]


def test_the_losses_of_two_optimizers_are_told_apart(runs: Runs) -> None:
    """As of a discriminator, which is given two losses, and of a generator; there is one run."""
    judge, judging = made()
    maker, making = made(lr=0.25)
    runlake.autolog("torch")
    for step in range(2):
        back(judge.sum() * 0 + step)
        back(judge.sum() * 0 + step + 1)
        judging.step()
        back(maker.sum() * 0 + 10 + step)
        making.step()

    found = all_series(runs)
    assert found["train/loss"] == [(0, 0.5), (1, 1.5)]
    assert found["train/loss/optimizer2"] == [(0, 10.0), (1, 11.0)]
    assert (found["train/lr"], found["train/lr/optimizer2"]) == ([(0, 0.5)], [(0, 0.25)])


def test_the_loss_of_a_closure_is_its_first_one(runs: Runs) -> None:
    """LBFGS asks again and again within a step."""
    weights = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = torch.optim.LBFGS([weights], lr=0.1, max_iter=3)
    seen: list[list[float]] = []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (weights**2).sum()
        back(loss)
        seen[-1].append(loss.item())
        return loss

    runlake.autolog("torch")
    for _ in range(2):
        seen.append([])
        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch has no types there

    found = all_series(runs)
    assert [value for _, value in found["train/loss"]] == [losses[0] for losses in seen]
    assert [value for _, value in found["train/backwards_per_step"]] == [len(losses) for losses in seen]


def test_what_is_done_to_a_loss_later_does_not_change_what_is_recorded(runs: Runs) -> None:
    """In place, by its data, before the step and after it."""
    weights, optimizer = made()
    runlake.autolog("torch")
    changes: list[Callable[[Any], Any]] = [lambda loss: loss.div_(2), lambda loss: loss.data.zero_(), lambda loss: loss.fill_(7)]
    for change in changes:
        loss = weights.sum() * 0 + 3
        back(loss)
        with torch.no_grad():
            change(loss)
        optimizer.step()
        with torch.no_grad():
            change(loss)

    assert all_series(runs)["train/loss"] == [(0, 3.0), (1, 3.0), (2, 3.0)]


@pytest.mark.parametrize(
    ("differentiate", "expected"),
    [
        (lambda weights: torch.autograd.backward([weights[0] * 2]), [(0, 2.0)]),
        (lambda weights: torch.autograd.backward(tensors=(weights[0] * 2,)), [(0, 2.0)]),
        (lambda weights: torch.autograd.backward([weights[0] * 2, weights[1] * 3]), []),
        (lambda weights: back(weights * 2, gradient=torch.ones(2)), []),
        (lambda weights: back(weights[:1] * 2, gradient=torch.ones(1)), [(0, 2.0)]),
        (lambda weights: back((weights**2).sum(), create_graph=False, inputs=[weights]), [(0, 2.0)]),
        (lambda weights: back((weights[0] * 2).to(torch.bfloat16)), [(0, 2.0)]),
        (lambda weights: back((weights[0] * 2).reshape(1, 1)), [(0, 2.0)]),
        (lambda weights: weights.grad, []),
    ],
    ids=["list", "by name", "several", "gradient", "gradient of one", "inputs", "bfloat16", "one by one", "none"],
)
def test_a_loss_is_a_tensor_that_holds_one_number(runs: Runs, differentiate: Any, expected: Points) -> None:
    """However it is differentiated; what has no such loss is a step all the same."""
    weights, optimizer = made(2)
    runlake.autolog("torch")
    differentiate(weights)
    optimizer.step()

    found = all_series(runs)
    assert (found.get("train/loss", []), found["train/lr"]) == (expected, [(0, 0.5)])


def test_a_gradient_that_is_differentiated_again_is_recorded_as_what_led_to_the_step(runs: Runs) -> None:
    """As a penalty on gradients: what `torch.autograd.grad` gives is no loss."""
    weights, optimizer = made()
    runlake.autolog("torch")
    loss = (weights**3).sum()
    (gradient,) = torch.autograd.grad(loss, weights, create_graph=True)
    back(loss + gradient.pow(2).sum())
    optimizer.step()

    assert all_series(runs)["train/loss"] == [(0, 10.0)]


def test_an_error_in_backward_is_the_users_and_leaves_a_loss_of_nobody(runs: Runs) -> None:
    """The same tensor twice, say."""
    weights, optimizer = made()
    runlake.autolog("torch")
    loss = (weights**2).sum()
    back(loss)
    with pytest.raises(RuntimeError, match="second time"):
        back(loss)
    optimizer.step()
    back((weights**2).sum() + 1)
    optimizer.step()

    assert all_series(runs)["train/loss"][1] == (1, 1.0)


def scheduled(runs: Runs, schedule: Callable[[torch.optim.Optimizer], Any], steps: int, **settings: Any) -> dict[str, Points]:
    """What is recorded where a scheduler, which is made while everything is recorded, steps after each step."""
    weights, optimizer = made(**settings)
    runlake.autolog("torch")
    scheduler = schedule(optimizer)
    for _ in range(steps):
        back(weights.sum() * 0 + 1)
        optimizer.step()
        scheduler.step(*([1.0] if isinstance(scheduler, ReduceLROnPlateau) else []))
    return all_series(runs)


def test_a_loss_that_the_program_logs_itself_is_there_once(runs: Runs) -> None:
    """Under the name that it would be recorded with, from the first step on."""
    runlake.autolog("torch")
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        back(model(torch.ones(2, 2)).sum())
        optimizer.step()
        runlake.log_metric("train/loss", 10.0 + step, step=step)
    runlake.disable_autolog()

    (run,) = runs()
    assert series(run.info.run_id, "train/loss") == [(0, 10.0), (1, 11.0), (2, 12.0)]


def test_a_rate_is_recorded_when_it_changes(runs: Runs) -> None:
    """And at the first step."""
    found = scheduled(runs, lambda optimizer: StepLR(optimizer, 2, 0.1), 6)

    assert found["train/lr"] == [(0, 0.5), (2, pytest.approx(0.05)), (4, pytest.approx(0.005))]


def test_a_rate_that_follows_the_loss_is_recorded_when_it_changes(runs: Runs) -> None:
    """Once the loss is no longer lower."""
    found = scheduled(runs, lambda optimizer: ReduceLROnPlateau(optimizer, patience=1), 4)

    assert found["train/lr"] == [(0, 0.5), (3, pytest.approx(0.05))]


@pytest.mark.parametrize(("kind", "name"), [(torch.optim.SGD, "momentum"), (torch.optim.Adam, "beta1")])
def test_momentum_that_is_scheduled_is_recorded_beside_the_rate(runs: Runs, kind: Any, name: str) -> None:
    """One cycle changes both; what stays as it is is a param alone."""
    weights = torch.nn.Parameter(torch.ones(1))
    optimizer = kind([weights], lr=0.1, **({"momentum": 0.9} if kind is torch.optim.SGD else {}))
    scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=4)
    expected = []
    runlake.autolog("torch")
    for step in range(3):
        group = optimizer.param_groups[0]
        expected.append((step, group["lr"], group["momentum"] if name == "momentum" else group["betas"][0]))
        back(weights.sum())
        optimizer.step()
        scheduler.step()

    found = all_series(runs)
    assert found["train/lr"] == [(step, pytest.approx(rate)) for step, rate, _ in expected]
    assert found[f"train/{name}"] == [(step, pytest.approx(other)) for step, _, other in expected if step]
    assert "train/weight_decay" not in found


def test_each_group_has_a_rate_of_its_own(runs: Runs) -> None:
    """Of which one may change alone; a group may come later."""
    one, other, late = (torch.nn.Parameter(torch.ones(1)) for _ in range(3))
    optimizer = torch.optim.SGD([{"params": [one], "lr": 0.1}, {"params": [other], "lr": 0.2}], lr=1.0)
    runlake.autolog("torch")
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.4
    optimizer.step()
    optimizer.add_param_group({"params": [late], "lr": 0.8})
    optimizer.step()

    assert all_series(runs) == {"train/lr/group0": [(0, 0.1)], "train/lr/group1": [(0, 0.2), (1, 0.4)], "train/lr/group2": [(2, 0.8)]}


def test_a_rate_that_is_a_tensor_is_recorded_when_it_changes_in_place(runs: Runs) -> None:
    """As it is at that step."""
    weights = torch.nn.Parameter(torch.ones(1))
    rate = torch.tensor(0.5)
    optimizer = torch.optim.Adam([weights], lr=rate)
    runlake.autolog("torch")
    for step in range(4):
        back(weights.sum())
        optimizer.step()
        if step == 1:
            rate.mul_(0.5)

    assert all_series(runs)["train/lr"] == [(0, 0.5), (2, 0.25)]
