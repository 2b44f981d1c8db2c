"""What waits is published by a process of its own: started by the program that ends with enough of it, or by a runner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment, run_program
from planted_jobs import start_jobs, until
from runlake.jobs.publishing import ENOUGH_BYTES, waits
from runlake.recording.publishing import ENOUGH_FILES
from runlake.store.layout import Layout
from runlake.store.names import new_writer_id

ONE_RUN = "import runlake, sys\nwith runlake.start_run(): runlake.log_metric('loss', 0.5)\nprint(sorted(sys.modules))"


def fill(store: Path, files: int, size: int = 0) -> None:
    """So many logs that hold nothing, as of writers that died at once."""
    folder = Layout(store).wal / "20200101"
    folder.mkdir(parents=True)
    for _ in range(files):
        (folder / f"{new_writer_id()}.000000.wal").write_bytes(bytes(size))


def run_apart(store: Path, *arguments: str) -> None:
    """What `python -m runlake.jobs` does on a machine that has no other runners."""
    said = start_jobs(store, {"XDG_RUNTIME_DIR": str(store.parent)}, *arguments).communicate(timeout=60)
    assert said == ("", "")


def is_published(store: Path) -> bool:
    """Whether the tables hold a point."""
    return any((store / "points").glob("part-*.parquet"))


def test_the_program_that_ends_with_enough_waiting_starts_a_publisher(tmp_path: Path) -> None:
    """It is over before that is done, prints nothing, and has not imported what publishes."""
    store = tmp_path / "lake"
    fill(store, ENOUGH_FILES)

    done = run_program(ONE_RUN, store, XDG_RUNTIME_DIR=str(tmp_path))

    assert done.stderr == ""
    assert "deltalake" not in done.stdout
    until(lambda: is_published(store))
    (run,) = runlake.read.open_store(store).runs()
    assert (run.info.status, run.metrics["loss"].last) == ("FINISHED", 0.5)


@pytest.mark.parametrize(("files", "jobs"), [(ENOUGH_FILES - 2, "detached"), (ENOUGH_FILES, "off"), (ENOUGH_FILES, "inline")])
def test_no_other_program_does(tmp_path: Path, files: int, jobs: str) -> None:
    """Not for little, nor where no process is to be started: this one, which trains, never publishes."""
    fill(tmp_path / "lake", files)

    done = run_program(
        "import subprocess\n"
        "class Refused(subprocess.Popen):\n    def __init__(self, *given, **more): raise AssertionError(given)\n"
        "subprocess.Popen = Refused\n" + ONE_RUN,
        tmp_path / "lake",
        RUNLAKE_JOBS=jobs,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("files", "size", "enough"), [(1, 0, False), (1, ENOUGH_BYTES, True), (ENOUGH_FILES, 0, True)])
def test_many_files_or_many_bytes_are_enough(tmp_path: Path, files: int, size: int, enough: bool) -> None:
    """A small store is read as it is."""
    fill(tmp_path / "lake", files, size)

    assert waits(tmp_path / "lake") == enough


def test_a_runner_with_nothing_to_do_publishes(tmp_path: Path) -> None:
    """And goes on."""
    store = tmp_path / "lake"
    run_program(ONE_RUN, store)
    fill(store, ENOUGH_FILES)

    run_apart(store, "--idle", "0.5")

    assert is_published(store)


def test_a_publisher_leaves_a_busy_machine_alone_and_a_runner_takes_over(tmp_path: Path) -> None:
    """There is word of the store where the slot was taken; `--at-once` heeds nobody."""
    store, other = tmp_path / "lake", tmp_path / "other"
    for each in (store, other):
        run_program(ONE_RUN, each, RUNLAKE_JOBS="off")
        fill(each, ENOUGH_FILES)
    hold = "from runlake.jobs.slots import slot\nwith slot(): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        env=environment(store, XDG_RUNTIME_DIR=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        run_apart(store, "--publish")
        run_apart(other, "--publish", "--at-once")
        states = is_published(store), is_published(other)
        holder.communicate("\n")

    assert states == (False, True)
    run_apart(other, "--idle", "0.1")
    assert is_published(store)
