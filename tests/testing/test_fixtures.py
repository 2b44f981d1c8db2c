"""The fixtures that pytest finds where runlake is installed, and what they cost who does not use them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import runlake
from children import run_program


def test_the_store_is_the_tests_own(runlake_store: Path) -> None:
    """It is where the settings say; errors inside runlake are raised, and no job is done."""
    with runlake.start_run() as run:
        run.log_metric("loss", 1.0)

    assert [found.info.run_id for found in runlake.read.open_store(runlake_store).runs()] == [run.run_id]
    assert (os.environ["RUNLAKE_STRICT"], os.environ["RUNLAKE_JOBS"]) == ("1", "off")


def test_the_run_is_open_and_in_the_store(runlake_run: runlake.ActiveRun, recorded: Callable[[], list[runlake.read.Run]]) -> None:
    """What is logged goes to it, and can be read while it is open."""
    runlake.log_metric("loss", 0.5)

    (run,) = recorded()
    assert (run.info.run_id, run.data.metrics) == (runlake_run.run_id, {"loss": 0.5})


def test_nothing_is_recorded_at_first(recorded: Callable[[], list[runlake.read.Run]]) -> None:
    """No store is made by asking."""
    assert recorded() == []


def test_the_plugin_of_pytest_imports_next_to_nothing(tmp_path: Path) -> None:
    """Every run of pytest on the machine imports it: neither the kit nor anything that it needs."""
    finished = run_program(
        """
        import sys, pytest
        before = set(sys.modules)
        import runlake.testing.fixtures
        print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] != "importlib"))
        """,
        tmp_path / "lake",
    )

    assert finished.stdout == "['runlake', 'runlake.facades', 'runlake.testing', 'runlake.testing.fixtures']\n"


def test_a_test_that_uses_none_of_it_sees_nothing_of_it(tmp_path: Path) -> None:
    """No store, no thread, no setting."""
    (tmp_path / "test_plain.py").write_text(
        "import os, sys, threading\n\n"
        "def test_plain():\n"
        "    assert threading.active_count() == 1\n"
        "    assert not [name for name in os.environ if name.startswith('RUNLAKE_')]\n"
        "    assert not {'pyarrow', 'runlake.recording', 'runlake.instrument'} & sys.modules.keys()\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLAKE_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stdout
