"""What a SummaryWriter is given is in the run of the loop that it is used in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import runlake
from reading import series

pytest.importorskip("tensorboard")

Runs = Callable[[], list[runlake.read.Run]]


@pytest.fixture
def writer(tmp_path: Path) -> Callable[[], Any]:
    """Makes a writer."""
    from torch.utils.tensorboard import SummaryWriter

    return lambda: SummaryWriter(str(tmp_path / "tensorboard"))


def train(each: Callable[[int, torch.Tensor], object]) -> torch.optim.Optimizer:
    """Three steps."""
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        loss = model(torch.ones(2, 3)).mean()
        loss.backward()
        optimizer.step()
        each(step, loss)
    return optimizer


def test_scalars_are_series_of_the_loop_with_their_steps_and_times(runs: Runs, writer: Callable[[], Any]) -> None:
    """By the tag's own name; what is in an array or a tensor too."""
    runlake.autolog("torch")
    writing, losses = writer(), []

    def each(step: int, loss: torch.Tensor) -> None:
        losses.append((10 * step, loss.item()))
        writing.add_scalar("Loss/train", loss, 10 * step, walltime=1000.0 + step)
        writing.add_scalars("both", {"one": step, "other": np.array([2.0])}, step)

    train(each)
    runlake.disable_autolog()

    (run,) = runs()
    assert series(run.info.run_id, "Loss/train") == losses
    assert [point.timestamp for point in runlake.get_metric_history(run.info.run_id, "Loss/train")] == [1_000_000, 1_001_000, 1_002_000]
    assert (series(run.info.run_id, "both/one"), len(run.metrics["both/other"])) == ([(0, 0), (1, 1), (2, 2)], 3)


def test_a_writer_that_is_used_before_the_first_step_has_the_loops_run(runs: Runs, writer: Callable[[], Any]) -> None:
    """The settings first, as many programs do; and what is written at the end, once the optimizer is gone."""
    runlake.autolog("torch")
    writing = writer()
    writing.add_hparams({"width": 3}, {"hparam/start": 0.5})
    train(lambda step, loss: None)
    writing.add_scalar("test/accuracy", 0.9)
    runlake.disable_autolog()

    (run,) = runs()
    assert (run.params["width"], run.params["optimizer_name"]) == (3, "SGD")
    assert run.metrics.keys() == {"hparam/start", "train/loss", "train/lr", "test/accuracy"}


@pytest.mark.parametrize("is_first", [True, False])
def test_trials_one_after_the_other_are_a_run_each(runs: Runs, writer: Callable[[], Any], is_first: bool) -> None:
    """Also where the last one's optimizer and writer are still there when the next begins."""
    runlake.autolog("torch")
    held = []
    for width in (3, 4):
        writing = writer()
        if is_first:
            writing.add_hparams({"width": width}, {"score": 0.5})
        held.append((writing, train(lambda step, loss, to=writing: to.add_scalar("loss", loss, step))))  # type: ignore[misc]  # a lambda has no types
        if not is_first:
            writing.add_hparams({"width": width}, {"score": 0.5})
    runlake.disable_autolog()

    assert [(run.params["width"], len(run.metrics["loss"]), run.info.parent_run_id) for run in runs()] == [(3, 3, None), (4, 3, None)]


def test_a_writer_alone_has_one_run(runs: Runs, writer: Callable[[], Any]) -> None:
    """And none once it is off."""
    runlake.autolog("torch")
    writing = writer()
    for step in range(3):
        writing.add_scalar("value", torch.tensor([float(step)]), step)
    writing.add_hparams({"width": 3}, {"score": 0.5})
    runlake.disable_autolog()
    writing.add_scalar("value", 7.0, 7)

    (run,) = runs()
    assert (series(run.info.run_id, "value"), run.params["width"]) == ([(0, 0.0), (1, 1.0), (2, 2.0)], 3)
    assert (run.info.status, run.errors) == ("FINISHED", [])


def test_a_writer_in_the_users_run_writes_there(runs: Runs, writer: Callable[[], Any]) -> None:
    """As everything else does."""
    runlake.autolog("torch")
    with runlake.start_run(run_name="mine"):
        writer().add_scalar("value", 1.0, 1)

    (run,) = runs()
    assert (run.info.run_name, series(run.info.run_id, "value")) == ("mine", [(1, 1.0)])


def test_what_the_user_is_told_of_a_wrong_call_is_as_without(runs: Runs, writer: Callable[[], Any]) -> None:
    """And nothing is recorded of it."""
    runlake.autolog("torch")
    writing = writer()
    with pytest.raises(TypeError, match="should be dictionary"):
        writing.add_hparams([], {})
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        writing.add_scalar("value")
    runlake.disable_autolog()

    assert runs() == []
