"""`watch` records weights and gradients every so many steps, as series and as histograms."""

from __future__ import annotations

import io
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest
import torch

import runlake
from reading import series

Runs = Callable[[], list[runlake.read.Run]]


def train(model: torch.nn.Module, steps: int = 5) -> list[torch.Tensor]:
    """The weights after each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weights = []
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 3)).mean().backward()
        optimizer.step()
        weights.append(next(model.parameters()).detach().clone())
    return weights


def test_weights_and_gradients_are_series_and_histograms(runs: Runs) -> None:
    """Every second step; the counts are those of all values."""
    runlake.autolog("torch")
    model = torch.nn.Linear(3, 2)
    runlake.pytorch.watch(model, every=2)
    weights = train(model)
    runlake.torch.unwatch(model)

    (run,) = runs()
    assert series(run.info.run_id, "weights/weight/mean") == [(step, weights[step].mean().item()) for step in (0, 2, 4)]
    tables = {kind: pq.read_table(io.BytesIO(run.read_artifact(f"{kind}.parquet"))) for kind in ("weights", "gradients")}
    for table in tables.values():
        assert table.column_names == ["step", "name", "left", "right", "count"]
        assert (len(table), sum(table["count"].to_pylist())) == (3 * 2 * 32, 3 * (6 + 2))


def test_a_large_parameter_is_looked_at_by_a_sample(runs: Runs) -> None:
    """Of ten thousand values at most."""
    runlake.autolog("torch")
    model = torch.nn.Linear(3, 25_001, bias=False)
    runlake.torch.watch(model)
    train(model, 1)
    runlake.torch.unwatch()

    (run,) = runs()
    counted = sum(pq.read_table(io.BytesIO(run.read_artifact("weights.parquet")))["count"].to_pylist())
    assert 5_000 < counted <= 10_000


def test_what_is_not_watched_any_more_is_not_recorded(runs: Runs) -> None:
    """Nor is another model."""
    runlake.autolog("torch")
    model, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    runlake.torch.watch(model)
    runlake.torch.unwatch(model)
    runlake.torch.watch(other)
    train(model)
    runlake.torch.unwatch()

    (run,) = runs()
    assert run.metrics.keys() == {"train/loss", "train/lr"}


@pytest.mark.parametrize(("model", "every"), [("no model", 1), (torch.nn.Linear(1, 1), 0), (torch.nn.Linear(1, 1), 1.5)])
def test_a_wrong_argument_is_an_error_at_once(model: object, every: object) -> None:
    """Not a line in a log."""
    with pytest.raises(runlake.RunlakeError, match=r"is watched, not a str|at least 1, not"):
        runlake.torch.watch(model, every)
