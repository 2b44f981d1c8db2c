"""The command itself: its version, its demo, its errors."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment


def command(store: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake` as a user would."""
    called = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(called, env=environment(store, **settings), capture_output=True, text=True, timeout=220, check=False)


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    """And nothing is made."""
    finished = command(tmp_path / "lake", "--version")

    assert (finished.returncode, finished.stdout) == (0, f"runlake, version {runlake.__version__}\n")
    assert not (tmp_path / "lake").exists()


@pytest.mark.timeout(240)
def test_the_demo_prints_what_a_reader_finds(tmp_path: Path) -> None:
    """Every point of the small training, and a run of each plugin that brings something to show, with its series."""
    finished = command(tmp_path / "lake", "demo", "--steps", "50", RUNLAKE_JOBS="off", OMP_NUM_THREADS="1")

    assert (finished.returncode, finished.stderr) == (0, "")
    assert "FINISHED" in finished.stdout
    opened = runlake.read.open_store(tmp_path / "lake").runs()
    runs = {run.tags.get("mlflow.autologging"): run for run in opened if run.info.parent_run_id is None}
    shown = {entry.name for entry in importlib.metadata.entry_points(group="runlake.demos")}
    assert runs.keys() == {None, *shown}
    assert {key: len(series) for key, series in runs[None].metrics.items()} == {"loss": 50, "slope": 5, "offset": 5}
    for name in shown:
        assert f"Run {runs[name].info.run_name} recorded by the plugin {name}: FINISHED" in finished.stdout
        assert [key for key in runs[name].metrics if key not in finished.stdout] == []


def test_an_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    """No traceback for what the user can mend."""
    (tmp_path / "lake").write_text("a file")
    finished = command(tmp_path / "lake", "demo")

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == f"runlake: {tmp_path / 'lake'} is a file. A store is a folder: name another path.\n"
