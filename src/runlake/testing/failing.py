"""What goes wrong, in the library, in a plugin or in the store, reaches the user as it does without, or not at all."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from runlake.guard import attempt
from runlake.testing.calls import raising
from runlake.testing.planting import raising_plugin
from runlake.testing.programs import run_program
from runlake.testing.scenario import Trial

__all__ = [
    "a_disk_that_takes_nothing_costs_nothing",
    "a_raising_capture_of_another_plugin_is_harmless",
    "a_store_that_cannot_be_made_costs_nothing",
    "an_interrupt_passes_and_the_run_is_killed",
    "the_librarys_exception_is_untouched",
    "the_very_exception_arrives",
]


class _Planted(Exception):
    """What no library raises."""


def the_librarys_exception_is_untouched(trial: Trial) -> None:
    """It arrives with its cause and context, and no run says FINISHED."""
    fail = trial.needs("fail", "which would make the library raise")
    trial.load()
    bare = _raised(fail)

    with trial.enabled():
        watched = _raised(fail)

    assert _chain(watched) == _chain(bare), "the user sees another exception"
    assert set(trial.statuses()) <= {"FAILED"}


def the_very_exception_arrives(trial: Trial) -> None:
    """What is raised inside the library is the object that its caller catches."""
    planted = _Planted("raised inside the library")
    targets = _reached(trial)

    with trial.enabled(), raising(targets, planted):
        watched = attempt(trial.train)

    assert watched is planted, f"{watched!r} arrives in place of what was raised"
    assert set(trial.statuses()) <= {"FAILED"}


def an_interrupt_passes_and_the_run_is_killed(trial: Trial) -> None:
    """Ctrl-C in the middle of a training ends it at once."""
    planted = KeyboardInterrupt("in the middle")
    targets, caught = _reached(trial), None

    with trial.enabled(), raising(targets, planted):
        try:
            trial.train()
        except KeyboardInterrupt as interrupt:
            caught = interrupt

    assert caught is planted, "the interrupt does not arrive"
    assert set(trial.statuses()) <= {"KILLED"}


def a_raising_capture_of_another_plugin_is_harmless(trial: Trial) -> None:
    """A second plugin on the same targets that raises whatever it is asked leaves training and recording as they are."""
    bare = trial.load().fingerprint()

    with raising_plugin(trial.patched) as other, trial.enabled():
        runlake.autolog(trial.plugin, other, strict=False)
        watched = trial.fingerprint()

    assert watched == bare, "the model is another one"
    assert trial.statuses() == ["FINISHED"] * trial.scenario.runs
    assert any(run.params for run in trial.runs())


def a_store_that_cannot_be_made_costs_nothing(trial: Trial) -> None:
    """Where nothing can be written, training is what it is, and nothing is raised."""
    bare = trial.load().fingerprint()

    with tempfile.NamedTemporaryFile() as file, pytest.MonkeyPatch.context() as settings:
        settings.setenv("RUNLAKE_STORE", str(Path(file.name) / "lake"))
        settings.setenv("RUNLAKE_STRICT", "0")
        with trial.enabled(strict=False):
            watched = trial.fingerprint()

    assert watched == bare, "the model is another one"


def a_disk_that_takes_nothing_costs_nothing(trial: Trial) -> None:
    """A program whose every write to a file fails trains, prints and ends as it does without."""
    program = trial.needs("program", "which a new process would run")
    if sys.platform == "win32":
        pytest.skip("there is no limit for files here")
    limited = ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    bare = run_program(program, through=limited)
    if bare.returncode:
        pytest.skip("the program itself writes files")

    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("RUNLAKE_STRICT", "0")
        watched = run_program(f"import runlake as _runlake\n_runlake.autolog({trial.plugin!r})\n{program}", through=limited)

    assert (watched.returncode, watched.stdout) == (0, bare.stdout), watched.stderr  # which says what is lost


def _reached(trial: Trial) -> list[str]:
    """The patched targets, where a training comes through one of them."""
    targets = trial.trained or trial.patched
    with raising(targets, _Planted()):
        if not isinstance(attempt(trial.load().train), _Planted):
            pytest.skip("no patched function that is written in Python is called")
    return targets


def _raised(function: Callable[[], Any]) -> BaseException:
    """What it raises while the user is handling something else."""
    try:
        raise KeyError("what the user was handling")
    except KeyError:
        error = attempt(function)
    assert isinstance(error, BaseException), "the scenario's `fail` came back"
    return error


def _chain(error: BaseException | None) -> list[tuple[str, str]]:
    """The exception, what it says it came from, and what was being handled, by their types and texts."""
    seen = []
    while error is not None:
        seen.append((type(error).__name__, str(error)))
        error = error.__cause__ or error.__context__
    return seen
