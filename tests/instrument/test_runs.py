"""Which run a training is recorded in, what that is named, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from children import run_program
from reading import series
from runlake.errors import InvalidValue
from toys import path_setting, recorded, rows

Install = Callable[..., None]


@pytest.fixture
def watched(toylib: ModuleType) -> ModuleType:
    """The toy library with autologging on."""
    runlake.autolog("toylib")
    return toylib


def run_of(rounds: int, name: str = "train", inside: str | None = None, status: str = "FINISHED") -> tuple[Any, ...]:
    """One row of what is recorded."""
    return name, status, inside, {"rounds": rounds}


def test_a_fit_without_a_run_is_a_run_of_its_own(watched: ModuleType, store: Path) -> None:
    """Named after the model, tagged with the plugin, ended; no run is active after it."""
    watched.train("data")

    assert recorded(store) == [run_of(3)]
    assert rows(store)[0].tags["mlflow.autologging"] == "toylib"
    assert runlake.active_run() is None
    last = runlake.last_active_run()
    assert last is not None
    assert last.run_id == rows(store)[0].info.run_id


@pytest.mark.parametrize("is_entered", [False, True])
def test_the_first_fit_takes_the_users_run_and_later_ones_go_inside(is_entered: bool, watched: ModuleType, store: Path) -> None:
    """A plain run and a `with` run alike; the run stays open, and each fit keeps its params and its series."""
    run = runlake.start_run(run_name="mine")
    if is_entered:
        run.__enter__()

    watched.train("data", 1)
    watched.train("data", 2)
    watched.Estimator(5).fit("data")
    assert runlake.active_run() is run
    runlake.end_run()

    assert recorded(store) == [run_of(1, "mine"), run_of(2, "train", "mine"), run_of(5, "Estimator", "mine")]
    assert [len(series(row.info.run_id, "loss")) for row in rows(store)[:2]] == [1, 2]


def test_a_skipped_or_failed_call_does_not_take_the_slot(watched: ModuleType, install: Install, store: Path) -> None:
    """The next training is recorded in the user's run itself."""
    install("skipping", "def skip(call):\n    call.skip('small')\n    yield\n\n"
            "@hookimpl\ndef patches():\n    return [Patch('toylib.core:Estimator.quick', skip, why='to skip')]\n")  # fmt: skip
    runlake.autolog("toylib", "skipping")

    with runlake.start_run(run_name="mine"):
        watched.Estimator.quick("data")
        watched.train("data", 2)

    assert recorded(store) == [run_of(2, "mine")]


def test_a_resumed_run_has_its_slot_taken(watched: ModuleType, store: Path) -> None:
    """What is trained then is a run inside it."""
    with runlake.start_run(run_name="mine") as first:
        pass

    with runlake.start_run(run_id=first.run_id):
        watched.train("data")

    assert recorded(store) == [("mine", "FINISHED", None, {}), run_of(3, "train", "mine")]


@pytest.mark.parametrize("variable", ["RUNLAKE_RUN_ID", "RUNLAKE_PARENT_RUN_ID"])
def test_a_process_that_is_told_of_a_run_trains_inside_it(variable: str, watched: ModuleType, store: Path) -> None:
    """Joined or named as the parent: every training is a child, and the run is still its owner's."""
    with runlake.start_run(run_name="mine") as run:
        runlake.flush()
        code = "import runlake, toylib; runlake.autolog('toylib'); toylib.train('data', 1); toylib.train('data', 2)"
        done = run_program(code, store, PYTHONPATH=path_setting(), RUNLAKE_JOBS="off", **{variable: run.run_id})
        assert done.returncode == 0, done.stderr

    assert recorded(store) == [("mine", "FINISHED", None, {}), run_of(1, inside="mine"), run_of(2, inside="mine")]


def test_exclusive_leaves_the_users_run_alone(watched: ModuleType, store: Path) -> None:
    """The training is a run of its own, beside the user's."""
    runlake.autolog("toylib", exclusive=True)

    with runlake.start_run(run_name="mine"):
        watched.train("data")

    assert recorded(store) == [("mine", "FINISHED", None, {}), run_of(3)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "FAILED"),
        (SystemExit(1), "FAILED"),
        (SystemExit(0), "FINISHED"),
        (KeyboardInterrupt(), "KILLED"),
        (GeneratorExit(), "KILLED"),
        (asyncio.CancelledError(), "KILLED"),
        (MemoryError(), "FAILED"),
    ],
    ids=repr,
)
def test_the_status_tells_how_the_call_ended(error: BaseException, status: str, watched: ModuleType, store: Path) -> None:
    """Of an automatic run; the user's own stays open."""
    with pytest.raises(type(error)):
        watched.train(error)
    with runlake.start_run(run_name="mine") as mine:
        with pytest.raises(type(error)):
            watched.train(error)
        assert not mine.is_ended

    assert recorded(store) == [run_of(3, status=status), run_of(3, "mine")]
    assert runlake.active_run() is None


