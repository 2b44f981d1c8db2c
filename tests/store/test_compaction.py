"""Many small files become few, with the same rows in the same order, and what nothing names is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import runlake
from rows import Reading, read
from runlake.recording import summaries
from runlake.store import compaction
from runlake.store.commits import commit
from runlake.store.compaction import compact
from runlake.store.delta_log import DeltaLog
from runlake.store.layout import Layout
from runlake.store.publish import publish
from runlake.store.tables import TABLES, checked_rows, in_order


@pytest.fixture(autouse=True)
def _summaries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of a program that goes on are published as far as its summaries cover them."""
    monkeypatch.setattr(summaries, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(summaries, "AFTER_END_SECONDS", 0.0)


def files_of(store: Path, table: str) -> list[Path]:
    """The files that the newest version names."""
    log = DeltaLog(store / table)
    log.refresh()
    return [file.path for file in log.files.values()]


def publish_often(store: Path, times: int) -> Reading:
    """A run each time, the first of which goes on; what is read afterwards."""
    with runlake.start_run() as first:
        pass
    for number in range(times):
        with runlake.start_run():
            runlake.log_param("number", number)
            for step in range(50):
                runlake.log_metrics({"loss": step / 7, "acc": -step}, step=step)
        with runlake.start_run(run_id=first.run_id):
            runlake.log_metric("loss", number, step=number)
            runlake.set_tag("last", number)
        runlake.flush()
        publish(Layout(store))
    return read(store)


def test_small_files_become_one_and_the_rows_stay(store: Path) -> None:
    """Of every table; each file is sorted, and every page is checked."""
    before = publish_often(store, 4)

    merged = compact(Layout(store))

    tables = {name: table for name, table in TABLES.items() if name != "lod"}  # which has no files where series are short
    assert {name: len(files_of(store, name)) for name in TABLES} == dict.fromkeys(tables, 1) | {"lod": 0}
    assert (merged.before > 4, merged.after) == (True, 3)  # `runs` is one file always
    assert read(store) == before
    for name, table in tables.items():
        (path,) = files_of(store, name)
        rows = checked_rows(path, table)
        assert in_order(rows, table.order).equals(rows)


def test_it_is_done_again_to_no_effect(store: Path) -> None:
    """One file is not rewritten."""
    publish_often(store, 2)
    compact(Layout(store))
    files = {name: files_of(store, name) for name in TABLES}

    merged = compact(Layout(store))

    assert (merged.before, merged.after, {name: files_of(store, name) for name in TABLES}) == (0, 0, files)


def test_few_files_are_left_alone_where_many_are_asked_for(store: Path) -> None:
    """So that a publisher does not rewrite everything each time."""
    publish_often(store, 3)

    assert compact(Layout(store), at_least=5).before == 0


def test_what_a_writer_said_again_of_a_series_is_kept_once(store: Path) -> None:
    """The row that covers most."""
    with runlake.start_run() as run:
        for number in range(3):
            runlake.log_metric("loss", number, step=number)
            runlake.flush()
            publish(Layout(store))
    publish(Layout(store))
    before = runlake.get_run(run.run_id).metrics["loss"]
    files = [checked_rows(path, TABLES["metrics"]) for path in files_of(store, "metrics")]

    compact(Layout(store))

    (path,) = files_of(store, "metrics")
    kept = checked_rows(path, TABLES["metrics"])
    assert sum(rows["key"].to_pylist().count("loss") for rows in files) > kept["key"].to_pylist().count("loss") == 1
    after = runlake.get_run(run.run_id).metrics["loss"]
    assert (len(after), after.last, after.min) == (len(before), before.last, before.min) == (3, 2.0, 0.0)


def test_two_at_once_lose_nothing(store: Path) -> None:
    """The one that comes later finds other files, and leaves."""
    before = publish_often(store, 3)
    log = DeltaLog(store / "points")
    log.refresh()
    stale = list(log.files.values())
    compact(Layout(store))

    assert not commit(Layout(store), TABLES["points"], [], stale, changes_rows=False)
    assert read(store) == before


def test_old_files_that_nothing_names_go_and_young_ones_stay(store: Path) -> None:
    """A publisher that is at work has files that no version names yet."""
    before = publish_often(store, 2)
    old, young, draft = store / "points" / "part-old.parquet", store / "points" / "part-young.parquet", store / "tmp" / "draft.tmp"
    for path in (old, young, draft):
        path.write_bytes(b"left by a crash")
    for path in (old, draft):
        os.utime(path, (time.time() - 100_000, time.time() - 100_000))

    compact(Layout(store))

    assert [path.exists() for path in (old, young, draft)] == [False, True, False]
    assert read(store) == before


@pytest.mark.parametrize("name", ["points", "meta"])
def test_a_damaged_file_is_told_and_kept(store: Path, name: str) -> None:
    """Nothing is made of it."""
    publish_often(store, 2)
    path = max(files_of(store, name), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(runlake.RunlakeError, match=path.name):
        compact(Layout(store))

    assert path in files_of(store, name)


def test_a_merge_that_is_broken_off_goes_on_where_it_was(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a version of its own, and told before it begins."""
    before = publish_often(store, 4)
    monkeypatch.setattr(compaction, "ROWS_AT_ONCE", 250)
    told: list[str] = []

    def break_off(what: str) -> None:
        told.append(what)
        if len(told) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compact(Layout(store), tell=break_off)
    done = len(files_of(store, "points"))
    assert read(store) == before

    compact(Layout(store), tell=told.append)

    assert told[0].startswith("points: 1 of ")
    assert done == 4 - 1
    assert read(store) == before
    assert [len(files_of(store, name)) < 4 for name in ("points", "meta", "metrics")] == [True] * 3
