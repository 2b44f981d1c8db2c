"""A curve says what its points say, wherever they lie and however many pixels there are."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

import runlake
from rows import Point, add_points, parts_of, read
from runlake.errors import InvalidValue, UnknownRun
from runlake.read.curve import curve_of
from runlake.store import buckets
from runlake.store.compaction import compact
from runlake.store.layout import Layout, create
from runlake.store.lod import bring_lod_up_to_date
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.tables import TABLES
from runlake.store.view import View
from runlake.store.writer import Writer

NAN, INF = math.nan, math.inf
VALUES = [*(number / 8 for number in range(-5, 6)), NAN, NAN, INF, -INF]  # sums of these are exact in any order
LEAST, MOST = -(2**63), 2**63 - 1
TIMES = 1_700_000_000_000_000_000


@pytest.fixture(autouse=True)
def short_series_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets of 2, 4, 8 ... points, of every series of more than 4; and files of many row groups."""
    monkeypatch.setattr(buckets, "SMALLEST", 1)
    monkeypatch.setattr(buckets, "FACTOR", 2)
    monkeypatch.setattr(buckets, "LONG", 4)
    monkeypatch.setitem(vars(TABLES["points"]), "row_group", 31)
    monkeypatch.setitem(vars(TABLES["lod"]), "row_group", 23)


class Said(NamedTuple):
    """What a bucket says."""

    x0: int
    x1: int
    n: int
    n_nan: int
    min: float
    max: float
    mean: float
    sum: float
    first: float
    last: float


def expected(points: list[tuple[int, float]], x0: int, x1: int) -> Said:
    """What is to be said of the points from one x to another, which are given in their order as x and value."""
    inside = points[bisect_left(points, x0, key=itemgetter(0)) : bisect_right(points, x1, key=itemgetter(0))]
    values = [value for _, value in inside]
    known = [value for value in values if not math.isnan(value)]
    total = sum(known, 0.0)
    return Said(
        x0=inside[0][0],
        x1=inside[-1][0],
        n=len(values),
        n_nan=len(values) - len(known),
        min=min(known, default=NAN),
        max=max(known, default=NAN),
        mean=total / len(known) if known else NAN,
        sum=total,
        first=values[0],
        last=values[-1],
    )


def points_of(root: Path, x: str, key: str = "loss") -> list[tuple[int, float]]:
    """The points of the series as x and value, in the order along x."""
    place = {"step": 2, "time": 3}[x]
    rows = [row for row in read(root).points if row[:2] == ("run", key)]
    return [(row[place], row[4]) for row in sorted(rows, key=lambda row: (row[place], row[5 - place], *row[5:]))]


def check_curve(view: View, points: list[tuple[int, float]], x: Any, within: Any, pixels: int | None) -> int:
    """That the buckets are disjoint, say what their points say and leave none out, and are as many as pixels let them be."""
    found = [Said(**row) for row in curve_of(view, "run", "loss", x, within, pixels, 0.0).to_pylist()]
    first, last = (end if end is not None else open_end for end, open_end in zip(within or (None, None), (LEAST, MOST), strict=True))
    inside = [point for point in points if first <= point[0] <= last]
    where = f"{x} {within} {pixels}"
    assert [repr(said) for said in found] == [repr(expected(inside, said.x0, said.x1)) for said in found], where
    assert sum(said.n for said in found) == len(inside), where
    assert all(one.x1 < other.x0 for one, other in pairwise(found)), where
    distinct = {at for at, _ in inside}
    assert len(found) <= (len(distinct) if pixels is None else pixels), where
    assert len(found) >= (len(distinct) if pixels is None else n_pixels(distinct, within, pixels) / 3), where
    return len(found)


def n_pixels(distinct: set[int], within: Any, pixels: int) -> int:
    """On how many pixels there is a point."""
    if not distinct:
        return 0
    first, last = (
        end if end is not None else there for end, there in zip(within or (None, None), (min(distinct), max(distinct)), strict=True)
    )
    return len({min(pixels - 1, int(float(at - first) * (pixels / (last - first + 1)))) for at in distinct})


def check_curves(root: Path, random: Random) -> None:
    """Of a store as it lies there, however one looks at it."""
    view = View(Layout(root))
    view.refresh()
    for x in ("step", "time"):
        points = points_of(root, x)
        ends = sorted({at for at, _ in points} | {at + random.choice([-1, 0, 1]) for at, _ in points[1:-1]})
        ranges: list[Any] = [None, (None, random.choice(ends)), (random.choice(ends), None)]
        ranges += [tuple(sorted(random.choices(ends, k=2))) for _ in range(2)]
        for within in ranges:
            for pixels in (random.randint(1, 4), random.randint(5, 40), random.choice([1000, None])):
                check_curve(view, points, x, within, pixels)


