"""Which steps are one run: a loop from its first step to its last, whatever else the process trains."""

from __future__ import annotations

import copy
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch

import runlake
from children import run_program
from reading import series

Runs = Callable[[], list[runlake.read.Run]]


class Net(torch.nn.Module):
    """The model of a user."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())
        self.head = torch.nn.Linear(3, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """One number a row."""
        return self.head(self.body(inputs))  # type: ignore[no-any-return]  # torch has no types there


def train(steps: int, model: Any = None, optimizer: Any = None) -> Any:
    """A loop; its optimizer."""
    model = Net() if model is None else model
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 2)).sum().backward()
        optimizer.step()
    return optimizer


def lengths(runs: Runs) -> list[tuple[str, str, int]]:
    """Name, status and number of steps of each run."""
    found = runs()
    assert [run.errors for run in found] == [[]] * len(found)
    return [
        (run.info.run_name, str(run.info.status), len(series(run.info.run_id, "train/loss")) if "train/loss" in run.metrics else 0)
        for run in found
    ]


def test_a_second_training_is_a_second_run(runs: Runs) -> None:
    """The first one ended at its last step, whenever that is found out."""
    runlake.autolog("torch")
    first = train(2)
    after = time.time_ns()
    time.sleep(0.05)
    second = train(3)
    runlake.disable_autolog()

    assert lengths(runs) == [("Net", "FINISHED", 2), ("Net", "FINISHED", 3)]
    assert first is not second
    (one, other) = runs()
    assert one.info.end_time is not None
    assert one.info.end_time <= after // 1_000_000 + 1 < other.info.start_time
    assert other.info.parent_run_id is None


def test_optimizers_that_are_made_together_train_together(runs: Runs) -> None:
    """They step in any order; the next two are another training's."""
    runlake.autolog("torch")
    for steps in (2, 3):
        models = Net(), Net()
        optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
        for _ in range(steps):
            for model, optimizer in zip(models, optimizers, strict=True):
                train(1, model, optimizer)
    runlake.disable_autolog()

    assert lengths(runs) == [("Net", "FINISHED", 2), ("Net", "FINISHED", 3)]


def test_optimizers_that_are_made_within_each_step_of_another_leave_few_runs(runs: Runs) -> None:
    """As of learning to learn: a loop whose optimizer goes on is not over."""
    runlake.autolog("torch")
    outer_model = Net()
    outer = torch.optim.Adam(outer_model.parameters())
    for _ in range(8):
        inner = copy.deepcopy(outer_model)
        train(2, inner)
        train(1, outer_model, outer)
    runlake.disable_autolog()

    assert len(runs()) <= 6


def test_an_optimizer_that_is_dropped_ends_its_training(runs: Runs) -> None:
    """When the next run begins, whatever that is."""
    runlake.autolog("torch")
    train(2)
    gc.collect()
    with runlake.start_run(run_name="mine"):
        assert [run[:2] for run in lengths(runs)] == [("Net", "FINISHED"), ("mine", "RUNNING")]


def test_a_training_that_goes_on_after_the_users_run_is_another_run(runs: Runs) -> None:
    """As in the next cell of a notebook; its steps are counted from there."""
    runlake.autolog("torch")
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with runlake.start_run(run_name="one"):
        train(2, model, optimizer)
    with runlake.start_run(run_name="two"):
        train(3, model, optimizer)
    train(1, model, optimizer)
    runlake.disable_autolog()

    assert lengths(runs) == [("one", "FINISHED", 2), ("two", "FINISHED", 3), ("Net", "FINISHED", 1)]
    assert [series(run.info.run_id, "train/lr") for run in runs()] == [[(0, 0.1)]] * 3
    assert [run.params["optimizer_name"] for run in runs()] == ["SGD"] * 3


def test_the_second_training_of_a_run_is_inside_it(runs: Runs) -> None:
    """The first one has the run itself."""
    runlake.autolog("torch")
    with runlake.start_run(run_name="mine") as mine:
        held = train(2), train(3)
    runlake.disable_autolog()

    assert len(held) == 2
    assert lengths(runs) == [("mine", "FINISHED", 2), ("Net", "FINISHED", 3)]
    assert [run.info.parent_run_id for run in runs()] == [None, mine.run_id]


