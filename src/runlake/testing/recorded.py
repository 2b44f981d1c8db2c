"""What is recorded of a training: all of it, once, in every thread, and in a forked child."""

from __future__ import annotations

import os
import threading

import pytest

import runlake
from runlake.testing.programs import parted, run_program
from runlake.testing.scenario import Trial

__all__ = [
    "a_forked_child_records_for_itself",
    "a_training_is_recorded",
    "enabling_again_records_once",
    "enabling_in_a_thread_records",
    "two_trainings_at_once_are_two_complete_runs",
]

FORKED = """
import os as _os
_child = _os.fork()
if not _child:
    {rest}
    _runlake.disable_autolog()
    _runlake.flush()
    _os._exit(0)
if _os.waitpid(_child, 0)[1]:
    raise SystemExit("the child failed")
{after}
"""


def a_training_is_recorded(trial: Trial) -> None:
    """It leaves finished runs without errors, with params, and with points where the library has them."""
    with trial.enabled():
        trial.train()

    runs = trial.runs()
    assert [str(run.info.status) for run in runs] == ["FINISHED"] * trial.scenario.runs
    assert [run.errors for run in runs] == [[]] * trial.scenario.runs, "something could not be recorded"
    assert any(run.params for run in runs), "no run has params"
    series, there = trial.scenario.series, sorted({key for run in runs for key in run.metrics})
    assert not series or series in there, f"no run has the metric {series!r}; there is {', '.join(there) or 'none'}"


def enabling_again_records_once(trial: Trial) -> None:
    """A second `autolog()` doubles nothing, nor does one after `disable_autolog()`, where nothing is recorded."""
    with trial.enabled():
        trial.train()
    once = trial.shapes()
    trial.train()
    assert len(trial.shapes()) == len(once) == trial.scenario.runs, "a training is recorded after the plugin was disabled"

    with trial.enabled():
        runlake.autolog(trial.plugin)
        trial.train()

    assert trial.shapes() == once * 2, "the second time, other things are recorded"


def enabling_in_a_thread_records(trial: Trial) -> None:
    """`autolog()` in another thread holds for the whole process."""
    trial.load()
    thread = threading.Thread(target=lambda: runlake.autolog(trial.plugin))
    thread.start()
    thread.join()
    trial.train()
    runlake.disable_autolog()

    assert trial.statuses() == ["FINISHED"] * trial.scenario.runs


def two_trainings_at_once_are_two_complete_runs(trial: Trial) -> None:
    """Two threads that train at the same moment leave what each would leave alone."""
    with trial.enabled():
        trial.train()
    alone = trial.shapes()
    with trial.enabled():
        both = threading.Barrier(2)
        threads = [threading.Thread(target=lambda: (both.wait(), trial.train())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(trial.shapes()) == sorted(alone * 3)


def a_forked_child_records_for_itself(trial: Trial) -> None:
    """A child that trains ends well and leaves its own runs; the parent's training after it is recorded as ever."""
    imports, rest = parted(trial.needs("program", "which a new process would run"))
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork here")
    enable = f"\nimport runlake as _runlake\n_runlake.autolog({trial.plugin!r})\n"
    ended = run_program(imports + enable + FORKED.format(rest=rest.replace("\n", "\n    "), after=rest))

    assert ended.returncode == 0, ended.stderr
    assert trial.statuses() == ["FINISHED"] * 2 * trial.scenario.runs
