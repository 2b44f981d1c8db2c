"""A log that grows large is sealed, part by part, beside the program that goes on logging."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import runlake
from children import run_program
from runlake.recording import sealer
from runlake.store import writer
from runlake.store.layout import Layout


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are full after some thousand points."""
    monkeypatch.setattr(writer, "PART_BYTES", 200_000)
    monkeypatch.setattr(sealer, "WORTH_SEALING", 100_000)


def sealed(store: Path) -> list[Path]:
    """The sealed files of points."""
    return sorted(Layout(store).sealed("points").glob("*/*.parquet"))


def log_parts(store: Path, n: int, first: int = 0) -> None:
    """Enough points for so many parts, in the active run."""
    for part in range(first, first + n):
        steps = np.arange(part * 10_000, (part + 1) * 10_000)
        runlake.log_batch("loss", steps * 0.5, steps)
        runlake.flush()


def wait_for_sealer() -> None:
    """Until it has nothing left."""
    from runlake.recording.recorders import recorder_for

    thread = recorder_for().flusher._sealer._thread
    if thread is not None:
        thread.join(30)


def test_full_parts_become_sealed_files_and_every_point_reads_once(store: Path) -> None:
    """While the run goes on, and after it."""
    with runlake.start_run() as run:
        log_parts(store, 5)
        wait_for_sealer()
        assert len(sealed(store)) >= 3
        assert len(list(Layout(store).wal.glob("*/*.wal"))) <= 2
        values = runlake.get_run(run.run_id).metrics["loss"].to_numpy()
        log_parts(store, 2, first=5)

    assert values.tolist() == (np.arange(50_000) * 0.5).tolist()
    series = runlake.get_run(run.run_id).metrics["loss"]
    assert (len(series), series.last, len(series.to_numpy())) == (70_000, 34_999.5, 70_000)
    assert runlake.read.open_store(store).findings() == []


def test_a_small_part_stays_as_it_is(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is published from the log."""
    monkeypatch.setattr(sealer, "WORTH_SEALING", 1 << 30)

    with runlake.start_run():
        log_parts(store, 3)
        wait_for_sealer()

    assert sealed(store) == []


def test_a_part_that_cannot_be_sealed_stays_and_the_program_goes_on(store: Path) -> None:
    """The disk refuses the folder of sealed files, say."""
    with runlake.start_run() as run:
        (store).mkdir(exist_ok=True)
        log_parts(store, 1)
        (store / "l0").write_text("in the way")
        log_parts(store, 3, first=1)
        wait_for_sealer()

    assert len(runlake.get_run(run.run_id).metrics["loss"]) == 40_000
    assert runlake.read.open_store(store).points().num_rows == 40_000


def test_a_child_forked_while_parts_are_sealed_logs_and_ends(tmp_path: Path) -> None:
    """It inherits neither the thread nor a lock that the thread held."""
    done = run_program(
        """
        import os, numpy as np, runlake
        from runlake.recording import sealer
        from runlake.store import writer
        writer.PART_BYTES, sealer.WORTH_SEALING = 200_000, 100_000
        with runlake.start_run() as run:
            for part in range(12):
                runlake.log_batch("loss", np.arange(10_000.0), np.arange(10_000))
                runlake.flush()
                if part % 3 == 0:
                    child = os.fork()
                    if not child:
                        runlake.log_batch("child", np.arange(10_000.0), np.arange(10_000))
                        os._exit(0 if runlake.flush() else 1)
                    assert os.waitpid(child, 0)[1] == 0
        print(run.run_id)
        """,
        tmp_path / "lake",
    )

    run = runlake.read.open_store(tmp_path / "lake").run(done.stdout.strip())
    assert (len(run.metrics["loss"]), len(run.metrics["child"]), done.stderr) == (120_000, 40_000, "")


def test_drafts_are_gone_and_the_parts_own_files_are_synced(store: Path) -> None:
    """Nothing is left in the folder of drafts."""
    with runlake.start_run():
        log_parts(store, 4)
        wait_for_sealer()

    assert os.listdir(store / "tmp") == []
