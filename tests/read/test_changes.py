"""What came into a store is told once, whatever becomes of its rows."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from children import start_program
from random_lake import RandomLake
from rows import Point, add_points, parts_of
from runlake.read import Changes, open_store
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs


def test_points_are_told_by_key_and_the_rest_by_run(tmp_path: Path) -> None:
    """Each once."""
    writer = Writer(create(tmp_path / "lake"))
    write_runs(writer, [WrittenRun("a", metrics={"loss": 1.0}), WrittenRun("b")])
    watch = open_store(tmp_path / "lake").watch()
    before = watch.changes()
    write_runs(writer, [WrittenRun("c", metrics={"loss": 1.0, "acc": 2.0})])
    add_points(writer, [Point("a", "acc", 1, 1, 1.0)])
    writer.write()

    told, after = watch.changes(), watch.changes()
    writer.close()

    assert (before, after) == (None, None)
    assert told == Changes({"c": {"loss", "acc"}, "a": {"acc"}}, {"c"})


def test_the_end_of_a_writer_alone_is_nothing_new(tmp_path: Path) -> None:
    """Nor is a beginning without a run."""
    writer = Writer(create(tmp_path / "lake"))
    write_runs(writer, [WrittenRun("a", metrics={"loss": 1.0})])
    watch = open_store(tmp_path / "lake").watch()

    writer.close()

    assert watch.changes() is None


@pytest.mark.parametrize("where", ["sealed", "published"])
@pytest.mark.parametrize("is_seen_before", [True, False])
def test_rows_that_move_are_told_once(tmp_path: Path, where: str, is_seen_before: bool) -> None:
    """Be it that they were seen in the log before or not."""
    lake = tmp_path / "lake"
    writer = Writer(create(lake))
    write_runs(writer, [WrittenRun("a", metrics={"loss": [1.0, 2.0]})])
    watch = open_store(lake).watch()
    write_runs(writer, [WrittenRun("b", metrics={"loss": 1.0})])
    writer.close()
    told = [watch.changes()] if is_seen_before else []
    if where == "sealed":
        for part in parts_of(lake):
            seal(Layout(lake), part)
    else:
        publish(Layout(lake))

    told += [watch.changes(), watch.changes()]

    (news,) = [each for each in told if each is not None]
    assert (news.points["b"], news.said, news.is_all) == ({"loss"}, {"b"}, False)
    assert set(news.points) == ({"a", "b"} if (where, is_seen_before) == ("published", False) else {"b"})


def test_what_others_take_in_is_told_too(tmp_path: Path) -> None:
    """The store may be refreshed by whoever reads it, and watched by several."""
    writer = Writer(create(tmp_path / "lake"))
    store = open_store(tmp_path / "lake")
    one, other = store.watch(), store.watch()
    write_runs(writer, [WrittenRun("a", metrics={"loss": 1.0})])
    writer.close()
    store.refresh()

    assert one.changes() == other.changes() == Changes({"a": {"loss"}}, {"a"})


def test_a_process_that_is_gone_is_a_change_of_whatever_it_ran(tmp_path: Path) -> None:
    """No row tells of it."""
    lake = tmp_path / "lake"
    create(lake)
    program = """
        import os, runlake
        runlake.start_run()
        runlake.flush()
        print("up", flush=True)
        input()
        os._exit(9)
    """
    with start_program(program, lake) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        store = open_store(lake)
        watch = store.watch()
        status = [run.info.status for run in store.runs()]
        child.communicate("\n", timeout=20)
        told = watch.changes()

    assert (status, told) == (["RUNNING"], Changes(is_all=True))
    assert [run.info.status for run in store.runs()] == ["CRASHED"]
    assert watch.changes() is None


def test_nothing_slips_by_while_a_store_is_written_sealed_and_published(tmp_path: Path) -> None:
    """A random one: all that is told together is all that a reader finds at last, but what was there before."""
    lake = RandomLake(tmp_path / "lake", Random(5))
    lake.begin()
    store = open_store(lake.root)
    watch = store.watch()
    points_before, runs_before = set(zip(*_named(store), strict=True)), len(store.points())
    told: list[Changes | None] = []
    for turn in range(6):
        lake.go_on()
        if turn % 2:
            publish(lake.layout)
        told.append(watch.changes())
    lake.close()

    after = store.points()
    new = {pair for pair, n in _counted(store).items() if n}
    assert all(each is None or not each.is_all for each in told)
    assert len(after) > runs_before
    found = {(run_id, key) for each in told if each for run_id, keys in each.points.items() for key in keys}
    assert found <= new
    assert new - points_before <= found


def _named(store: object) -> tuple[list[str], list[str]]:
    points = store.points()  # type: ignore[attr-defined]  # a store
    return points["run_id"].to_pylist(), points["key"].to_pylist()


def _counted(store: object) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for pair in zip(*_named(store), strict=True):
        found[pair] = found.get(pair, 0) + 1
    return found


def test_a_watch_takes_no_longer_the_more_runs_there_are(tmp_path: Path) -> None:
    """It looks at what came: of a store in which nothing does it reads no file again."""
    writer = Writer(create(tmp_path / "lake"))
    write_runs(writer, [WrittenRun(f"{place}", metrics={"loss": 1.0}) for place in range(50)])
    writer.close()
    publish(Layout(tmp_path / "lake"))
    store = open_store(tmp_path / "lake")
    watch = store.watch()
    for file in (tmp_path / "lake" / "points").rglob("*.parquet"):
        file.rename(file.with_suffix(".away"))

    began = time.monotonic()
    told = [watch.changes() for _ in range(20)]

    assert told == [None] * 20
    assert time.monotonic() - began < 30
