"""Passes over a DataLoader: those in which steps are made are the epochs, whatever else is iterated beside them."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler, TensorDataset

import runlake
from reading import series

Runs = Callable[[], list[runlake.read.Run]]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # workers of a process that has threads


class Stream(IterableDataset[torch.Tensor]):
    """Data without a length."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(torch.ones(6, 2))


class Twice(DataLoader[Any]):
    """A loader with an iteration of its own."""

    def __iter__(self) -> Any:
        for batch in super().__iter__():
            yield batch
            yield batch


def loader(rows: int = 6, **settings: Any) -> DataLoader[Any]:
    """Of batches of two, if nothing else is said."""
    return DataLoader(TensorDataset(torch.ones(rows, 2)), **{"batch_size": 2, **settings})


class Trainer:
    """A model, and how a step of it is made."""

    def __init__(self) -> None:
        self.model = torch.nn.Linear(2, 1)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def step(self, *_: Any) -> None:
        """Whatever the batch is."""
        self.optimizer.zero_grad()
        self.model(torch.ones(1, 2)).sum().backward()
        self.optimizer.step()

    def evaluate(self, passes: Any) -> None:
        """No step is made."""
        with torch.no_grad():
            for _ in passes:
                self.model(torch.ones(1, 2))


def epochs(runs: Runs) -> Any:
    """The one run's, by step."""
    runlake.disable_autolog()
    (run,) = runs()
    assert run.errors == []
    return series(run.info.run_id, "train/epoch") if "train/epoch" in run.metrics else []


def test_every_pass_in_which_steps_are_made_is_an_epoch(runs: Runs) -> None:
    """Of a loader that was made before `autolog()`, and its settings are params."""
    trainer, data = Trainer(), loader(shuffle=True)
    runlake.autolog("torch")
    for _ in range(3):
        for batch in data:
            trainer.step(batch)

    assert epochs(runs) == [(0, 0), (3, 1), (6, 2)]
    (run,) = runs()
    assert {name: run.params[name] for name in ("batch_size", "num_workers", "drop_last", "shuffle")} == {
        "batch_size": 2,
        "num_workers": 0,
        "drop_last": False,
        "shuffle": True,
    }


def test_what_makes_the_batches_tells_how_they_are_made(runs: Runs) -> None:
    """A loader that is given it has no settings of its own, as those have that other libraries make."""
    runlake.autolog("torch")
    batches = BatchSampler(RandomSampler(range(8)), 3, drop_last=True)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for (inputs,) in DataLoader(TensorDataset(torch.ones(8, 2)), batch_sampler=batches):
        model(inputs).sum().backward()
        optimizer.step()
    runlake.disable_autolog()

    (run,) = runs()
    assert {name: run.params[name] for name in ("batch_size", "drop_last", "shuffle")} == {
        "batch_size": 3,
        "drop_last": True,
        "shuffle": True,
    }


def test_a_loader_that_is_made_for_each_pass_counts_on(runs: Runs) -> None:
    """Though nobody holds it while it is iterated."""
    trainer = Trainer()
    runlake.autolog("torch")
    for _ in range(3):
        for batch in loader(4):
            trainer.step(batch)

    assert epochs(runs) == [(0, 0), (2, 1), (4, 2)]


def test_loaders_in_turn_are_counted_each_by_itself(runs: Runs) -> None:
    """An epoch of several parts has one number."""
    trainer, parts = Trainer(), [loader(2), loader(2)]
    runlake.autolog("torch")
    for _ in range(2):
        for part in parts:
            for batch in part:
                trainer.step(batch)

    assert [number for _, number in epochs(runs)] == [0, 0, 1, 1]


@pytest.mark.parametrize("is_held", [False, True])
def test_an_evaluation_within_an_epoch_is_none(runs: Runs, is_held: bool) -> None:
    """Even where its iterator is held when it is through."""
    trainer, data, test, held = Trainer(), loader(12), loader(8), []
    runlake.autolog("torch")
    for _ in range(2):
        for number, batch in enumerate(data):
            trainer.step(batch)
            if number % 2:
                iterator = iter(test)
                trainer.evaluate(iterator)
                held += [iterator] if is_held else []

    assert epochs(runs) == [(0, 0), (6, 1)]
    (run,) = runs()
    assert len(series(run.info.run_id, "eval/seconds")) >= 1


@pytest.mark.parametrize("is_before", [False, True])
def test_workers_that_stay_give_each_epoch_its_own_pass(runs: Runs, is_before: bool) -> None:
    """The loader gives the same iterator again, that of the evaluation too, wherever that stands."""
    trainer, data, test = Trainer(), loader(num_workers=1, persistent_workers=True), loader(2, num_workers=1, persistent_workers=True)
    runlake.autolog("torch")
    for _ in range(2):
        if is_before:
            trainer.evaluate(test)
        for batch in data:
            trainer.step(batch)
        if not is_before:
            trainer.evaluate(test)

    assert epochs(runs) == [(0, 0), (3, 1)]


