"""Loops that train with PyTorch are recorded step by step, and are what they are without."""

from __future__ import annotations

import gc
import pickle
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import backward
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

import runlake
from children import run_program
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks

Runs = Callable[[], list[runlake.read.Run]]
Points = list[tuple[int, float]]


def loop(
    steps: int = 5, optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD, each: Callable[[Any], object] = lambda _: None
) -> tuple[Points, list[torch.Tensor], torch.optim.Optimizer]:
    """A training as people write it: the losses by step, the weights at the end, and the optimizer."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.2), torch.nn.Linear(4, 1))
    inputs = torch.randn(16, 3)
    optimizing = optimizer(model.parameters(), lr=0.1)
    losses = []
    for step in range(steps):
        optimizing.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True))
        losses.append((step, loss.item()))
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types there
        loss.data.zero_()  # whoever holds the tensor itself holds another number now
        optimizing.step()
        each(optimizing)
    return losses, [parameter.detach() for parameter in model.parameters()], optimizing


def what_is_patched() -> list[Any]:
    """What stands where the plugin puts something."""
    optimizer, rules = sys.modules["torch.optim.optimizer"], sys.modules["torch._dynamo.trace_rules"]
    return [torch.autograd.backward, *optimizer._global_optimizer_post_hooks.values(), *rules.SKIP_DIRS]


def test_nothing_is_recorded_before_everything_during_and_nothing_is_left_after(runs: Runs) -> None:
    """The loss by step, as it was when it was differentiated."""
    loop()  # brings in the compiler
    before = what_is_patched()
    assert runs() == []

    runlake.autolog("torch")
    losses, _, optimizer = loop()
    assert what_is_patched() != before
    runlake.disable_autolog()  # ends the run: nothing else says that a loop is over
    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.errors) == ("Sequential", "FINISHED", [])
    expected = {"optimizer_name": "SGD", "model_name": "Sequential", "parameters": 21, "trainable_parameters": 21, **optimizer.defaults}
    assert run.data.params == {key: str(value) for key, value in expected.items()}
    assert {key: series(run.info.run_id, key) for key in run.metrics} == {"train/loss": losses, "train/lr": [(0, 0.1)]}
    assert run.read_artifact("model_summary.txt").decode().splitlines() == [
        "model: Sequential",
        "  0: Linear(in_features=3, out_features=4, bias=True)  16 parameters",
        "  1: Dropout(p=0.2, inplace=False)",
        "  2: Linear(in_features=4, out_features=1, bias=True)  5 parameters",
    ]

    loop()
    after = what_is_patched()
    assert len(runs()) == 1
    assert len(before) == len(after)
    assert all(one is other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop])
def test_weights_and_random_generators_are_what_they_are_without(runs: Runs, kind: Any) -> None:
    """To the bit."""

    def trained() -> tuple[list[torch.Tensor], bytes]:
        random.seed(3)
        np.random.seed(3)
        weights = loop(optimizer=kind)[1]
        return weights, pickle.dumps((torch.get_rng_state().tolist(), np.random.get_state(), random.getstate()))

    without = trained()
    runlake.autolog("torch")
    recorded = trained()
    runlake.disable_autolog()

    assert all(torch.equal(one, other) for one, other in zip(recorded[0], without[0], strict=True))
    assert recorded[1] == without[1]
    assert len(runs()) == 1


def test_a_loop_in_the_users_run_is_recorded_there(runs: Runs) -> None:
    """And what the user logs under the same name is the user's alone."""
    runlake.autolog("torch")
    with runlake.start_run(run_name="mine"):
        losses, _, _ = loop()
        runlake.log_param("lr", "mine")

    (run,) = runs()
    assert (run.info.run_name, run.info.status, run.params["lr"], run.params["optimizer_name"]) == ("mine", "FINISHED", "mine", "SGD")
    assert series(run.info.run_id, "train/loss") == losses


def test_two_optimizers_are_one_run_each_with_the_losses_that_led_to_its_steps(runs: Runs) -> None:
    """As of a generator and a discriminator; a loss that both step after belongs to both."""
    one, other = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    first, second = torch.optim.SGD([one], lr=0.1), torch.optim.Adam([other], lr=0.1)
    runlake.autolog("torch")
    with runlake.start_run(run_name="mine"):
        for step in range(3):
            (one.sum() * 0 + step).backward()  # type: ignore[no-untyped-call]  # torch has no types there
            first.step()
            (other.sum() * 0 + 10 + step).backward()  # type: ignore[no-untyped-call]  # torch has no types there
            second.step()
        ((one + other).sum() * 0 + 100).backward()  # type: ignore[no-untyped-call]  # torch has no types there
        first.step()
        second.step()

    (run,) = runs()
    assert [value for _, value in series(run.info.run_id, "train/loss")] == [0, 1, 2, 100]
    assert [value for _, value in series(run.info.run_id, "train/loss/optimizer2")] == [10, 11, 12, 100]
    assert (run.params["optimizer_name"], run.params["optimizer2/optimizer_name"]) == ("SGD", "Adam")


