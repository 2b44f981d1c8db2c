"""`runlake rerun`: what is recorded is run again at its commit, what is missing is said first, and what came of it may be compared."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import runlake
from children import environment
from projecting import commit_all, git, leftovers, repository, run_command, write_project
from runlake.read import Run

SEEDED = """
import random, sys, runlake
random.seed(7)
with runlake.start_run(run_name="seeded"):
    runlake.log_param("given", sys.argv[1:])
    runlake.log_metrics({"loss": random.random(), "constant": 2.0})
"""


def record(folder: Path, *arguments: str, store: Path, **settings: str) -> None:
    """Run a script as its author would."""
    given = environment(store, RUNLAKE_JOBS="off", RUNLAKE_ENVIRONMENT="1", **settings)
    subprocess.run([sys.executable, *arguments], cwd=folder, env=given, check=True, timeout=60)


def rerun(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`runlake rerun`, with a folder for what is temporary."""
    (folder / "temporary").mkdir(exist_ok=True)
    done = run_command(folder, "rerun", *arguments, TMPDIR=str(folder / "temporary"), **settings)
    assert "Traceback" not in done.stderr
    assert leftovers(folder / "temporary") == []
    return done


def runs_in(folder: Path) -> list[Run]:
    """Those of the store beside the project, the oldest first."""
    return sorted(runlake.read.open_store(folder / "lake").runs(), key=lambda run: run.info.start_time)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A repository with a script in a folder of it."""
    path = tmp_path / "repository"
    write_project(path / "sub", train_py=SEEDED)
    repository(path)
    return path


def test_a_script_is_run_at_its_commit_with_its_changes(tmp_path: Path, scripts: Path) -> None:
    """Though the files have changed since; in the same folder of a checkout, under the same name, and it comes to the same."""
    train = scripts / "sub" / "train.py"
    train.write_text(SEEDED.replace("2.0", "3.0"))
    (scripts / "sub" / "notes.txt").touch()
    record(scripts / "sub", "train.py", "--lr", "0.1", store=tmp_path / "lake", RUNLAKE_EXPERIMENT="tries")
    train.write_text("raise SystemExit(9)")
    git(scripts, "commit", "--quiet", "--all", "--message", "broken")

    dry = rerun(tmp_path, "@last", "--dry-run")
    assert len(runs_in(tmp_path)) == 1
    done = rerun(tmp_path, "@last", "--check", RUNLAKE_SILENT="0")

    first, again = runs_in(tmp_path)
    command = f"to be run: {sys.executable} train.py --lr 0.1, in a checkout of {first.tags['mlflow.source.git.commit'][:12]} of {scripts}"
    assert (dry.returncode, dry.stdout) == (0, "")
    assert dry.stderr.splitlines() == [
        f"{command}, with the recorded changes",
        "  ! files that git did not track are not recorded: 'sub/notes.txt'",
    ]
    assert (done.returncode, done.stdout) == (0, "2 metrics compared, and all are the same.\n")
    assert again.data.metrics == first.data.metrics == {"loss": first.data.metrics["loss"], "constant": 3.0}
    assert again.params == {"given": ["--lr", "0.1"]}
    assert (again.info.run_name, again.info.experiment_id) == (first.info.run_name, first.info.experiment_id) == ("seeded", "1")
    assert again.tags["runlake.rerun_of"] == first.info.run_id
    for name in ("mlflow.source.git.commit", "mlflow.source.name", "mlflow.source.type"):
        assert again.tags[name] == first.tags[name]
    assert again.read_artifact("code.diff").decode().count("+    runlake.log_metrics") == 1
    assert train.read_text() == "raise SystemExit(9)"


@pytest.mark.long
def test_what_was_run_again_is_run_again(tmp_path: Path, scripts: Path) -> None:
    """Its own folder is gone, and the first one's is not."""
    record(scripts / "sub", "train.py", store=tmp_path / "lake")
    assert rerun(tmp_path, "@last").returncode == 0
    again = runs_in(tmp_path)[-1].info.run_id

    done = rerun(tmp_path, again)
    assert (done.returncode, f" of {scripts}" in done.stderr, "fetched from" in done.stderr) == (0, True, False)
    assert [run.tags.get("runlake.rerun_of") for run in runs_in(tmp_path)] == [None, runs_in(tmp_path)[0].info.run_id, again]


def test_a_metric_that_differs_is_shown_and_is_exit_code_1(tmp_path: Path) -> None:
    """Unless it is within the tolerance, or ignored."""
    code = """
        import os, runlake
        a = float(os.environ["A"])
        runlake.log_metrics({"a": a, "near": 100 + a / 100, os.environ["B"]: 1.0, os.environ["B"] * 2: 1.0, "c": 1.0, "system/x": a})
    """
    folder = write_project(tmp_path / "plain", train_py=code)
    record(folder, "train.py", store=tmp_path / "lake", A="100", B="b")
    first = runs_in(tmp_path)[0].info.run_id

    done = rerun(tmp_path, first, "--check", "--ignore", "bb", "--ignore", "dd", "--tolerance", "0.05", A="200", B="d")

    assert [line.split() for line in done.stdout.splitlines()] == [
        ["metric", "then", "now"],
        ["a", "100.0", "200.0"],
        ["b", "1.0", "-"],
        ["d", "-", "1.0"],
        "3 of 5 metrics differ.".split(),
    ]
    assert done.returncode == 1
    assert "no commit is recorded: the code is as it is now" in done.stderr