def test_two_threads_are_two_complete_runs(watched: ModuleType, store: Path) -> None:
    """Each with its own params and its own curve."""
    barrier = threading.Barrier(2)
    wait = lambda number, loss: barrier.wait(20)  # noqa: E731
    threads = [threading.Thread(target=watched.train, args=["data", 3, [wait]]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recorded(store) == [run_of(3), run_of(3)]
    assert [len(series(row.info.run_id, "loss")) for row in rows(store)] == [3, 3]


def test_a_fit_in_another_thread_while_one_is_open_goes_inside(watched: ModuleType, store: Path) -> None:
    """Of two in the user's run the first has it, the second is a child."""
    runlake.start_run(run_name="mine")
    inner = threading.Thread(target=watched.train, args=["data", 7])

    def start(number: int, loss: float) -> None:
        if number == 0:
            inner.start()
            inner.join()

    watched.train("data", 1, [start])
    runlake.end_run()

    assert recorded(store) == [run_of(1, "mine"), run_of(7, "train", "mine")]


def test_tasks_that_open_their_own_run_train_in_it(watched: ModuleType, store: Path) -> None:
    """Each task sees its own."""

    async def work(name: str, rounds: int) -> None:
        with runlake.start_run(run_name=name):
            await asyncio.sleep(0.01)
            watched.train("data", rounds)

    async def main() -> None:
        await asyncio.gather(work("a", 1), work("b", 2))

    asyncio.run(main())

    assert sorted(recorded(store)) == [run_of(1, "a"), run_of(2, "b")]


def test_a_task_that_outlives_a_call_trains_on_its_own(watched: ModuleType, store: Path) -> None:
    """It took the call's context along, but the call is over."""

    async def later() -> None:
        await asyncio.sleep(0.01)
        watched.train("data", 2)

    async def main() -> None:
        tasks: list[asyncio.Task[None]] = []
        watched.train("data", 1, [lambda number, loss: tasks.append(asyncio.create_task(later()))])
        await tasks[0]

    asyncio.run(main())

    assert recorded(store) == [run_of(1), run_of(2)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_train_beside_or_inside_but_never_in_the_same_run(tmp_path: Path) -> None:
    """With an open run of the parent it is a child of that; from within a call nothing is recorded twice."""
    code = """
    import json, os, runlake, toylib
    runlake.autolog("toylib")
    def fork(work):
        pid = os.fork()
        if not pid:
            work(); runlake.flush(); os._exit(0)
        os.waitpid(pid, 0)
    fork(lambda: toylib.train("data", 1))
    with runlake.start_run(run_name="mine"):
        fork(lambda: toylib.train("data", 2))
        toylib.train("data", 3)
    toylib.train("data", 1, [lambda number, loss: fork(lambda: toylib.train("data", 9))])
    """
    done = run_program(code, tmp_path / "lake", PYTHONPATH=path_setting(), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr
    assert recorded(tmp_path / "lake") == [run_of(1), run_of(3, "mine"), run_of(2, "train", "mine"), run_of(1)]


def test_what_a_callback_logs_goes_to_the_training(watched: ModuleType, store: Path) -> None:
    """A metric of the user's, and a run that they start inside."""

    def callback(number: int, loss: float) -> None:
        runlake.log_metric("mine", loss)
        with runlake.start_run(run_name=f"round {number}"):
            runlake.log_param("number", number)

    watched.train("data", 1, [callback])

    assert recorded(store) == [run_of(1), ("round 0", "FINISHED", "train", {"number": 0})]
    assert series(rows(store)[0].info.run_id, "mine") == [(0, 1.0)]
    assert runlake.active_run() is None


def test_what_the_user_says_counts(watched: ModuleType, store: Path) -> None:
    """A param logged before or after the training's own of the same name, and never an error."""
    with runlake.start_run(run_name="before"):
        runlake.log_param("rounds", "many")
        watched.train("data")
    with runlake.start_run(run_name="after"):
        watched.train("data")
        runlake.log_param("rounds", "few")
        with pytest.raises(InvalidValue):
            runlake.log_param("rounds", "none")

    assert [(name, params) for name, _, _, params in recorded(store)] == [("before", {"rounds": "many"}), ("after", {"rounds": "few"})]


def test_a_listener_that_outlives_its_run_writes_nothing_elsewhere(watched: ModuleType, store: Path) -> None:
    """A library that keeps the callbacks of an earlier call does not mix two runs."""
    kept: list[Any] = []
    train = watched.train
    watched.train("data", 1, [lambda number, loss: kept.append(number)])

    train("data", 2)

    assert [len(series(row.info.run_id, "loss")) for row in rows(store)] == [1, 2]
    assert kept == [0]


def test_extra_tags_land_on_the_run(watched: ModuleType, store: Path) -> None:
    """Beside the plugin's own."""
    runlake.autolog("toylib", extra_tags={"team": "blue"})

    watched.train("data")

    assert {key: value for key, value in rows(store)[0].tags.items() if key in ("team", "mlflow.autologging")} == {
        "team": "blue",
        "mlflow.autologging": "toylib",
    }


def test_workers_of_joblib_leave_no_stray_runs(tmp_path: Path) -> None:
    """Trainings in its threads and processes, made inside a training, belong to that one; outside of any, threads' are their own."""
    pytest.importorskip("joblib")
    code = """
    import json, sys, joblib, runlake, toylib
    runlake.autolog("toylib")
    def fit(rounds):
        return toylib.Estimator(rounds).fit("data") and None
    for backend in ("threading", "loky"):
        toylib.train("data", 1, [lambda number, loss: joblib.Parallel(2, backend=backend)(joblib.delayed(fit)(n) for n in (5, 6))])
    joblib.Parallel(2, backend="threading")(joblib.delayed(fit)(n) for n in (7, 7))
    """
    done = run_program(code, tmp_path / "lake", PYTHONPATH=path_setting(), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr
    names = [name for name, *_ in recorded(tmp_path / "lake")]
    assert json.dumps(names) == json.dumps(["train", "train", "Estimator", "Estimator"])