def test_loops_in_two_threads_keep_their_losses_apart(runs: Runs) -> None:
    """Each step is given the loss of its own thread."""
    meet = threading.Barrier(2, timeout=30)

    def train(kind: Any, losses: list[float]) -> None:
        parameter = torch.nn.Parameter(torch.ones(2))
        optimizer = kind([parameter], lr=0.1)
        for loss in losses:
            backward(parameter.sum() * 0 + loss)
            meet.wait()
            optimizer.step()
            meet.wait()

    given = {"SGD": [0.0, 1.0, 2.0], "Adam": [10.0, 11.0, 12.0]}
    runlake.autolog("torch")
    threads = [threading.Thread(target=train, args=(getattr(torch.optim, name), losses)) for name, losses in given.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runlake.disable_autolog()

    assert {run.info.run_name: [value for _, value in series(run.info.run_id, "train/loss")] for run in runs()} == given


def test_a_scheduler_changes_nothing(runs: Runs) -> None:
    """Though it puts a function of its own in place of `step`."""
    schedulers: list[StepLR] = []

    def scheduled(*args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        optimizer = torch.optim.Adam(*args, **kwargs)
        schedulers.append(StepLR(optimizer, 2))
        return optimizer

    runlake.autolog("torch")
    losses, _, _ = loop(optimizer=scheduled, each=lambda _: schedulers[0].step())
    runlake.disable_autolog()

    assert [series(run.info.run_id, "train/loss") for run in runs()] == [losses]


def test_an_optimizer_from_before_is_recorded_and_so_is_backward_by_its_own_name(runs: Runs) -> None:
    """What was made or imported before `autolog()`."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    runlake.autolog("torch")
    torch.autograd.backward([parameter.sum()])
    optimizer.step()
    backward(tensors=parameter.sum())
    optimizer.step()
    runlake.disable_autolog()

    assert [series(run.info.run_id, "train/loss") for run in runs()] == [[(0, 2.0), (1, 1.0)]]


def test_what_is_no_training_opens_no_run(runs: Runs) -> None:
    """Evaluation, a pass over a DataLoader, gradients without a step."""
    model = torch.nn.Linear(3, 1)
    runlake.autolog("torch")
    with torch.no_grad():
        for (batch,) in DataLoader(TensorDataset(torch.ones(8, 3)), batch_size=4):
            model(batch).mean()
    model(torch.ones(2, 3)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1)
    runlake.disable_autolog()

    assert runs() == []


def test_evaluation_between_steps_is_not_recorded_as_training(runs: Runs) -> None:
    """Only what is differentiated is a loss."""
    model = torch.nn.Linear(3, 1)
    runlake.autolog("torch")

    def evaluate(_: Any) -> None:
        with torch.no_grad():
            torch.nn.functional.mse_loss(model(torch.ones(2, 3)), torch.zeros(2, 1))

    losses, _, _ = loop(each=evaluate)
    runlake.disable_autolog()

    assert [series(run.info.run_id, "train/loss") for run in runs()] == [losses]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, from its own code
def test_a_compiled_loop_is_recorded_at_every_step(runs: Runs) -> None:
    """Hooks are not compiled with what they are called in."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.5)

    @torch.compile(backend="eager")
    def step(factor: float) -> None:
        optimizer.zero_grad()
        (parameter.sum() * factor).backward()  # type: ignore[no-untyped-call]  # torch has no types there
        optimizer.step()

    runlake.autolog("torch")
    for _ in range(4):
        step(1.0)
    runlake.disable_autolog()

    assert [series(run.info.run_id, "train/loss") for run in runs()] == [[(0, 2.0), (1, 1.0), (2, 0.0), (3, -1.0)]]


def test_an_optimizer_that_is_gone_ends_its_run_when_the_next_begins(runs: Runs) -> None:
    """Two loops one after the other are two runs, none inside the other."""
    runlake.autolog("torch")
    loop(2)
    gc.collect()
    loop(3, torch.optim.Adam)

    assert [(run.info.run_name, run.info.status, run.info.parent_run_id) for run in runs()] == [
        ("Sequential", "FINISHED", None),
        ("Sequential", "RUNNING", None),
    ]


RAISES = """
    import torch, runlake
    runlake.autolog("torch")
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    for step in range(5):
        parameter.sum().backward()
        optimizer.step()
        if step == 2:
            raise ValueError("wrong")
"""


def test_what_ends_a_loop_ends_the_program_and_its_run_says_so(tmp_path: Path) -> None:
    """The user sees their own error; the steps before it are kept."""
    finished = run_program(RAISES, tmp_path / "lake", RUNLAKE_JOBS="off")

    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert finished.stderr.strip().splitlines()[-1] == "ValueError: wrong"
    assert "runlake" not in finished.stderr
    assert (finished.returncode, run.info.status, len(run.metrics["train/loss"])) == (1, "FAILED", 3)


PROGRAM = """
import torch
weights = torch.nn.Parameter(torch.ones(3))
optimizer = torch.optim.SGD([weights], lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    (weights**2).sum().backward()
    optimizer.step()
print(weights.tolist())
del optimizer
"""

SCENARIO = Scenario(
    train=lambda: [weights.tolist() for weights in loop()[1]],
    generators=lambda: torch.get_rng_state().tolist(),
    series="train/loss",
    program=PROGRAM,
)


@parametrize_with_plugin_checks("torch", SCENARIO)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all."""
    check()
