"""What a program itself keeps: `runlake.torch.log_model`, beside what is recorded of its training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import runlake
from runlake.errors import RunlakeError, UnknownArtifact

Runs = Callable[[], list[runlake.read.Run]]


class Net(nn.Module):
    """Of the program's own."""

    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.layer = nn.Linear(width, 1)


def test_a_model_is_kept_under_any_name_and_given_back(runs: Runs) -> None:
    """Nothing is patched for that, and several fit in a run."""
    one, other = nn.Linear(3, 1), nn.Linear(4, 1)
    with runlake.start_run() as run:
        kept = [runlake.torch.log_model(one, name="best"), runlake.torch.log_model(other)]

    assert [each.model_uri for each in kept] == [f"runs:/{run.run_id}/best", f"runs:/{run.run_id}/model"]
    assert torch.equal(runlake.torch.load_model(kept[0].model_uri).weight, one.weight)
    assert torch.equal(runlake.torch.load_model(kept[1].model_uri).weight, other.weight)
    with pytest.raises(UnknownArtifact, match="has no model at 'worst': none was saved there"):
        runlake.torch.load_model(f"runs:/{run.run_id}/worst")


def test_a_model_of_the_programs_own_class_comes_back_with_that_class(runs: Runs) -> None:
    """Its tensors are all that a file can hold."""
    net = Net(5)
    with runlake.start_run():
        kept = runlake.pytorch.log_model(net, artifact_path="net")

    assert torch.equal(runlake.pytorch.load_model(kept.model_uri, model_class=Net, width=5).layer.weight, net.layer.weight)


def test_what_the_program_keeps_as_the_model_is_the_model(runs: Runs) -> None:
    """The training, which ends later, leaves it alone."""
    model, chosen = nn.Linear(2, 1), nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    runlake.autolog("torch")
    with runlake.start_run() as run:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        kept = runlake.torch.log_model(chosen)

    assert torch.equal(runlake.torch.load_model(kept.model_uri).weight, chosen.weight)
    (recorded,) = runs()
    assert (recorded.info.run_id, recorded.errors) == (run.run_id, [])


def test_what_cannot_be_kept_is_an_error_that_says_why(runs: Runs) -> None:
    """And leaves nothing behind."""
    lazy = nn.LazyLinear(2)
    with runlake.start_run():
        with pytest.raises(RunlakeError, match=r"This .*LazyLinear cannot be kept: weight has no shape yet"):
            runlake.torch.log_model(lazy)
        with pytest.raises(RunlakeError, match=r"No plugin has a safe form for a builtins.dict"):
            runlake.torch.log_model({"weights": 1})

    assert [run.artifacts for run in runs()] == [{}]
