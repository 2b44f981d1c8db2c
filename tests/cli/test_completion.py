"""What a shell completes, asked as the shells ask."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment
from conftest import lacking


def complete(store: Path, *words: str) -> list[str]:
    """What bash offers in place of the last word."""
    if shutil.which("bash") is None:
        lacking("bash")
    script = """
        eval "$(runlake completion bash)"
        COMP_WORDS=(runlake "$@"); COMP_CWORD=$#
        _runlake_completion runlake
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    settings = environment(store)
    settings["PATH"] = f"{Path(sys.executable).parent}:{settings['PATH']}"
    ended = subprocess.run(["bash", "-c", script, "bash", *words], env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.split()


@pytest.fixture
def runs(store: Path) -> Path:
    """A store with some runs."""
    runlake.set_experiment("churn")
    for name in ("brave-otter", "brave-fox", "two words", "twin", "twin"):
        with runlake.start_run(run_name=name):
            runlake.log_params({"lr": 0.1, "two words": 1})
            runlake.log_metric("loss", 1.0)
    runlake.flush()
    return store


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    """Without a store, too."""
    assert complete(tmp_path / "lake", "pl") == ["plot", "plugin", "plugins"]
    assert complete(tmp_path / "lake", "ls", "--st") == ["--store"]
    assert complete(tmp_path / "lake", "experiments", "re") == ["rename", "restore"]


def test_runs_are_completed_by_name(runs: Path) -> None:
    """Or by id, where the name is no single word or not the run's alone."""
    twins = {run.info.run_id for run in runlake.read.open_store(runs).runs() if run.info.run_name in ("twin", "two words")}

    assert sorted(complete(runs, "show", "brave")) == ["brave-fox", "brave-otter"]
    assert set(complete(runs, "show", "")) == {"brave-fox", "brave-otter", *twins}
    assert complete(runs, "show", next(iter(twins))[:-1]) != []
    assert complete(runs, "show", "twin") == []


def test_keys_and_experiments_are_completed(runs: Path) -> None:
    """Where a filter, an order, columns or an experiment is expected."""
    assert complete(runs, "ls", "metrics.") == ["metrics.loss"]
    assert complete(runs, "ls", "lr", "<", "0.5", "and", "lo") == ["loss"]
    assert complete(runs, "ls", "--sort", "par") == ["params.lr", "parent_run_id"]
    assert complete(runs, "ls", "--columns", "params.lr,met") == ["params.lr,metrics.loss"]
    assert complete(runs, "ls", "-e", "") == ["Default", "churn"]
    assert complete(runs, "experiments", "delete", "ch") == ["churn"]


def test_the_store_that_the_line_names_is_looked_into(runs: Path, tmp_path: Path) -> None:
    """And where there is none, nothing is offered, and nothing said."""
    assert complete(tmp_path / "absent", "show", "--store", str(runs), "brave-o") == ["brave-otter"]
    assert complete(tmp_path / "absent", "show", "") == []
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(tmp_path: Path, shell: str) -> None:
    """Which sh itself can read, where it is installed."""
    line = [sys.executable, "-m", "runlake", "completion", shell]
    script = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=True).stdout

    assert "_RUNLAKE_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