STEPS: dict[str, Callable[[Random, int], int]] = {
    "one after the other": lambda random, number: number,
    "each some times": lambda random, number: number // 5,
    "all at once": lambda random, number: 3,
    "in any order": lambda random, number: random.randint(0, 200),
    "with gaps": lambda random, number: number + number // 30 * 1000,
    "most at once": lambda random, number: number if number % 40 > 30 else number // 40 * 40,
    "the greatest that there are": lambda random, number: random.choice([LEAST, LEAST + 1, -1, 0, number, MOST - 1, MOST]),
}
CLOCKS: dict[str, Callable[[Random, int], int]] = {
    "runs": lambda random, number: TIMES + number * 10,
    "stands": lambda random, number: TIMES,
    "stumbles": lambda random, number: TIMES + (number - (number % 37 == 5) * 9) * 10,
    "jumps": lambda random, number: TIMES + random.randint(0, 500),
    "runs backwards": lambda random, number: TIMES - number // 2,
}


def lake_in_all_forms(root: Path, random: Random, steps: str, clock: str) -> Iterator[str]:
    """One series beside others, in logs, sealed, published, merged, and in several of these at once."""
    layout = create(root)
    living = Writer(layout)
    for age in range(2):
        for writer in [living, *(Writer(layout) for _ in range(random.choice([1, 1, 2])))]:
            start = random.choice([0, age * 90, age * 100])
            numbers = range(start, start + random.choice([3, 60, 100]))
            rows = [
                Point("run", "loss", STEPS[steps](random, each), CLOCKS[clock](random, each), random.choice(VALUES)) for each in numbers
            ]
            rows += [Point(run_id, key, each, each, 1.0) for run_id, key in (("run", "acc"), ("other", "loss")) for each in range(20)]
            random.shuffle(rows)
            cut = random.randrange(len(rows))
            add_points(writer, rows[:cut])
            add_points(writer, rows[cut:])
            writer.write()
            if writer is not living:
                writer.close()
        yield f"in logs, {age}"
        for part in parts_of(root)[:1]:
            if not part.name.startswith(living.id):
                seal(layout, part)
        yield f"sealed, {age}"
        publish(layout)
        yield f"published, {age}"
    compact(layout)
    yield "merged"
    bring_lod_up_to_date(layout)
    yield "merged, with buckets"
    living.close()
    publish(layout)
    yield "published to the end"


@pytest.mark.parametrize(
    ("steps", "clock"),
    [("one after the other", "stumbles"), ("each some times", "runs"), ("the greatest that there are", "stands")],
)
def test_every_bucket_says_what_its_points_say(tmp_path: Path, steps: str, clock: str) -> None:
    """At any zoom and on any number of pixels, in every form of a store."""
    random = Random(steps)
    for _ in lake_in_all_forms(tmp_path / "lake", random, steps, clock):
        check_curves(tmp_path / "lake", random)


@pytest.mark.long
@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("seed", range(3))
def test_every_bucket_says_what_its_points_say_of_many_stores(tmp_path: Path, steps: str, clock: str, seed: int) -> None:
    """The same of every order of steps and every clock."""
    random = Random(seed)
    for _ in lake_in_all_forms(tmp_path / "lake", random, steps, clock):
        check_curves(tmp_path / "lake", random)


def published_view(root: Path, *files: list[Point]) -> View:
    """A store in which each of these was published by itself."""
    layout = create(root)
    for rows in files:
        writer = Writer(layout)
        add_points(writer, rows)
        writer.close()
        publish(layout)
    view = View(layout)
    view.refresh()
    return view


def test_where_files_meet_in_one_step_their_times_tell_the_order(tmp_path: Path) -> None:
    """What was published first begins with the last step of what was published then, and came after it."""
    first = [Point("run", "loss", step, 1000 + step, float(step)) for step in range(41)]
    second = [Point("run", "loss", step, 5000 + step, step + 0.5) for step in [40, 40, *range(41, 80)]]
    view = published_view(tmp_path / "lake", second, first)

    for pixels in range(1, 80):
        check_curve(view, points_of(tmp_path / "lake", "step"), "step", None, pixels)


