"""What waits is counted, cut and dropped by its points, however a caller grouped them."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

import runlake
from faults import series
from runlake.read import open_store
from runlake.recording import buffer as buffers
from runlake.recording.buffer import Buffer, Series


def filled(groups: int, width: int) -> Buffer:
    """A buffer with so many log_metrics calls of so many metrics, a log_metric before and a log_batch of ten points behind them."""
    buffer = Buffer()
    wide = tuple(Series("run", f"metric-{n}") for n in range(width))
    buffer.scalars.extend((wide[0], 0, 0, 0.0))
    for step in range(groups):
        buffer.groups.extend((wide, step, 0, tuple(float(step) for _ in wide)))
    buffer.arrays.append((wide[0], range(10), 0, array("d", range(10)), 10))
    return buffer


def test_every_point_that_waits_is_counted() -> None:
    """A log_metrics call is as many as it has metrics."""
    assert filled(groups=7, width=300).waiting() == 1 + 7 * 300 + 10


def test_wide_calls_make_chunks_of_the_same_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk becomes one frame, whose payload has a limit; a call wider than a chunk is one by itself."""
    monkeypatch.setattr(buffers, "CHUNK_POINTS", 1000)

    assert [len(chunk.series) for chunk in filled(groups=7, width=300).drain_points()] == [1, 900, 900, 300, 10]
    assert [len(chunk.series) for chunk in filled(groups=2, width=1500).drain_points()] == [1, 1500, 1500, 10]


def test_the_limit_knows_how_wide_the_calls_are() -> None:
    """Or a cap on points would let through a hundred times as many."""
    buffer = filled(groups=7, width=300)
    buffer.set_limit(60_000)
    buffer.widen(300)

    assert (buffer.scalars_limit, buffer.groups_limit, buffer.about_waiting()) == (240_000, 800, buffer.waiting())


def test_a_wide_call_is_noticed_when_it_is_made(store: Path) -> None:
    """Before anything was drained."""
    run = runlake.start_run()
    runlake.flush()
    runlake.log_metrics({f"metric-{n}": 0.0 for n in range(1000)})

    assert run._buffer.groups_limit == buffers.EARLY_POINTS // 1000 * 4


def test_what_is_dropped_is_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole chunks go, the first ones first, until no more waits than may."""
    monkeypatch.setattr(buffers, "CHUNK_POINTS", 1000)
    buffer = filled(groups=7, width=300)

    assert buffer.drop_oldest(1500) == {"run": 901}
    assert buffer.waiting() == 1200 + 10
    assert buffer.groups[1] == 3
    assert buffer.drop_oldest(1500) == {}


@pytest.mark.parametrize("width", [1, 2000])
def test_metrics_of_any_number_are_read_as_they_were_logged(store: Path, width: int) -> None:
    """Also calls with none at all between them."""
    with runlake.start_run():
        for step in range(200):
            runlake.log_metrics({f"metric-{n}": float(step) for n in range(width)}, step=step)
            runlake.log_metrics({})

    assert series(store, f"metric-{width - 1}") == [(step, float(step)) for step in range(200)]


def test_a_name_that_is_not_utf8_holds_up_nothing(store: Path, tmp_path: Path) -> None:
    """It is kept with its odd bytes spelled out."""
    odd = tmp_path / "plot-\udcff.txt"
    odd.write_text("made by a program that does not know UTF-8")
    with runlake.start_run() as run:
        runlake.log_metric("loss", 0.5)
        runlake.log_artifact(odd)

    assert series(store) == [(0, 0.5)]
    (row,) = open_store(store).runs()
    assert list(row.artifacts) == ["plot-?.txt"]
    assert row.info.run_id == run.run_id
