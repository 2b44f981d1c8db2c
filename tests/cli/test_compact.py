"""`runlake compact`, as a user runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import runlake
from children import environment, run_program
from faults import small_disk
from runlake.store.layout import Layout

TRAIN = """
import numpy as np, runlake, sys
with runlake.start_run() as run:
    runlake.log_param("alpha", 0.5)
    runlake.log_batch("loss", np.random.default_rng(7).normal(size=30_000), np.arange(30_000))
print(run.run_id)
"""


def compact(store: Path, *arguments: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [*prefix, sys.executable, "-m", "runlake", "compact", *arguments]
    return subprocess.run(command, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


def test_it_publishes_what_waits_and_merges_what_is_small(tmp_path: Path) -> None:
    """And says how much; a second time there is nothing to do."""
    store = tmp_path / "lake"
    said = []
    for _ in range(2):
        assert run_program(TRAIN, store, RUNLAKE_JOBS="off").stderr == ""
        said.append(compact(store).stdout.splitlines())
    again = compact(tmp_path / "elsewhere", "--store", str(store))

    assert said[0][0] == "Published 30,000 to points, 14 to meta, 1 to metrics; 1 files of logs were removed."
    assert said[1][1] == "Merged 6 files into 3, removed 0 that nothing names."
    assert again.stdout.startswith("Published 0 to points, 0 to meta, 0 to metrics; 0 files")
    assert [(str(run.info.status), run.params, len(run.metrics["loss"])) for run in runlake.read.open_store(store).runs()] == [
        ("FINISHED", {"alpha": 0.5}, 30_000)
    ] * 2


def test_a_full_disk_is_one_line_and_costs_nothing(tmp_path: Path) -> None:
    """The log stays as it is, no draft is left, and with more room it goes on."""
    with small_disk(tmp_path / "disk", "1200k") as disk:
        inside, outside = disk.inside / "lake", disk.outside / "lake"
        settings = environment(inside, RUNLAKE_JOBS="off")
        program = [*disk.enter, sys.executable, "-c", TRAIN]
        written = subprocess.run(program, env=settings, capture_output=True, text=True, check=True)
        run_id = written.stdout.strip()
        full = compact(inside, prefix=disk.enter)
        left = [path.name for path in (outside / "tmp").iterdir()]
        before = runlake.read.open_store(outside).run(run_id).metrics["loss"].to_numpy().tolist()
        disk.remount("size=8m")
        done = compact(inside, prefix=disk.enter)
        waiting = Layout(outside).waiting()
        after = runlake.read.open_store(outside).run(run_id).metrics["loss"].to_numpy().tolist()

    assert (full.returncode, full.stdout, left) == (1, "", [])
    # Either of what is written, the rows or the commit, may be what there is no room for.
    reason = r"(\[Errno 28\] No space left on device|No space left on device \(os error 28\))"
    line = rf"runlake: {re.escape(str(inside))} could not be written: {reason}\. Nothing is lost: mend that, and run it again\.\n"
    assert re.fullmatch(line, full.stderr), full.stderr
    assert (done.returncode, waiting) == (0, {})
    assert (len(before), before == after) == (30_000, True)


def test_a_folder_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Nothing is made."""
    finished = compact(tmp_path / "lake")

    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.startswith(f"runlake: There is no store at {tmp_path / 'lake'} yet.")
    assert not (tmp_path / "lake").exists()