def test_where_times_go_back_the_first_in_time_comes_first(tmp_path: Path) -> None:
    """Not the first in the file, which goes by steps: inside of buckets, and from one to the next."""
    rows = [Point("run", "loss", step, 1000 + 10 * step - (step % 16 in (2, 8)) * 35, float(step)) for step in range(128)]
    view = published_view(tmp_path / "lake", rows)

    for pixels in range(1, 60):
        check_curve(view, points_of(tmp_path / "lake", "time"), "time", None, pixels)


def test_no_bucket_hides_a_gap(tmp_path: Path) -> None:
    """One that reaches over it is read point by point."""
    steps = [*range(60), *range(100_000, 100_068)]
    view = published_view(tmp_path / "lake", [Point("run", "loss", step, step, 1.0) for step in steps])

    found = curve_of(view, "run", "loss", "step", None, 9, 0.0)

    assert [(row["x0"], row["x1"]) for row in found.to_pylist()] == [(0, 59), (100_000, 100_067)]


def log_some(n: int = 40) -> str:
    """A run with a series."""
    with runlake.start_run() as run:
        for step in range(n):
            runlake.log_metric("loss", step / 8, step=step)
    runlake.flush()
    return run.info.run_id


def test_a_series_is_given_of_a_run_or_its_id(store: Path) -> None:
    """Of the store that the settings name or another; by the run's own series as well."""
    run_id = log_some()
    opened = runlake.read.open_store(store)
    run = opened.run(run_id)

    curves = [
        runlake.read.series(run_id, "loss", pixels=7),
        runlake.read.series(run, "loss", pixels=7),
        runlake.read.series(run_id, "loss", pixels=7, store=store),
        runlake.read.series(run_id, "loss", pixels=7, store=opened),
        opened.curve(run_id, "loss", pixels=7),
        run.metrics["loss"].curve(pixels=7),
    ]

    assert [curve.to_pylist() for curve in curves] == [curves[0].to_pylist()] * len(curves)
    assert curves[0]["n"].to_pylist() == [6, 6, 6, 5, 6, 6, 5]
    assert runlake.read.series(run_id, "loss")["first"].to_pylist() == [step / 8 for step in range(40)]


def test_one_looks_closer_by_whole_and_by_broken_numbers(store: Path) -> None:
    """Both ends are inside; an open one is None or infinite; where nothing is, nothing comes, whatever the number."""
    run_id = log_some()
    inside = [(3, 5), (2.5, 5.5), (37, None), (None, 1), (-INF, 0.5), (38.5, INF)]
    found = {
        within: runlake.read.series(run_id, "loss", range=within)["x0"].to_pylist()
        for within in [*inside, (0.2, 0.8), (1e30, None), (50, 60), (None, -1e30)]
    }

    assert list(found.values()) == [[3, 4, 5], [3, 4, 5], [37, 38, 39], [0, 1], [0], [39], [], [], [], []]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"x": "epoch"}, "not 'epoch'"),
        ({"pixels": 0}, "from 1 to 10,000,000 pixels"),
        ({"pixels": 2.5}, "not 2.5"),
        ({"range": (5, 3)}, r"not \(5, 3\)"),
        ({"range": (NAN, 3)}, "first and the last x"),
        ({"range": 3}, "not 3"),
        ({"range": ("a", "b")}, "first and the last x"),
        ({"smooth": 1}, "less than 1, not 1"),
    ],
)
def test_what_is_wrong_is_told_with_its_value(store: Path, wrong: dict[str, Any], told: str) -> None:
    """By each way to ask."""
    run_id = log_some(3)

    with pytest.raises(InvalidValue, match=told):
        runlake.read.series(run_id, "loss", **wrong)
    with pytest.raises(InvalidValue, match=told):
        runlake.read.open_store(store).run(run_id).metrics["loss"].curve(**wrong)


def test_what_is_not_there_is_told(store: Path) -> None:
    """An unknown key as a run tells it, an unknown run by its id."""
    run_id = log_some(3)

    with pytest.raises(KeyError, match="has no metric 'los'; it has \\['loss'\\]"):
        runlake.read.series(run_id, "los", pixels=5)
    with pytest.raises(UnknownRun, match="no run 'nobody'"):
        runlake.read.series("nobody", "loss")
    with pytest.raises(UnknownRun, match="no run 'nobody'"):
        runlake.read.series("nobody", "loss", smooth=0.5)