def test_threads_have_runs_of_their_own(runs: Runs) -> None:
    """With the steps of each, though all train at once."""
    runlake.autolog("torch")
    threads = [threading.Thread(target=train, args=(steps,)) for steps in (20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runlake.disable_autolog()

    assert sorted(lengths(runs)) == [("Net", "FINISHED", 20), ("Net", "FINISHED", 30)]


def test_a_loop_that_goes_on_in_another_thread_is_neither_around_nor_written_to(runs: Runs) -> None:
    """What a thread says in its loop is said of that one, and its loop is not inside of the other's."""
    runlake.autolog("torch")
    meet = threading.Barrier(2, timeout=30)

    def work(steps: int) -> None:
        optimizer = train(steps)
        meet.wait()
        runlake.log_metric("said", steps)
        train(1, optimizer=optimizer)
        meet.wait()

    threads = [threading.Thread(target=work, args=(steps,)) for steps in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runlake.disable_autolog()

    recorded = {(run.info.parent_run_id, len(run.metrics["train/loss"]), run.metrics["said"].last) for run in runs()}
    assert recorded == {(None, 3, 2.0), (None, 4, 3.0)}


def test_a_loop_inside_of_a_fit_opens_no_run_of_its_own(runs: Runs) -> None:
    """What the estimator trains with is part of its training."""
    linear: Any = pytest.importorskip("sklearn.linear_model")

    class Estimator(linear.LogisticRegression):  # type: ignore[misc]  # known only where it is installed
        def fit(self, *args: Any, **kwargs: Any) -> Any:
            train(3)
            return super().fit(*args, **kwargs)

    runlake.autolog()
    Estimator().fit([[0.0], [1.0]] * 10, [0, 1] * 10)
    runlake.disable_autolog()

    (run,) = runs()
    assert (run.info.run_name, run.errors) == ("Estimator", [])
    assert len(series(run.info.run_id, "train/loss")) == 3
    assert "optimizer_name" not in run.params


INTERRUPTED = """
    import torch, runlake
    runlake.autolog("torch")
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(5):
        model(torch.ones(2, 2)).sum().backward()
        optimizer.step()
        if step == 2:
            raise KeyboardInterrupt
"""


def test_an_interrupted_program_says_so_of_its_training(tmp_path: Path) -> None:
    """Its steps are kept."""
    finished = run_program(INTERRUPTED, tmp_path / "lake", RUNLAKE_JOBS="off")

    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert finished.returncode != 0
    assert (str(run.info.status), len(run.metrics["train/loss"])) == ("KILLED", 3)


def name_of(runs: Runs, model: Any, parameters: Any) -> tuple[str, str | None]:
    """The name of the run, and of the model, where these are optimized."""
    runlake.autolog("torch")
    parameters = list(parameters)
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    runlake.disable_autolog()
    (run,) = runs()
    assert run.errors == []
    assert model is not optimizer
    return run.info.run_name, run.params.get("model_name")


def test_the_whole_model_is_found_where_only_its_head_is_trained(runs: Runs) -> None:
    """The outermost module that has what is optimized."""
    model = Net()
    model.body.requires_grad_(requires_grad=False)

    assert name_of(runs, model, model.head.parameters()) == ("Net", "Net")
    (run,) = runs()
    assert (run.params["parameters"], run.params["trainable_parameters"]) == (13, 4)


def test_a_model_in_another_is_named_by_the_outermost(runs: Runs) -> None:
    """Which the user made."""

    class Around(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

    model = Around(Net())

    assert name_of(runs, model, model.parameters()) == ("Around", "Around")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, from its own code
def test_a_compiled_model_is_named_by_the_users_class(runs: Runs) -> None:
    """Also where it is what the optimizer was given."""
    model: Any = torch.compile(Net(), backend="eager")

    assert name_of(runs, model, model.parameters()) == ("Net", "Net")


def test_a_copy_with_averaged_weights_is_not_taken_for_the_model(runs: Runs) -> None:
    """It has weights of its own."""
    model = Net()
    averaged = torch.optim.swa_utils.AveragedModel(model)

    assert name_of(runs, (model, averaged), model.parameters()) == ("Net", "Net")


def test_parameters_of_no_module_are_named_by_their_optimizer(runs: Runs) -> None:
    """There is no model."""
    assert name_of(runs, None, [torch.nn.Parameter(torch.ones(2))]) == ("SGD", None)


def test_objects_that_lie_about_what_they_are_do_no_harm(runs: Runs) -> None:
    """A mock of a module, a module that is not made yet, one whose parameters cannot be had."""

    class Liar:
        @property  # type: ignore[misc]  # which is what is tried
        def __class__(self) -> Any:
            raise RuntimeError("ask me nothing")

    class Broken(Net):
        def parameters(self, recurse: bool = True) -> Any:
            raise RuntimeError("not now")

    model = Net()
    others = [MagicMock(spec=torch.nn.Module), Liar(), torch.nn.Module.__new__(torch.nn.Module), Broken()]

    assert name_of(runs, [model, *others], model.parameters()) == ("Net", "Net")


DISTRIBUTED = """
    import tempfile, torch, runlake
    import torch.distributed
    from torch.nn.parallel import DistributedDataParallel
    torch.distributed.init_process_group("gloo", init_method=f"file://{tempfile.mktemp()}", rank=0, world_size=1)
    runlake.autolog("torch")
    class Net(torch.nn.Linear):
        pass
    model = DistributedDataParallel(Net(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        model(torch.ones(2, 2)).sum().backward()
        optimizer.step()
    torch.distributed.destroy_process_group()
"""


def test_a_model_on_several_devices_is_named_by_the_users_class(tmp_path: Path) -> None:
    """With one process there is one run."""
    finished = run_program(DISTRIBUTED, tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")

    assert finished.returncode == 0, finished.stderr
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert (run.info.run_name, run.params["model_name"], len(run.metrics["train/loss"])) == ("Net", "Net", 3)


class LooksAhead(torch.optim.Optimizer):
    """As those are written that step by another."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__(inner.param_groups, {})
        self.inner = inner
        self.param_groups = inner.param_groups

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # as users write it
        """The other's."""
        self.inner.step()


def test_an_optimizer_that_steps_by_another_is_recorded_once(runs: Runs) -> None:
    """Both make steps, of the same groups."""
    runlake.autolog("torch")
    model = Net()
    train(3, model, LooksAhead(torch.optim.SGD(model.parameters(), lr=0.1)))
    runlake.disable_autolog()

    (run,) = runs()
    assert ({key: len(run.metrics[key]) for key in run.metrics}, run.errors) == ({"train/loss": 3, "train/lr": 1}, [])
    assert run.params["optimizer_name"] == "SGD"
