"""Several processes at one study are one run, whoever begins, is killed, or comes later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

import runlake
from children import environment, run_program, start_program

optuna.logging.set_verbosity(optuna.logging.CRITICAL)

STATUSES = {"COMPLETE": "FINISHED", "PRUNED": "PRUNED", "FAIL": "FAILED"}

COMMON = """
    import os, sys, time, warnings
    import optuna, runlake
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    runlake.autolog("optuna")
    kind, place = sys.argv[1:3]

    def storage():
        return JournalStorage(JournalFileBackend(place)) if kind == "journal" else RDBStorage(f"sqlite:///{place}")

    def study(**how):
        return optuna.load_study(study_name="shared", storage=storage(), sampler=optuna.samplers.RandomSampler(), **how)
"""

WORKER = (
    COMMON
    + """
    seconds = float(sys.argv[4])

    def objective(trial):
        x = trial.suggest_float("x", -1, 1)
        kind = trial.suggest_categorical("kind", ["a", None, 2])
        for step in range(4):
            trial.report(x * step, step)
            time.sleep(seconds / 4)
            if trial.number % 5 == 4 and step == 2:
                raise optuna.TrialPruned
        if trial.number % 11 == 7:
            return None
        return x ** 2

    print("ready", flush=True)
    study().optimize(objective, n_trials=int(sys.argv[3]))
    """
)


def storage_of(kind: str, place: Path) -> BaseStorage:
    """The storage that the programs share."""
    return JournalStorage(JournalFileBackend(str(place))) if kind == "journal" else RDBStorage(f"sqlite:///{place}")


@pytest.fixture(params=["sqlite", "journal"])
def kind(request: pytest.FixtureRequest) -> str:
    """Of storage."""
    return str(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the study is kept."""
    return tmp_path / "study"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Programs that are gone when the test is over."""
    programs: list[subprocess.Popen[str]] = []
    yield programs
    for program in programs:
        program.kill()
        program.communicate()


def worker(store: Path, kind: str, place: Path, n: int, seconds: float) -> subprocess.Popen[str]:
    """A process that runs so many trials."""
    program = start_program(WORKER, store, kind, str(place), str(n), str(seconds), RUNLAKE_STRICT="1")
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n", program.communicate()[1]
    return program


def runs_of(store: Path) -> tuple[runlake.read.Run, dict[int, runlake.read.Run]]:
    """The study's run, of which there is one, and those of its trials."""
    found = runlake.read.open_store(store).runs()
    (parent,) = [run for run in found if "sampler" in run.params]
    children = [run for run in found if run.info.parent_run_id == parent.info.run_id]
    by_number = {int(run.info.run_name.removeprefix("shared ")): run for run in children}
    assert len(by_number) == len(children) == len(found) - 1
    return parent, by_number


def compare(store: Path, study: optuna.Study, n_killed: int) -> None:
    """Everything that the study's own storage has, trial by trial."""
    parent, children = runs_of(store)
    assert sorted(children) == [trial.number for trial in study.trials]
    for trial in study.trials:
        run = children[trial.number]
        recorded = [
            ({"status": run.info.status} if run.info.status != "CRASHED" else {}),
            run.params,
            dict(series_of(store, run, "value")),
            dict(series_of(store, run, "intermediate_value")),
        ]
        status = {"status": STATUSES[trial.state.name]} if trial.state.is_finished() else {}
        stored = [status, trial.params, dict(enumerate(trial.values or [])), trial.intermediate_values]
        if run.info.status == "CRASHED":
            n_killed -= 1
            _leave_out_last(recorded, stored)
        assert recorded == stored
        assert run.errors == []
    assert (parent.errors, n_killed >= 0) == ([], True)
    finished = [trial for trial in study.trials if trial.state.is_finished()]
    best = series_of(store, parent, "best_value")[-1]
    assert best == (len(finished), study.best_value)
    run = children[int(parent.tags["best_trial"])]
    assert run.data.metrics.get("value", study.best_value if run.info.status == "CRASHED" else None) == study.best_value
    assert parent.tags["best_run"] == run.info.run_id


def _leave_out_last(recorded: list[Any], stored: list[Any]) -> None:
    """Where a process is killed, it may have told Optuna one thing more than the store: that it is over, or a param or value."""
    missing = [(place, key) for place, facts in enumerate(stored) for key in facts if key not in recorded[place]]
    assert {place for place, _ in missing} <= {0, 2} or len(missing) <= 1
    for place, key in missing:
        del stored[place][key]