def test_a_projects_run_is_run_again_at_its_commit(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its parameters, also those that are defaults, and what was changed then."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    path = tmp_path / "repository"
    told = "import runlake, sys\nrunlake.log_metric('n', len(sys.argv))\nprint(sys.argv[1:])"
    project = (
        "name: p\nentry_points:\n  main:\n    parameters: {a: string, b: {type: int, default: 3}}\n    command: 'python train.py {a} {b}'\n"
    )
    write_project(path / "sub", MLproject=project, train_py="pass")
    repository(path)
    write_project(path / "sub", train_py=told)
    runlake.run(f"{path}#sub", parameters={"a": "x; y"})
    commit_all(path)
    write_project(path / "sub", train_py="raise SystemExit(1)", MLproject=project.replace("3", "4"))

    done = rerun(tmp_path, "@last", "--check")

    first, again = runs_in(tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["['x; y', '3']", "1 metric compared, and all are the same."])
    assert done.stderr.startswith(
        f"to be run: runlake run '{path}#sub' -e main -v {first.tags['mlflow.source.git.commit']} -P 'a=x; y' -P b=3"
    )
    assert (again.params, again.tags["mlflow.source.git.commit"]) == (first.params, first.tags["mlflow.source.git.commit"])
    assert (again.tags["runlake.rerun_of"], again.info.run_name) == (first.info.run_id, first.info.run_name)


@pytest.mark.long
def test_a_repository_that_is_gone_is_fetched_from_where_it_came(tmp_path: Path, scripts: Path) -> None:
    """Where the script lay in it is found out; without such a place it is an error."""
    git(tmp_path, "clone", "--quiet", str(scripts), "clone")
    record(tmp_path / "clone" / "sub", "train.py", store=tmp_path / "lake")
    shutil.rmtree(tmp_path / "clone")
    run = runs_in(tmp_path)[0]

    done = rerun(tmp_path, run.info.run_id, "--check")
    assert (done.returncode, done.stdout) == (0, "2 metrics compared, and all are the same.\n")
    assert f"the code is fetched from {scripts}" in done.stderr

    shutil.rmtree(scripts)
    done = rerun(tmp_path, run.info.run_id)
    assert (done.returncode, "cannot be" in done.stderr, len(runs_in(tmp_path))) == (1, True, 2)


@pytest.mark.long
def test_a_script_that_git_did_not_track_is_run_where_it_lies(tmp_path: Path, scripts: Path) -> None:
    """As it is now, which is said; without it there is an error."""
    write_project(scripts / "sub", new_py=SEEDED)
    record(scripts / "sub", "new.py", store=tmp_path / "lake")

    done = rerun(tmp_path, "@last")
    assert (done.returncode, "sub/new.py is not in the commit: it is run where it lies, as it is now" in done.stderr) == (0, True)
    (scripts / "sub" / "new.py").unlink()
    assert "new.py, which is not there any more" in rerun(tmp_path, runs_in(tmp_path)[0].info.run_id).stderr


def test_anothers_command_is_run_once_somebody_says_so(store: Path, tmp_path: Path) -> None:
    """Where nobody can be asked, by --yes; and what differs is said first."""
    said: dict[str, Any] = {"command": ["/python", "-c", "import runlake; runlake.log_metric('m', 1)"], "folder": str(tmp_path)}
    said |= {"host": "elsewhere", "python": "3.1.4", "packages": {"click": "0.1", "nothing-of-that-name": "2.0"}}
    with runlake.start_run(run_name="theirs"):
        runlake.log_metric("m", 1)
        runlake.log_dict(said, "environment.json")

    refused = rerun(tmp_path, "theirs")
    assert (refused.returncode, len(runs_in(tmp_path))) == (1, 1)
    assert "on elsewhere, and nobody can be asked here whether to run it. Look at it with --dry-run, and say --yes." in refused.stderr
    done = rerun(tmp_path, "theirs", "--yes", "--check")

    assert (done.returncode, done.stdout) == (0, "1 metric compared, and all are the same.\n")
    for line in (
        "Python was 3.1.4, and is",
        "click was 0.1, and is",
        "nothing-of-that-name 2.0 is not installed",
        "it ran on elsewhere, and this is",
    ):
        assert f"  ! {line}" in done.stderr


@pytest.mark.long
def test_a_program_that_fails_again_has_its_exit_code(tmp_path: Path) -> None:
    """Nothing is compared then."""
    folder = write_project(
        tmp_path / "p", train_py="import runlake, sys\nwith runlake.start_run(run_name='fails'):\n    sys.exit(len(sys.argv))"
    )
    with pytest.raises(subprocess.CalledProcessError):
        record(folder, "train.py", "a", "b", store=tmp_path / "lake")

    done = rerun(tmp_path, "fails", "--check")

    assert (done.returncode, done.stdout, [run.info.status for run in runs_in(tmp_path)]) == (3, "", ["FAILED", "FAILED"])
