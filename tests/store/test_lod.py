"""Long series have buckets beside their points: of each data file of points once, whoever makes them and whatever becomes of them."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rows import Point, add_points
from runlake.store import buckets
from runlake.store.buckets import Buckets
from runlake.store.commits import Mark, commit, new_files
from runlake.store.compaction import compact
from runlake.store.curves import Asked, buckets_by_file, curve
from runlake.store.delta_log import DeltaLog
from runlake.store.layout import Layout, create
from runlake.store.lod import bring_lod_up_to_date
from runlake.store.publish import publish
from runlake.store.tables import TABLES, checked_rows, in_order
from runlake.store.view import View
from runlake.store.writer import Writer

NAN, INF = math.nan, math.inf
VALUES = [1.5, NAN, -2.0, INF, 0.25, NAN, NAN, NAN, NAN, NAN, -INF, 8.0, 3.0]


@pytest.fixture(autouse=True)
def short_series_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets of 2, 4, 8 ... points, of every series of more than 4."""
    monkeypatch.setattr(buckets, "SMALLEST", 1)
    monkeypatch.setattr(buckets, "FACTOR", 2)
    monkeypatch.setattr(buckets, "LONG", 4)


def points(run_id: str, n: int, key: str = "loss", since: int = 0) -> list[Point]:
    """A series with everything that a value can be, and times that once go back."""
    numbers = range(since, since + n)
    return [Point(run_id, key, number // 2, 1000 + number - (number == 7) * 5, VALUES[number % len(VALUES)]) for number in numbers]


def publish_points(layout: Layout, *rows: Point) -> None:
    """By a process of their own, in a file of their own."""
    writer = Writer(layout)
    add_points(writer, rows)
    writer.close()
    publish(layout)


def log_of(layout: Layout, name: str) -> DeltaLog:
    """What is there now."""
    log = DeltaLog(layout.root / name)
    log.refresh()
    return log


def lod_rows(layout: Layout) -> list[dict[str, Any]]:
    """All, in their order."""
    found = [checked_rows(file.path, TABLES["lod"]).to_pylist() for file in log_of(layout, "lod").files.values()]
    return sorted(
        (row for rows in found for row in rows), key=lambda row: [row[name] for name in ("file", "key", "run_id", "level", "row")]
    )


def expected_rows(layout: Layout) -> list[dict[str, Any]]:
    """What is to be said of every long series, point by point."""
    made = []
    for name, file in sorted(log_of(layout, "points").files.items()):
        rows = checked_rows(file.path, TABLES["points"]).to_pylist()
        for key, run_id in sorted({(row["key"], row["run_id"]) for row in rows}):
            places = [place for place, row in enumerate(rows) if (row["key"], row["run_id"]) == (key, run_id)]
            for level in range(1, 60) if len(places) > 4 else ():
                if 2**level < len(places):
                    said = {"file": name, "run_id": run_id, "key": key, "level": level}
                    made += [said | told(rows, places[at : at + 2**level]) for at in range(0, len(places), 2**level)]
    return made


def told(rows: list[dict[str, Any]], places: list[int]) -> dict[str, Any]:
    """One bucket."""
    inside = [rows[place] for place in places]
    steps, times, values = ([row[name] for row in inside] for name in ("step", "wall_ns", "value"))
    known = [value for value in values if not math.isnan(value)]
    return {
        "row": places[0],
        "n": len(inside),
        "n_nan": len(inside) - len(known),
        "step0": min(steps),
        "step1": max(steps),
        "ns0": min(times),
        "ns1": max(times),
        "backwards": int(times != sorted(times)),
        "min": min(known, default=NAN),
        "max": max(known, default=NAN),
        "sum": sum(known, 0.0),
        "first": values[0],
        "last": values[-1],
    }


def found_rows(layout: Layout) -> list[dict[str, Any]]:
    """As they are there; how often times go back matters only as far as they do."""
    return [row | {"backwards": int(row["backwards"] > 0)} for row in lod_rows(layout)]


def look(layout: Layout, pixels: int | None = 3, first: int | None = None) -> Buckets:
    """The series of one run."""
    view = View(layout)
    view.refresh()
    return curve(view, Asked("a", "loss", "step", first, None, pixels))


def same(one: Buckets, other: Buckets) -> bool:
    """Whether they say the same."""
    return repr([column.tolist() for column in one.columns().values()]) == repr([column.tolist() for column in other.columns().values()])


def test_long_series_have_buckets_at_every_level(tmp_path: Path) -> None:
    """With where their points begin in the file; short ones have none."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 37), *points("b", 4), *points("b", 5, "acc"), *points("c", 100))
    publish_points(layout, *points("a", 20, since=37))

    found = found_rows(layout)

    assert repr(found) == repr(expected_rows(layout))
    assert {(row["run_id"], row["key"]) for row in found} == {("a", "loss"), ("b", "acc"), ("c", "loss")}
    assert {row["level"] for row in found if row["run_id"] == "c"} == set(range(1, 7))
    assert buckets_by_file(log_of(layout, "lod")).keys() == log_of(layout, "points").files.keys()


def test_a_store_without_long_series_has_no_such_table(tmp_path: Path) -> None:
    """Nor a version of one with every publishing."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 4))

    assert not (layout.root / "lod").exists()


def test_what_was_looked_through_is_not_looked_through_again(tmp_path: Path) -> None:
    """Files of many rows and no long series are read once; when nothing came, no version is made."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *(point for number in range(9) for point in points(f"{number}", 3)))
    version = log_of(layout, "lod").version
    (path,) = [file.path for file in log_of(layout, "points").files.values()]
    path.rename(path.with_suffix(".aside"))

    bring_lod_up_to_date(layout)

    assert (log_of(layout, "lod").version, version, lod_rows(layout)) == (1, 1, [])


def test_a_whole_curve_is_drawn_without_a_look_at_its_points(tmp_path: Path) -> None:
    """They may be gone; what reaches over an end is read."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64))
    whole = look(layout)
    (path,) = [file.path for file in log_of(layout, "points").files.values()]
    path.rename(path.with_suffix(".aside"))

    assert same(look(layout), whole)
    with pytest.raises(FileNotFoundError):
        look(layout, first=1)
    with pytest.raises(FileNotFoundError):
        look(layout, pixels=None)


@pytest.mark.parametrize("harm", ["gone", "damaged", "not made yet"])
def test_without_its_buckets_a_file_is_read_point_by_point(tmp_path: Path, harm: str) -> None:
    """As after a publisher that died between the points and their buckets: the curve says the same of each x."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64))
    every = look(layout, None)
    if harm == "not made yet":
        log = log_of(layout, "lod")
        commit(layout, TABLES["lod"], [], list(log.files.values()))
    else:
        (path,) = [file.path for file in log_of(layout, "lod").files.values()]
        path.unlink() if harm == "gone" else path.write_bytes(bytes(path.stat().st_size))

    found = look(layout, 1000)

    assert same(found, every)
    assert look(layout, 1).n.tolist() == [64]


def test_what_is_merged_has_its_buckets_anew(tmp_path: Path) -> None:
    """Those of the files before go in the same version."""
    layout = create(tmp_path / "lake")
    for number in range(4):
        publish_points(layout, *points("a", 30, since=30 * number))
    before = log_of(layout, "lod").files.keys()

    compact(layout)
    bring_lod_up_to_date(layout)

    assert len(log_of(layout, "points").files) == 1
    assert repr(found_rows(layout)) == repr(expected_rows(layout))
    assert not before & log_of(layout, "lod").files.keys()
    assert look(layout, 1).n.tolist() == [120]


def test_of_many_that_make_them_at_once_one_does(tmp_path: Path) -> None:
    """Each file is spoken of once."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64), *points("b", 64))
    log = log_of(layout, "lod")
    commit(layout, TABLES["lod"], [], list(log.files.values()))
    (layout.root / "lod").rename(tmp_path / "aside")
    threads = [threading.Thread(target=bring_lod_up_to_date, args=(layout,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert repr(found_rows(layout)) == repr(expected_rows(layout))
    assert len(log_of(layout, "lod").files) == 1
    assert len(list((layout.root / "lod").glob("*.parquet"))) == 1


def test_of_many_that_publish_at_once_one_makes_them(tmp_path: Path) -> None:
    """Each point once, and each bucket."""
    layout = create(tmp_path / "lake")
    for number in range(3):
        writer = Writer(layout)
        add_points(writer, points("a", 30, since=30 * number))
        writer.close()
    threads = [threading.Thread(target=publish, args=(layout,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert look(layout, 1).n.tolist() == [90]
    assert repr(found_rows(layout)) == repr(expected_rows(layout))
    assert buckets_by_file(log_of(layout, "lod")).keys() == log_of(layout, "points").files.keys()


def test_a_view_sees_buckets_that_come_later(tmp_path: Path) -> None:
    """And does without those that went, of points that were merged since it looked."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64))
    log = log_of(layout, "lod")
    commit(layout, TABLES["lod"], [], list(log.files.values()), [Mark("points", log.transactions["points"], 0)])
    view = View(layout)
    view.refresh()
    asked = Asked("a", "loss", pixels=3)
    before = curve(view, asked)
    bring_lod_up_to_date(layout)
    (path,) = [file.path for file in log_of(layout, "points").files.values()]
    path.rename(path.with_suffix(".aside"))
    assert curve(view, asked).n.sum() == before.n.sum() == 64
    path.with_suffix(".aside").rename(path)

    publish_points(layout, *points("a", 64, since=64))
    compact(layout)
    bring_lod_up_to_date(layout)
    for file in log_of(layout, "lod").files.values():
        file.path.unlink()
    assert curve(view, asked).n.sum() == 64


def test_files_that_another_program_merged_are_made_anew(tmp_path: Path) -> None:
    """A file that speaks of several is none of ours: it is not read, and goes."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 30))
    publish_points(layout, *points("a", 30, since=30))
    log, table = log_of(layout, "lod"), TABLES["lod"]
    rows = [checked_rows(file.path, table) for file in log.files.values()]
    commit(layout, table, new_files(layout, table, pa.concat_tables(rows)), list(log.files.values()))

    assert look(layout, 1).n.tolist() == [60]
    bring_lod_up_to_date(layout)
    assert repr(found_rows(layout)) == repr(expected_rows(layout))


def test_a_file_whose_rows_are_in_another_order_has_no_buckets(tmp_path: Path) -> None:
    """As another program may leave it; its curve is right nevertheless."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64), *points("b", 64))
    table, log = TABLES["points"], log_of(layout, "points")
    every = look(layout, None)
    (rows,) = [checked_rows(file.path, table) for file in log.files.values()]
    other_order = replace(table, order=("wall_ns", "seq"))
    commit(layout, table, new_files(layout, other_order, in_order(rows, ("value",))), list(log.files.values()), changes_rows=False)

    bring_lod_up_to_date(layout)

    assert lod_rows(layout) == []
    assert same(look(layout, 1000), every)


def test_a_damaged_file_of_points_does_not_keep_others_from_their_buckets(tmp_path: Path) -> None:
    """It is passed over; whoever reads its points hears of it."""
    layout = create(tmp_path / "lake")
    publish_points(layout, *points("a", 64))
    publish_points(layout, *points("b", 64))
    (layout.root / "lod").rename(tmp_path / "aside")
    damaged = next(file.path for file in log_of(layout, "points").files.values() if file.least["run_id"] == "a")
    damaged.write_bytes(bytes(damaged.stat().st_size))

    bring_lod_up_to_date(layout)

    assert {row["run_id"] for row in lod_rows(layout)} == {"b"}
