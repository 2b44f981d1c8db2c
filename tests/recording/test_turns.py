"""A run that is opened for a program, which then has it as if it had opened it itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import runlake
from children import environment
from runlake.recording.active import open_for_program
from runlake.recording.opening import Wanted
from runlake.recording.turns import turns_of

TRAINING = """
    import runlake
    from sklearn.linear_model import LinearRegression
    runlake.autolog("sklearn", log_models=False, log_explanations=False, jobs="off")
    def train():
        LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
"""


def run_for_it(code: str, store: Path, **settings: str) -> tuple[str, str]:
    """The id of a run that is opened for this program, and what that printed."""
    run = open_for_program(Wanted(run_name="project"))
    with turns_of(run.run_id) as turns:
        finished = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            env=environment(store) | run.env() | turns | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        left = Path(turns["RUNLAKE_TURNS"])
    run.end()
    assert (finished.returncode, finished.stderr, left.exists()) == (0, "", False)
    return run.run_id, finished.stdout


def inside(run_id: str) -> dict[str, str | None]:
    """The runs, by their names, and which run each is inside of."""
    return {run.info.run_name: run.info.parent_run_id for run in runlake.search_runs(output_format="list")}


def test_its_first_training_is_recorded_in_the_run(store: Path) -> None:
    """A later one is a run inside; what it logs otherwise joins."""
    run_id, _ = run_for_it(TRAINING + "    train(); train(); runlake.log_metric('after', 1.0)\n", store)

    run = runlake.get_run(run_id)
    assert inside(run_id) == {"project": None, "LinearRegression": run_id}
    assert {"after", "training_score"} <= run.data.metrics.keys()
    assert str(run.info.status) == "FINISHED"


def test_the_first_run_that_it_starts_is_the_run_and_later_ones_are_inside(store: Path) -> None:
    """As a loop over settings has it."""
    code = """
        import runlake
        for number in range(3):
            with runlake.start_run(run_name=f"run {number}"):
                runlake.log_param("number", number)
        runlake.log_metric("after", 1.0)
    """
    run_id, _ = run_for_it(code, store)

    assert inside(run_id) == {"run 0": None, "run 1": run_id, "run 2": run_id}
    run = runlake.get_run(run_id)
    assert (run.params, set(run.data.metrics)) == ({"number": 0}, {"after"})


def test_only_the_first_of_its_processes_gets_what_the_first_gets(store: Path) -> None:
    """Two that train at once are not mixed: one is the run, the other inside it."""
    code = TRAINING + (
        "    import multiprocessing\n"
        "    workers = [multiprocessing.get_context('fork').Process(target=train) for _ in range(2)]\n"
        "    [worker.start() for worker in workers]\n"
        "    [worker.join() for worker in workers]\n"
    )
    run_id, _ = run_for_it(code, store)

    assert inside(run_id) == {"project": None, "LinearRegression": run_id}


def test_what_it_ran_on_is_noted_by_the_program(store: Path) -> None:
    """Who opened the run for it knows nothing of what it imports."""
    run_id, said = run_for_it(
        "import runlake, os, sqlite3\nrunlake.log_metric('a', 1.0)\nprint(os.getpid())", store, RUNLAKE_ENVIRONMENT="1"
    )

    noted = runlake.get_run(run_id).environment
    assert noted is not None
    assert noted["process"] == int(said)


def test_a_process_that_joins_another_run_gets_nothing_of_it(store: Path) -> None:
    """A turn is of one run."""
    with runlake.start_run(run_name="other") as other:
        pass
    run_id, _ = run_for_it(TRAINING + "    train()\n", store, RUNLAKE_RUN_ID=other.run_id)

    assert inside(run_id) == {"other": None, "project": None, "LinearRegression": other.run_id}
