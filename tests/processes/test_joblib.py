"""joblib: what workers train and log goes to the run that they were given, also in workers that are used again."""

from __future__ import annotations

from pathlib import Path

from processes.programs import Recorded, command_of, launched, recorded, values

TRAIN = """
import os, sys, runlake
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils import parallel

DATA = load_iris(return_X_y=True)

def train(task, env):
    os.environ.update(env)
    runlake.autolog("sklearn")
    with runlake.start_run():
        Ridge(alpha=task + 1).fit(*DATA)
        runlake.log_metric("task", float(task), step=task)

def fit(alpha):
    runlake.autolog("sklearn")
    Ridge(alpha=alpha).fit(*DATA)

def search():
    GridSearchCV(LogisticRegression(max_iter=1000), {"C": [1, 2]}, cv=3, n_jobs=2).fit(*DATA)
"""

GIVEN = """
if __name__ == "__main__":
    runlake.autolog("sklearn")
    for name in ("first", "second"):
        with runlake.start_run(run_name=name) as run:
            Parallel(n_jobs=2)(delayed(train)(task, run.env()) for task in range(4))
    search()
    with runlake.start_run(run_name="mine"):
        search()
    parallel.Parallel(n_jobs=2)(parallel.delayed(fit)(alpha) for alpha in (1, 2))
"""

INHERITED = """
def log(task):
    runlake.log_metric("task", float(task), step=task)

if __name__ == "__main__":
    with runlake.start_run(run_name="first") as run:
        os.environ.update(run.env())
        Parallel(n_jobs=2)(delayed(log)(task) for task in range(10))
        runlake.log_metric("here", 1.0)
    with runlake.start_run(run_name="second"):
        runlake.log_metric("here", 2.0)
"""

NOTHING_GIVEN = """
def log(task):
    runlake.log_metric("task", float(task), step=task)

if __name__ == "__main__":
    with runlake.start_run(run_name="mine"):
        Parallel(n_jobs=2)(delayed(log)(task) for task in range(10))
"""

RIDGE = "Ridge"


def test_each_task_goes_to_the_run_that_it_was_given(tmp_path: Path) -> None:
    """Its fit as a run inside; a search that is spread over the same workers is its parent and its candidates, and no fit of a fold."""
    launched(command_of(tmp_path, TRAIN + GIVEN), tmp_path / "lake")
    found = recorded(tmp_path / "lake")

    assert sorted((run.status, run.inside) for name, run in found.items() if name.startswith(RIDGE)) == (
        [("FINISHED", "first")] * 4 + [("FINISHED", "second")] * 6  # the last two in workers that still know of that
    )
    rest = {name: (run.status, run.inside) for name, run in found.items() if not name.startswith(RIDGE)}
    assert rest == {
        "first": ("FINISHED", None),
        "second": ("FINISHED", None),
        "GridSearchCV": ("FINISHED", None),
        "LogisticRegression 1": ("FINISHED", "GridSearchCV"),
        "LogisticRegression 2": ("FINISHED", "GridSearchCV"),
        "mine": ("FINISHED", None),
        "LogisticRegression 1 2": ("FINISHED", "mine"),
        "LogisticRegression 2 2": ("FINISHED", "mine"),
    }
    for name in ("first", "second"):
        assert values(tmp_path / "lake", name, "task") == [(task, float(task)) for task in range(4)]


def test_the_environment_of_a_program_names_a_run_for_its_workers_and_not_for_its_next_run(tmp_path: Path) -> None:
    """It is still named there when the run has ended."""
    launched(command_of(tmp_path, TRAIN + INHERITED), tmp_path / "lake")
    found = recorded(tmp_path / "lake")

    assert {name: (run.status, run.n_points) for name, run in found.items()} == {
        "first": ("FINISHED", {"task": 10, "here": 1}),
        "second": ("FINISHED", {"here": 1}),
    }
    assert values(tmp_path / "lake", "first", "task") == [(task, float(task)) for task in range(10)]


def test_workers_that_were_given_nothing_have_runs_of_their_own(tmp_path: Path) -> None:
    """They end with their workers, and nothing is lost."""
    launched(command_of(tmp_path, TRAIN + NOTHING_GIVEN), tmp_path / "lake")
    found = recorded(tmp_path / "lake")

    assert found.pop("mine") == Recorded("FINISHED", None, {}, 0)
    assert {(run.status, run.inside, run.n_writers) for run in found.values()} == {("FINISHED", None, 1)}
    assert sum(run.n_points["task"] for run in found.values()) == 10
