"""`runlake run`: a project from the command line, with its exit code, its output and its end."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import runlake
from children import environment
from projecting import leftovers, repository, run_command, write_project
from runlake.read import Run

NETS = """
    name: nets
    entry_points:
      main:
        parameters: {alpha: float, l1_ratio: {type: float, default: 0.1}}
        command: "python train.py {alpha} {l1_ratio}"
"""
LOGS = """
import sys, runlake
runlake.log_params({"alpha": float(sys.argv[1]), "l1_ratio": float(sys.argv[2])})
runlake.log_metric("rmse", 1.5)
"""
WAITS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
signal.signal(signal.SIGINT, lambda *_: sys.exit(8))
print("ready", flush=True)
time.sleep(60)
"""


def runs_in(folder: Path) -> list[Run]:
    """Those of the store beside the project."""
    return runlake.read.open_store(folder / "lake").runs() if (folder / "lake").exists() else []


def test_a_project_of_a_repository_as_it_is_listed(tmp_path: Path) -> None:
    """At a version, in a folder of it."""
    path = tmp_path / "repository"
    write_project(path / "nets", MLproject=NETS, train_py=LOGS)
    commit = repository(path)

    done = run_command(tmp_path, "run", "repository#nets", "-P", "alpha=1.0", "-P", "l1_ratio=1.0", "-v", "main", "--run-name", "first")
    listed = run_command(tmp_path, "ls", "--json")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (found,) = json.loads(listed.stdout)
    assert (found["run_name"], found["status"], found["params"]) == ("first", "FINISHED", {"alpha": 1.0, "l1_ratio": 1.0})
    assert (list(found["metrics"]), found["tags"]["mlflow.source.git.commit"]) == (["rmse"], commit)
    assert (found["tags"]["mlflow.project.version"], found["tags"]["mlflow.source.name"]) == ("main", f"{path}#nets")


