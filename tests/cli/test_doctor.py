"""`runlake doctor`: what is wrong is said, with the reason, and is the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from children import environment, run_program
from toys import LIBRARY, PLUGIN, write_plugin

LACKING = """
@hookimpl
def patches():
    gone = Patch("toylib.core:gone", print, why="older versions have it", optional=True)
    return [Patch("toylib.core:no_such_function", print, why="it is gone"), gone]
"""
FAILING = """
@hookimpl
def model_fitted(fitted):
    raise ValueError("what a mess")
"""


def run_doctor(store: Path, *arguments: str, path: str = f"{LIBRARY}:{PLUGIN}", **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, where the toy library and its plugin are installed; others are left out, as they take seconds."""
    given = environment(store, **{"RUNLAKE_PLUGINS": "toylib,lacking,failing", "PYTHONPATH": path, **settings})
    command = [sys.executable, "-m", "runlake", "doctor", *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, check=False)


def test_where_all_is_well_it_says_what_there_is(tmp_path: Path) -> None:
    """The store, and each plugin with what it captures; nothing is made by looking."""
    done = run_doctor(tmp_path / "lake")

    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].startswith("· runlake  0.1.0, Python 3.")
    assert any(line.startswith("· settings ") and "plugins = ('toylib', 'lacking', 'failing')" in line for line in lines)
    assert any(line.startswith(f"· store    {tmp_path / 'lake'} is not there yet") for line in lines)
    assert any(line.startswith("✓ plugin   toylib 1.2 for 3.1, tested from 3.0 on: captures ") for line in lines), lines
    assert any("sklearn" in line and "left out by the settings" in line and line[0] == "·" for line in lines)
    assert not (tmp_path / "lake").exists()


def test_a_store_with_runs_is_told_of(tmp_path: Path) -> None:
    """How much of it is not published."""
    run_program("import runlake\nwith runlake.start_run(): runlake.log_metric('loss', 1.0)", tmp_path / "lake")

    assert f"✓ store    {tmp_path / 'lake'}: 1 files of " in run_doctor(tmp_path / "lake").stdout


def test_a_store_that_is_none_is_wrong(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "lake").write_text("a file")
    done = run_doctor(tmp_path / "lake")

    assert done.returncode == 1
    assert "✕ store    " in done.stdout
    assert "is a file. A store is a folder: name another path." in done.stdout


def test_every_target_can_be_shown(tmp_path: Path) -> None:
    """With what kind of place it is in, and why it is there."""
    shown = run_doctor(tmp_path / "lake", "--targets").stdout.splitlines()

    (of_train,) = [line for line in shown if "toylib.core:train (" in line]
    assert of_train.startswith("✓ target   toylib: toylib.core:train (fit): a function, under every name that it was imported as; ")
    assert any("toylib.core:Estimator.fit (fit): a method; " in line for line in shown)


def test_a_target_that_is_gone_is_wrong_unless_it_is_optional(tmp_path: Path) -> None:
    """It says which, and why."""
    write_plugin(tmp_path / "plugin", "lacking", LACKING)
    done = run_doctor(tmp_path / "lake", path=f"{LIBRARY}:{tmp_path / 'plugin'}")

    wrong = [line for line in done.stdout.splitlines() if line.startswith("✕")]
    assert done.returncode == 1
    assert len(wrong) == 1
    assert "lacking: toylib.core:no_such_function (fit): " in wrong[0]
    assert "no attribute 'no_such_function'" in wrong[0]


def test_a_library_that_is_not_installed_is_nothing_wrong(tmp_path: Path) -> None:
    """Its plugin waits for it."""
    done = run_doctor(tmp_path / "lake", path=str(PLUGIN))

    assert done.returncode == 0
    assert "· plugin   toylib 1.2: toylib is not installed" in done.stdout


def test_a_plugin_that_cannot_be_imported_is_wrong(tmp_path: Path) -> None:
    """Whatever it raises."""
    write_plugin(tmp_path / "plugin", "lacking", "1 / 0")
    done = run_doctor(tmp_path / "lake", path=f"{LIBRARY}:{tmp_path / 'plugin'}")

    assert done.returncode == 1
    assert "ZeroDivisionError" in next(line for line in done.stdout.splitlines() if line.startswith("✕ plugin   lacking"))


def test_machines_get_json(tmp_path: Path) -> None:
    """Each finding with whether it is good."""
    found = json.loads(run_doctor(tmp_path / "lake", "--json").stdout)

    assert {"about", "what", "is_good"} == set(found[0])
    assert [each["is_good"] for each in found if "toylib" in each["what"] and each["about"] == "plugin"] == [True]


def test_of_a_run_it_says_what_each_capture_did(tmp_path: Path) -> None:
    """How often, how long, and what it failed at."""
    write_plugin(tmp_path / "plugin", "failing", FAILING)
    path = f"{LIBRARY}:{PLUGIN}:{tmp_path / 'plugin'}"
    program = "import runlake, toylib\nrunlake.autolog()\ntoylib.train(3)"
    done = run_program(program, tmp_path / "lake", PYTHONPATH=path, RUNLAKE_PLUGINS="toylib,failing")
    assert done.returncode == 0, done.stderr

    told = run_doctor(tmp_path / "lake", "@last", path=path).stdout
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in told.splitlines()[2:] if not line.startswith("✕")}
    assert rows["toylib", "toylib.core:train"][0] == "1"
    assert rows["failing", "model_fitted"][2] == "1"
    assert "ValueError: what a mess" in told
    assert json.loads(run_doctor(tmp_path / "lake", "@last", "--json", path=path).stdout)[0]["plugin"]
