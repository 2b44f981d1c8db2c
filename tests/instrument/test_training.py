"""A training that no call encloses: a loop without an end that anybody tells."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from types import ModuleType

import pytest

import runlake
from children import run_program
from runlake.instrument.training import Training
from toys import recorded, rows


class Optimizer:
    """Stands for what a loop is known by."""


@pytest.fixture
def watched(toylib: ModuleType) -> ModuleType:
    """Autologging is on."""
    runlake.autolog()
    return toylib


def step(key: object, name: str | None = None) -> None:
    """What a plugin does when the loop steps."""
    training = runlake.training(key, name=name)
    assert training is not None
    training.run.log_metric("train/loss", 0.5)


def test_a_loop_is_one_run_until_its_end(watched: ModuleType, store: Path) -> None:
    """Named after its object or as said; another object is another."""
    first, second = Optimizer(), Optimizer()
    for _ in range(3):
        step(first)
    training = runlake.training(first)
    assert training is not None
    training.end()
    step(second, "named")
    runlake.disable_autolog()

    assert [(name, status) for name, status, *_ in recorded(store)] == [("Optimizer", "FINISHED"), ("named", "FINISHED")]
    assert [len(run.metrics["train/loss"]) for run in rows(store)] == [3, 1]


def test_a_loop_takes_the_users_run_and_ends_with_it(watched: ModuleType, store: Path) -> None:
    """The next steps of the same object are a new run."""
    key = Optimizer()
    with runlake.start_run(run_name="mine"):
        step(key)
    step(key)
    runlake.disable_autolog()

    assert [(name, status) for name, status, *_ in recorded(store)] == [("mine", "FINISHED"), ("Optimizer", "FINISHED")]


def test_a_loop_ends_with_its_object(watched: ModuleType, store: Path) -> None:
    """What is trained after that is a run beside it."""
    key = Optimizer()
    step(key)
    del key

    watched.train("data")

    assert [(name, status, inside) for name, status, inside, _ in recorded(store)] == [
        ("Optimizer", "FINISHED", None),
        ("train", "FINISHED", None),
    ]


def test_a_fit_while_the_loop_is_open_goes_inside(watched: ModuleType, store: Path) -> None:
    """And what the user logs beside the loop goes to its run."""
    key = Optimizer()
    step(key)
    runlake.log_param("mine", 1)
    watched.train("data", 1)
    runlake.disable_autolog()

    assert recorded(store) == [("Optimizer", "FINISHED", None, {"mine": 1}), ("train", "FINISHED", "Optimizer", {"rounds": 1})]


def test_a_run_that_the_user_starts_ends_the_loops(watched: ModuleType, store: Path) -> None:
    """What comes then is something else."""
    key = Optimizer()
    step(key)
    with runlake.start_run(run_name="mine"):
        step(key)

    assert [(name, status, inside) for name, status, inside, _ in recorded(store)] == [
        ("Optimizer", "FINISHED", None),
        ("mine", "FINISHED", None),
    ]


def test_inside_a_call_it_is_that_calls(watched: ModuleType, store: Path) -> None:
    """A loop in a library's own fit adds to the fit's run."""
    watched.train("data", 1, [lambda number, loss: step(Optimizer())])

    assert [name for name, *_ in recorded(store)] == ["train"]
    assert len(rows(store)[0].metrics["train/loss"]) == 1


def test_where_nothing_is_recorded_there_is_none(toylib: ModuleType, store: Path) -> None:
    """Off, or in a block that says so."""
    assert runlake.training(Optimizer()) is None
    with runlake.autolog(), runlake.autolog(disable=True):
        assert runlake.training(Optimizer()) is None
    assert not store.exists()


def test_threads_that_step_one_object_share_its_run(watched: ModuleType, store: Path) -> None:
    """However they begin."""
    key, barrier = Optimizer(), threading.Barrier(4)

    def work() -> None:
        barrier.wait(20)
        step(key)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runlake.disable_autolog()

    assert [len(run.metrics["train/loss"]) for run in rows(store)] == [4]


@pytest.mark.parametrize(("end", "status"), [("pass", "FINISHED"), ("1/0", "FAILED"), ("raise KeyboardInterrupt", "KILLED")])
def test_a_loop_that_the_program_ends_with_has_its_status(end: str, status: str, tmp_path: Path) -> None:
    """An uncaught error is told, and what captures did is in the run."""
    code = f"""
    import runlake
    runlake.autolog()
    class Loop: pass
    loop = Loop()
    runlake.training(loop).run.log_param("a", 1)
    {end}
    """
    run_program(code, tmp_path / "lake", RUNLAKE_JOBS="off")

    assert recorded(tmp_path / "lake") == [("Loop", status, None, {"a": 1})]


def test_data_that_is_handed_over_without_a_model_goes_when_its_owner_lets_go(store: Path) -> None:
    """Nothing of ours holds it, not even a cycle that waits to be collected."""

    class Data:
        pass

    def hand_over() -> weakref.ref[Data]:
        data = Data()
        found = Training("runlake", "loop")
        found.trains(None, data)
        found.end()
        return weakref.ref(data)

    gc.disable()
    try:
        assert hand_over()() is None
    finally:
        gc.enable()