def series_of(store: Path, run: runlake.read.Run, key: str) -> list[tuple[int, float]]:
    """The points of one series."""
    points = runlake.read.open_store(store).points(run.info.run_id, key)
    return sorted(zip(points["step"].to_pylist(), points["value"].to_pylist(), strict=True))


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def prove(store: Path, kind: str, place: Path, started: list[subprocess.Popen[str]], n_trials: int, seconds: float) -> None:
    """Four processes, two of which are killed in the midst."""
    study = optuna.create_study(study_name="shared", storage=storage_of(kind, place))
    started += [worker(store, kind, place, n_trials // 4, seconds) for _ in range(4)]
    for victim, share in zip(started[:2], (0.2, 0.4), strict=True):
        until(lambda share=share: len(study.trials) > n_trials * share)  # type: ignore[misc]  # binds the loop's share
        assert runs_of(store)[0].info.status == "RUNNING"
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        until(lambda: runs_of(store)[0].info.status == "RUNNING")  # the others are at it, or about to be
    ended = [program.communicate() for program in started[2:]]

    assert [(program.returncode, said) for program, said in zip(started[2:], ended, strict=True)] == [(0, ("", ""))] * 2
    compare(store, study, n_killed=2)
    parent, children = runs_of(store)
    assert parent.info.status == "FINISHED"
    assert sum(run.info.status == "CRASHED" for run in children.values()) <= 2


def test_four_processes_are_one_run_and_two_are_killed(
    tmp_path: Path, kind: str, place: Path, started: list[subprocess.Popen[str]]
) -> None:
    """The quick twin of the proof."""
    prove(tmp_path / "lake", kind, place, started, 20, 0.15)

    (_, study, summary), every = listed(tmp_path / "lake"), listed(tmp_path / "lake", "--all", "-n", "0")
    statuses = [run.info.status for run in runs_of(tmp_path / "lake")[1].values()]
    assert (study.split()[:2], f" {len(statuses)} more inside" in summary) == (["✓", "shared"], True)
    assert sum("╰ shared" in line for line in every) == len(statuses)
    assert sum("⊘ pruned" in line for line in every) == statuses.count("PRUNED") > 0


def listed(store: Path, *options: str) -> list[str]:
    """What `runlake ls` prints."""
    command = [sys.executable, "-m", "runlake", "ls", *options]
    return subprocess.run(command, env=environment(store), capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.long
def test_the_proof(tmp_path: Path, kind: str, place: Path, started: list[subprocess.Popen[str]]) -> None:
    """Two hundred trials."""
    prove(tmp_path / "lake", kind, place, started, 200, 0.1)


def test_the_last_one_that_is_killed_leaves_a_crashed_run(
    tmp_path: Path, kind: str, place: Path, started: list[subprocess.Popen[str]]
) -> None:
    """With the params and all that it reported; who comes later goes on in the same run."""
    study = optuna.create_study(study_name="shared", storage=storage_of(kind, place))
    study.enqueue_trial({"x": 0.5})
    store = tmp_path / "lake"
    started += [worker(store, kind, place, 50, 60)]
    until(lambda: any(trial.intermediate_values for trial in study.trials))
    until(lambda: bool(runlake.read.open_store(store).runs()) if store.exists() else False)
    until(lambda: any("intermediate_value" in run.metrics for run in runs_of(store)[1].values()))
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    parent, children = runs_of(store)
    assert [parent.info.status, children[0].info.status] == ["CRASHED", "CRASHED"]
    assert children[0].params == study.trials[0].params == {"x": 0.5, "kind": children[0].params["kind"]}

    later = worker(store, kind, place, 2, 0)
    assert (later.wait(), later.communicate()) == (0, ("", ""))
    parent, children = runs_of(store)
    assert [parent.info.status, *(children[number].info.status for number in range(3))] == ["FINISHED", "CRASHED", "FINISHED", "FINISHED"]


TELLER = (
    COMMON
    + """
    found = study()
    found.tell(0, 3.0)
    found.tell(found.ask(), 4.0)
    """
)
ASKER = (
    COMMON
    + """
    found = study()
    trials = [found.ask() for _ in range(3)]
    for trial in trials:
        trial.report(trial.suggest_float("x", 0, 1), 0)
    print("ready", flush=True)
    input()
    found.tell(trials[1], 1.0)
    """
)


def test_another_process_may_tell(tmp_path: Path, kind: str, place: Path, started: list[subprocess.Popen[str]]) -> None:
    """While who asked is there; and what nobody told is not said to have ended well."""
    study = optuna.create_study(study_name="shared", storage=storage_of(kind, place))
    store = tmp_path / "lake"
    started += [start_program(ASKER, store, kind, str(place), RUNLAKE_STRICT="1")]
    assert started[0].stdout is not None
    assert started[0].stdout.readline() == "ready\n"
    told = run_program(TELLER, store, kind, str(place), RUNLAKE_STRICT="1")
    assert (told.returncode, told.stderr) == (0, "")
    assert started[0].communicate("go\n") == ("", "")

    parent, children = runs_of(store)
    assert [parent.info.status, *(children[number].info.status for number in range(4))] == [
        *("FINISHED", "FINISHED", "FINISHED", "FAILED", "FINISHED")
    ]
    assert children[2].tags["optuna.state"] == "nobody told how it ended"
    assert [children[number].data.metrics.get("value") for number in range(4)] == [3.0, 1.0, None, 4.0]
    assert all(series_of(store, children[number], "intermediate_value") == [(0, study.trials[number].params["x"])] for number in range(3))
    assert parent.data.metrics["best_value"] == 1.0


def test_a_study_that_is_made_anew_is_another(tmp_path: Path, place: Path) -> None:
    """The same name in the same place."""
    store = tmp_path / "lake"
    for _ in range(2):
        place.unlink(missing_ok=True)
        optuna.create_study(study_name="shared", storage=storage_of("sqlite", place))
        assert run_program(WORKER, store, "sqlite", str(place), "2", "0", RUNLAKE_STRICT="1").stderr == ""

    found = runlake.read.open_store(store).runs()
    assert [run.info.run_name for run in found if "sampler" in run.params] == ["shared", "shared"]
    assert len(found) == 6


def test_what_is_reported_is_there_at_once(tmp_path: Path, place: Path, started: list[subprocess.Popen[str]]) -> None:
    """A series of a trial that goes on."""
    optuna.create_study(study_name="shared", storage=storage_of("sqlite", place))
    started += [worker(tmp_path / "lake", "sqlite", place, 1, 40)]
    until((tmp_path / "lake").exists)

    until(lambda: any("intermediate_value" in run.metrics for run in runlake.read.open_store(tmp_path / "lake").runs()))
    assert runs_of(tmp_path / "lake")[0].info.status == "RUNNING"
