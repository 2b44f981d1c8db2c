"""The examples of the README for many processes run as they stand, and record what is said of them there."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from processes.programs import Recorded, launched, recorded, values

EXAMPLES = Path(__file__).parent / "examples"
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
HEADING = "## Training in many processes and on many machines\n"
TRAINED = {"train/loss": 5, "train/lr": 1}


def run(tmp_path: Path, command: list[str]) -> dict[str, Recorded]:
    """What one of them records, run among the others by a user whose `python` is this one."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    for script in folder.glob("*.sh"):
        script.write_text(script.read_text().replace("/shared/lake", str(tmp_path / "lake")))
    launched(command, tmp_path / "lake", folder, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return recorded(tmp_path / "lake")


@pytest.mark.long
def test_the_ranks_of_torchrun_are_one_training_in_the_run_of_who_launched_them(tmp_path: Path) -> None:
    """What each rank logs itself is in that run."""
    assert run(tmp_path, [sys.executable, "launch_ddp.py"]) == {
        "two ranks": Recorded("FINISHED", None, {"rank 0/loss": 5, "rank 1/loss": 5}, 2),
        "Linear": Recorded("FINISHED", "two ranks", TRAINED, 1),
    }


@pytest.mark.long
def test_every_task_of_joblib_is_a_fit_inside_the_run(tmp_path: Path) -> None:
    """And a point of it."""
    found = run(tmp_path, [sys.executable, "joblib_fits.py"])
    fits = [(run.status, run.inside) for name, run in found.items() if name.startswith("LogisticRegression")]

    assert (len(found), fits) == (4, [("FINISHED", "three fits")] * 3)
    assert (found["three fits"].status, [step for step, _ in values(tmp_path / "lake", "three fits", "score")]) == (
        "FINISHED",
        [1, 10, 100],
    )


@pytest.mark.parametrize(
    "method", ["spawn", pytest.param("fork", marks=pytest.mark.long), pytest.param("forkserver", marks=pytest.mark.long)]
)
def test_a_pool_is_one_run(tmp_path: Path, method: str) -> None:
    """Whichever way its processes begin."""
    program = (EXAMPLES / "pool.py").read_text()
    assert 'get_context("spawn")' in program
    path = tmp_path / "pool.py"
    path.write_text(program.replace('get_context("spawn")', f"get_context({method!r})"))
    found = run(tmp_path, [sys.executable, str(path)])

    assert {name: (run.status, run.n_points) for name, run in found.items()} == {"a pool": ("FINISHED", {"square": 10})}
    assert values(tmp_path / "lake", "a pool", "square") == [(n, float(n * n)) for n in range(10)]


def test_the_jobs_of_a_batch_are_runs_inside_one(tmp_path: Path) -> None:
    """Which has ended when they begin."""
    found = run(tmp_path, ["sh", "jobs.sh"])
    fits = [(run.status, run.inside) for name, run in found.items() if name.startswith("LogisticRegression")]

    assert (len(found), found["jobs"].status, fits) == (4, "FINISHED", [("FINISHED", "jobs")] * 3)


def test_the_readme_shows_these_programs_and_no_others() -> None:
    """Letter by letter."""
    section = README.partition(HEADING)[2].partition("\n## ")[0]
    shown = re.findall(r"```(?:python|sh)\n(.*?)```", section, re.S)

    assert sorted(shown) == sorted(path.read_text(encoding="utf-8") for path in EXAMPLES.iterdir() if path.is_file())