def test_two_loaders_side_by_side_are_one_epoch(runs: Runs) -> None:
    """Neither of them is taken for an evaluation."""
    trainer, one, other = Trainer(), loader(), loader()
    runlake.autolog("torch")
    for _ in range(2):
        for batch, _ in zip(one, other, strict=True):
            trainer.step(batch)

    assert epochs(runs) == [(0, 0), (3, 1)]
    (run,) = runs()
    assert "eval/seconds" not in run.metrics


def test_an_inner_loader_that_starts_again_does_not_begin_an_epoch(runs: Runs) -> None:
    """As of data without labels, beside those with."""
    trainer, labelled, others = Trainer(), loader(12), loader(4)
    runlake.autolog("torch")
    for _ in range(2):
        more = iter(others)
        for number, batch in enumerate(labelled):
            if number and number % 2 == 0:
                more = iter(others)
            next(more)
            trainer.step(batch)

    assert epochs(runs) == [(0, 0), (6, 1)]


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        (lambda: itertools.islice(itertools.cycle(loader()), 9), [(0, 0)]),
        (lambda: itertools.islice(loader(), 2), [(0, 0)]),
        (lambda: DataLoader(Stream(), batch_size=2), [(0, 0)]),
        (lambda: Twice(TensorDataset(torch.ones(6, 2)), batch_size=2), [(0, 0)]),
        (lambda: loader(batch_size=1, batch_sampler=BatchSampler(SequentialSampler(range(6)), 3, False)), [(0, 0)]),
        (lambda: range(3), []),
        (lambda: list(loader()), []),
    ],
    ids=["cycle", "islice", "stream", "own iteration", "batch sampler", "no loader", "list"],
)
def test_a_pass_is_known_however_it_is_made(runs: Runs, passes: Any, expected: Any) -> None:
    """And a loop without a loader has no epochs."""
    trainer = Trainer()
    runlake.autolog("torch")
    for batch in passes():
        trainer.step(batch)

    assert epochs(runs) == expected


def test_a_stream_is_not_asked_for_its_length(runs: Runs) -> None:
    """A loader that was asked warns of every batch beyond it."""

    class Longer(Stream):
        def __len__(self) -> int:
            return 2

    trainer, data = Trainer(), DataLoader(Longer(), batch_size=2)
    runlake.autolog("torch")
    for batch in data:
        trainer.step(batch)

    assert data._IterableDataset_len_called is None
    assert epochs(runs) == [(0, 0)]


def test_batches_that_are_asked_for_one_by_one_are_a_pass(runs: Runs) -> None:
    """`iter` and `next`, and one batch that several steps are made with."""
    trainer, data = Trainer(), loader()
    runlake.autolog("torch")
    batches = iter(data)
    for _ in range(3):
        batch = next(batches)
        trainer.step(batch)
        trainer.step(batch)

    assert epochs(runs) == [(0, 0)]


def test_the_speed_is_that_of_the_loop(runs: Runs) -> None:
    """In steps and in samples a second."""
    trainer, data = Trainer(), loader(40)
    runlake.autolog("torch")
    for _ in range(2):
        for batch in data:
            trainer.step(batch)
            time.sleep(0.005)
    trainer.step()
    runlake.disable_autolog()

    (run,) = runs()
    speeds = [series(run.info.run_id, f"train/{what}_per_second") for what in ("steps", "samples")]
    assert [step for step, _ in speeds[0]] == [step for step, _ in speeds[1]] == [19, 39]
    for (_, steps), (_, samples) in zip(*speeds, strict=True):
        assert 20 < steps < 200
        assert samples == pytest.approx(2 * steps, rel=0.1)


def test_an_optimizer_that_comes_later_has_the_steps_of_its_loop_go_on(runs: Runs) -> None:
    """A copy of a model trains on: no epoch and no speed stands where it was long ago, or before the first step."""
    runlake.autolog("torch")
    model, loader = torch.nn.Linear(2, 1), DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    copies = [copy.deepcopy((model, optimizer)), (model, optimizer)]
    for each, its in [(model, optimizer), *copies]:
        for (inputs,) in loader:
            its.zero_grad()
            each(inputs).sum().backward()
            time.sleep(0.002)
            its.step()
    runlake.disable_autolog()

    (run,) = runs()
    assert series(run.info.run_id, "train/epoch") == [(0, 0), (3, 1), (4, 2)]
    assert [step for step, _ in series(run.info.run_id, "train/steps_per_second")] == [3, 3, 7]


def test_a_new_training_counts_its_own_epochs(runs: Runs) -> None:
    """Over the same loader."""
    data = loader(4)
    runlake.autolog("torch")
    for _ in range(2):
        trainer = Trainer()
        for batch in data:
            trainer.step(batch)
    runlake.disable_autolog()

    assert [series(run.info.run_id, "train/epoch") for run in runs()] == [[(0, 0)], [(0, 0)]]
