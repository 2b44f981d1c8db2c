"""Notebooks and IPython: a run that nobody opened ends with its cell, one that `start_run()` opened goes on until it is ended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from nbclient import NotebookClient

import runlake
from children import environment
from kernels import close_event_loop, kernel, run_cells
from runlake.store.layout import is_store

v4: Any = nbformat.v4  # untyped


class Notebook:
    """A kernel, whose cells record into the store that was chosen last."""

    def __init__(self, client: NotebookClient) -> None:
        self.client = client
        self.km: Any = client.km  # some kinds of it answer later, ours at once

    def run(self, *cells: str) -> list[str]:
        """Run the cells one after the other, also after one that fails; what they printed, to both files."""
        book = run_cells(self.client, cells)
        return ["".join(out.get("text", "") for out in cell.outputs) for cell in book.cells]

    def wait_until_ready(self) -> None:
        """Wait for a kernel that was started again."""
        assert isinstance(self.client.kc, BlockingKernelClient)
        self.client.kc.wait_for_ready(30)

    def run_interrupted(self, cell: str, store: Path) -> None:
        """Run a cell that goes on for ever, and interrupt it once its run is in the store."""

        def interrupt() -> None:
            while "RUNNING" not in statuses(store):
                time.sleep(0.05)
            self.km.interrupt_kernel()
            close_event_loop()

        user = threading.Thread(target=interrupt, daemon=True)
        user.start()
        self.run(cell)
        user.join(30)


@contextlib.contextmanager
def notebook_in(folder: Path) -> Iterator[Notebook]:
    """One with a kernel of its own."""
    with kernel(folder, RUNLAKE_STRICT="1", RUNLAKE_SILENT="0") as client:
        yield Notebook(client)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """One kernel for all notebooks that leave it as they found it."""
    with notebook_in(tmp_path_factory.mktemp("jupyter")) as notebook:
        notebook.run("import asyncio, os, sys, threading, time, runlake")
        yield notebook


@pytest.fixture
def notebook(shared: Notebook, store: Path) -> Notebook:
    """The kernel with a store of this test."""
    shared.run(f"runlake.set_tracking_uri({str(store)!r})")
    return shared


def statuses(store: Path) -> list[str]:
    """The status of every run, in the order of their start."""
    return [run.info.status for run in runlake.read.open_store(store).runs()] if is_store(store) else []


def found(store: Path) -> list[tuple[str, str, dict[str, float]]]:
    """The name, the status and the last values of every run, in the order of their start."""
    runlake.flush()
    return [(run.info.run_name, run.info.status, run.data.metrics) for run in runlake.read.open_store(store).runs()]


def endings(store: Path) -> list[tuple[str, dict[str, float]]]:
    """The same without names."""
    return [row[1:] for row in found(store)]


def test_a_run_that_nobody_opened_ends_with_its_cell(notebook: Notebook, store: Path) -> None:
    """Each cell that logs has one of its own, and is told so."""
    told = notebook.run(
        "runlake.log_metric('a', 1.0); runlake.log_metric('b', 2.0)", "print(runlake.active_run())", "runlake.log_metric('c', 3.0)"
    )

    assert endings(store) == [("FINISHED", {"a": 1.0, "b": 2.0}), ("FINISHED", {"c": 3.0})]
    assert ("it ends with the cell" in told[0], told[1], "it ends with the cell" in told[2]) == (True, "None\n", True)


@pytest.mark.parametrize(
    ("end", "status"),
    [("1 / 0", "FAILED"), ("sys.exit(3)", "FAILED"), ("sys.exit()", "FINISHED"), ("raise KeyboardInterrupt", "KILLED"), ("x", "FINISHED")],
)
@pytest.mark.parametrize("kind", ["a cell", "a cell that awaits"])
def test_it_ends_as_its_cell_does(notebook: Notebook, store: Path, kind: str, end: str, status: str) -> None:
    """And as no other: neither the one before nor the one after."""
    first = "await asyncio.sleep(0)" if "await" in kind else "x = 1"
    notebook.run("x = 1 / 0", f"x = 1; {first}; runlake.log_metric('a', 1.0); {end}", "x = 1 / 0", "x = (")

    assert endings(store) == [(status, {"a": 1.0})]


def test_one_that_a_thread_opens_between_cells_has_nothing_to_do_with_the_next_cell(notebook: Notebook, store: Path) -> None:
    """It ends as that begins."""
    notebook.run(
        "def log_later():\n    over.wait(30)\n    runlake.log_metric('thread', 1.0)\n    logged.set()",
        "over, logged = threading.Event(), threading.Event(); threading.Thread(target=log_later).start()",
        "threading.Timer(0.3, over.set).start()",
    )
    while not statuses(store):
        time.sleep(0.05)
    notebook.run("assert logged.is_set(); runlake.log_metric('cell', 1.0); 1 / 0")

    assert endings(store) == [("FINISHED", {"thread": 1.0}), ("FAILED", {"cell": 1.0})]


def test_a_plain_run_goes_on_in_later_cells_until_it_is_ended(notebook: Notebook, store: Path) -> None:
    """Whether they await or not, and whatever fails in between."""
    notebook.run(
        "runlake.start_run(run_name='plain')",
        "runlake.log_metric('a', 1.0)",
        "await asyncio.sleep(0); runlake.log_metric('b', 2.0)",
        "1 / 0",
        "with runlake.start_run(run_name='inner', nested=True): runlake.log_metric('own', 1.0)",
        "threading.Thread(target=runlake.log_metric, args=['c', 3.0]).start()",
        "runlake.end_run()",
        "await asyncio.sleep(0); runlake.start_run(run_name='of a cell that awaits')",
        "runlake.log_metric('d', 4.0)",
        "await asyncio.sleep(0); runlake.log_metric('e', 5.0); runlake.end_run()",
        "assert runlake.active_run() is None",
    )

    assert found(store) == [
        ("plain", "FINISHED", {"a": 1.0, "b": 2.0, "c": 3.0}),
        ("inner", "FINISHED", {"own": 1.0}),
        ("of a cell that awaits", "FINISHED", {"d": 4.0, "e": 5.0}),
    ]


def test_a_run_opened_inside_it_by_a_cell_that_awaits_is_the_one_of_the_next_cells(notebook: Notebook, store: Path) -> None:
    """Until that is ended: then it is the outer one again."""
    notebook.run(
        "runlake.start_run(run_name='outer')",
        "await asyncio.sleep(0); runlake.start_run(run_name='inner', nested=True)",
        "runlake.log_metric('a', 1.0); runlake.end_run()",
        "await asyncio.sleep(0); runlake.log_metric('b', 2.0)",
        "runlake.end_run()",
    )

    assert found(store) == [("outer", "FINISHED", {"b": 2.0}), ("inner", "FINISHED", {"a": 1.0})]


def test_awaits_that_go_on_together_each_have_their_run(notebook: Notebook, store: Path) -> None:
    """Also where one of them fails."""
    notebook.run(
        """
        async def train(name, steps):
            with runlake.start_run(run_name=name):
                for step in range(steps):
                    runlake.log_metric(name, float(step), step)
                    await asyncio.sleep(0.001)
                assert steps == 5, name
        await asyncio.gather(train('first', 5), train('second', 7), return_exceptions=True)
        assert runlake.active_run() is None
        """
    )

    assert found(store) == [("first", "FINISHED", {"first": 4.0}), ("second", "FAILED", {"second": 6.0})]


def test_a_cell_that_runs_again_makes_another_run(notebook: Notebook, store: Path) -> None:
    """Also after it failed."""
    cell = "n += 1\nwith runlake.start_run():\n    runlake.log_metric('a', float(n))\n    assert n > 1"
    notebook.run("n = 0", cell, cell)

    assert endings(store) == [("FAILED", {"a": 1.0}), ("FINISHED", {"a": 2.0})]


@pytest.mark.parametrize("opening", ["if True:", "with runlake.start_run():"])
@pytest.mark.parametrize("waiting", ["time.sleep(0.01)", "await asyncio.sleep(0.01)"])
def test_a_run_whose_cell_is_interrupted_is_killed(notebook: Notebook, store: Path, opening: str, waiting: str) -> None:
    """By the stop button, in a block or in a cell without one."""
    notebook.run_interrupted(f"{opening}\n    while True:\n        runlake.log_metric('a', 1.0)\n        {waiting}", store)

    assert endings(store) == [("KILLED", {"a": 1.0})]


def test_a_worker_forked_after_a_failed_cell_has_not_failed(notebook: Notebook, store: Path) -> None:
    """It inherits what IPython knows of the last cell, and sees no cell end."""
    notebook.run(
        "import multiprocessing",
        "1 / 0",
        "worker = multiprocessing.get_context('fork').Process(target=runlake.log_metric, args=['a', 1.0]); worker.start(); worker.join(30)",
    )

    assert endings(store) == [("FINISHED", {"a": 1.0})]


def test_a_plain_run_ends_with_its_kernel(tmp_path: Path) -> None:
    """FINISHED as it restarts, whatever failed before the last cell, FAILED after a cell that ended it all, CRASHED as it is killed."""
    with notebook_in(tmp_path) as notebook:
        for last in ("x = 1", "1 / 0"):
            notebook.run("import runlake; runlake.start_run()", "1 / 0", f"runlake.log_metric('a', 1.0); {last}")
            notebook.km.restart_kernel()
            notebook.wait_until_ready()
        notebook.run("import runlake; runlake.start_run(); runlake.log_metric('a', 1.0); runlake.flush()")
        notebook.km.shutdown_kernel(now=True)

    assert endings(tmp_path / "lake") == [(status, {"a": 1.0}) for status in ("FINISHED", "FAILED", "CRASHED")]


def ipython(tmp_path: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """A session of IPython in a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor", *arguments],
        env=environment(tmp_path / "lake", RUNLAKE_STRICT="1", RUNLAKE_SILENT="0", IPYTHONDIR=str(tmp_path)),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_line_typed_into_a_terminal_is_a_cell(tmp_path: Path) -> None:
    """A run that was left open ends as the last of them did."""
    lines = [
        "import asyncio, runlake",
        "runlake.log_metric('a', 1.0)",
        "runlake.log_metric('b', 1.0); 1 / 0",
        "await asyncio.sleep(0); runlake.log_metric('c', 1.0)",
        "await asyncio.sleep(0); runlake.start_run(run_name='plain')",
        "1 / 0",
        "runlake.log_metric('d', 1.0)",
    ]
    done = ipython(tmp_path, typed="\n".join([*lines, ""]))

    assert (done.returncode, done.stderr.count("it ends with the cell")) == (0, 3)
    assert endings(tmp_path / "lake") == [
        ("FINISHED", {"a": 1.0}),
        ("FAILED", {"b": 1.0}),
        ("FINISHED", {"c": 1.0}),
        ("FINISHED", {"d": 1.0}),
    ]


@pytest.mark.parametrize("opening", ["", "runlake.start_run(); "])
def test_a_command_given_to_ipython_ends_its_run_as_it_ends(tmp_path: Path, opening: str) -> None:
    """It is a cell too, and the last one."""
    ipython(tmp_path, "-c", f"import runlake; {opening}runlake.log_metric('a', 1.0); 1 / 0")

    assert endings(tmp_path / "lake") == [("FAILED", {"a": 1.0})]