def test_the_output_and_the_exit_code_are_the_programs(tmp_path: Path) -> None:
    """And what is said of the run goes to stderr."""
    write_project(tmp_path / "p", train_py="import sys\nprint(sys.argv[1:])\nprint('to stderr', file=sys.stderr)\nsys.exit(3)")

    done = run_command(
        tmp_path, "run", "p", "-e", "train.py", "-P", "a=b=c", "--experiment-name", "tries", RUNLAKE_SILENT="0", HF_TOKEN="x"
    )

    (run,) = runs_in(tmp_path)
    told, *lines, ended = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (3, "['--a', 'b=c']\n")
    assert (run.info.status, run.tags["runlake.exit_code"], run.params) == ("FAILED", "3", {"a": "b=c"})
    assert told == "runlake: the project does not get HF_TOKEN, which may be secrets; let one through with --env NAME"
    assert lines[-1] == "to stderr"
    assert lines[-2].endswith("train.py --a b=c")
    assert ended == f"runlake: {run.info.run_name} ({run.info.run_id}) FAILED, with exit code 3"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["-P", "password=hunter2", "-P", "password=x2"], "-P gives 'password' twice, as '<redacted:key:7>' and as '<redacted:key:2>'."),
        pytest.param(["-P", "a"], "-P takes NAME=VALUE, not 'a'.", marks=pytest.mark.long),
        pytest.param(["-P", "=1"], "'' is no name of a parameter", marks=pytest.mark.long),
        pytest.param(["-v", "v1"], "is in no git repository", marks=pytest.mark.long),
        (["--experiment-id", "7"], "experiment"),
    ],
)
def test_what_is_refused_is_one_error_and_no_run(tmp_path: Path, arguments: list[str], what: str) -> None:
    """Exit code 1."""
    write_project(tmp_path / "p", train_py="")

    done = run_command(tmp_path, "run", "p", "-e", "train.py", *arguments)

    assert (done.returncode, done.stderr.startswith("runlake: "), what in done.stderr) == (1, True, True)
    assert "Traceback" not in done.stderr
    assert runs_in(tmp_path) == []


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 7), pytest.param(signal.SIGINT, 8, marks=pytest.mark.long)])
def test_what_ends_the_launcher_is_handed_on(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    """It waits for the program, whose exit code it has; nothing temporary is left."""
    (tmp_path / "temporary").mkdir()
    path = write_project(tmp_path / "repository", wait_py=WAITS)
    repository(path)
    command = [sys.executable, "-m", "runlake", "run", path.as_uri(), "-e", "wait.py"]
    given = environment(tmp_path / "lake", TMPDIR=str(tmp_path / "temporary"))
    with subprocess.Popen(command, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "ready\n"
        launcher.send_signal(signum)
        assert launcher.wait(30) == code

    (run,) = runs_in(tmp_path)
    assert (run.info.status, run.tags["runlake.exit_code"], leftovers(tmp_path / "temporary")) == ("KILLED", str(code), [])


def test_ctrl_c_on_a_terminal_is_for_the_program_and_the_launcher_waits(tmp_path: Path) -> None:
    """The terminal tells both."""
    code = """
        import signal, sys, time
        told = []
        signal.signal(signal.SIGINT, lambda *_: told.append(1))
        print("ready", flush=True)
        while not told:
            time.sleep(0.01)
        time.sleep(0.3)
        sys.exit(10 + len(told))
    """
    write_project(tmp_path / "p", wait_py=code)
    ours, its = os.openpty()
    command = [sys.executable, "-m", "runlake", "run", "p", "-e", "wait.py"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(tmp_path / "lake"),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as launcher:
        os.close(its)
        while b"ready" not in os.read(ours, 4096):
            pass
        os.write(ours, b"\x03")
        assert launcher.wait(30) == 11
    os.close(ours)

    assert [(run.info.status, run.tags["runlake.exit_code"]) for run in runs_in(tmp_path)] == [("KILLED", "11")]


def test_a_launcher_that_is_ended_while_it_makes_ready_leaves_nothing(tmp_path: Path) -> None:
    """No run, no environment, no folder."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "bin").mkdir()
    conda = tmp_path / "bin" / "conda"
    conda.write_text('#!/bin/sh\nmkdir "$4"\necho building >&2\nsleep 60\n')
    conda.chmod(0o755)
    path = write_project(tmp_path / "repository", conda_yaml="dependencies: [numpy]", wait_py=WAITS)
    repository(path)
    settings = {
        "TMPDIR": str(tmp_path / "temporary"),
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "runlake", "run", path.as_uri(), "-e", "wait.py"]
    given = environment(tmp_path / "lake", **settings)
    with subprocess.Popen(command, env=given, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as launcher:
        assert launcher.stderr is not None
        assert launcher.stderr.readline() == "building\n"
        launcher.terminate()
        assert launcher.wait(30) == 143

    environments = leftovers(tmp_path / "cache" / "runlake" / "environments")
    assert ([name for name in environments if not name.endswith(".lock")], leftovers(tmp_path / "temporary")) == ([], [])
    assert runs_in(tmp_path) == []


def test_the_help_says_what_each_option_is(tmp_path: Path) -> None:
    """As MLflow spells them."""
    said = run_command(tmp_path, "run", "--help").stdout

    for option in (
        "-e, --entry-point",
        "-v, --version",
        "-P, --param-list",
        "--env-manager",
        "--experiment-name",
        "--experiment-id",
        "--run-name",
    ):
        assert option in said


def test_a_second_run_of_the_program_is_inside_of_the_projects(store: Path, tmp_path: Path) -> None:
    """The first `start_run` is the run itself."""
    code = "import runlake\nfor name in ('a', 'b'):\n    with runlake.start_run() as run:\n        runlake.log_param('name', name)"
    write_project(tmp_path / "p", train_py=code)
    before = time.time()

    runlake.run(str(tmp_path / "p"), "train.py")

    outer, inner = sorted(runs_in(tmp_path), key=lambda run: run.info.start_time)
    assert (outer.params["name"], inner.params["name"]) == ("a", "b")
    assert (inner.info.parent_run_id, outer.info.start_time >= int(before * 1000)) == (outer.info.run_id, True)
