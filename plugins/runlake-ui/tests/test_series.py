"""Curves: whatever is looked at of a series, its buckets say what its points say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paging import Asker, written
from runlake.store.layout import create
from runlake.store.publish import publish
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs

values = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf])


def curve(asker: Asker, run: str = "a", key: str = "loss", **more: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is said of one curve, and its buckets."""
    answer = asker.post("/series", {"runs": [run], "keys": [key], **more})
    (said,) = answer["series"]
    assert set(answer["columns"].pop("series")) <= {0}
    return said, {name: np.array([float(each) for each in column]) for name, column in answer["columns"].items()}


@settings(max_examples=25, deadline=None, database=None)
@given(
    points=st.lists(st.tuples(st.integers(-50, 50), values), min_size=1, max_size=60),
    px=st.integers(1, 40),
    ends=st.tuples(st.integers(-60, 60), st.integers(-60, 60)),
)
def test_buckets_bound_their_points_and_together_are_the_series(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, float]], px: int, ends: tuple[int, int]
) -> None:
    """Whole, and in any range; each point lies in one bucket, which says the least, the greatest and the last of its values."""
    asker = Asker(written(tmp_path_factory.mktemp("curves") / "lake", WrittenRun("a", metrics={"loss": points})))
    first, last = sorted(ends)
    order = sorted(range(len(points)), key=lambda place: (points[place][0], place))
    for within in (None, [first, last]):
        said, found = curve(asker, px=px, range=within)
        inside = [points[place] for place in order if within is None or first <= points[place][0] <= last]

        assert (said["total"], said["drawn"]) == (len(points), len(found["n"]))
        assert said["drawn"] <= px
        assert found["n"].sum() == len(inside)
        assert (found["x0"][1:] > found["x1"][:-1]).all()
        for place in range(said["drawn"]):
            held = [value for step, value in inside if found["x0"][place] <= step <= found["x1"][place]]
            known = [value for value in held if not math.isnan(value)]
            assert (found["n"][place], found["n_nan"][place]) == (len(held), len(held) - len(known))
            np.testing.assert_equal(found["last"][place], held[-1])
            assert not known or (found["min"][place], found["max"][place]) == (min(known), max(known))
        assert said["exact"] == (found["n"] <= 1).all()


@settings(max_examples=20, deadline=None, database=None)
@given(numbers=st.lists(values, min_size=2, max_size=80), smooth=st.floats(0.01, 0.999), first=st.integers(0, 79), px=st.integers(1, 30))
def test_smoothing_is_the_same_however_far_one_looks_in(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float], smooth: float, first: int, px: int
) -> None:
    """It is that of the whole series, as of the last point of each bucket."""
    asker = Asker(written(tmp_path_factory.mktemp("curves") / "lake", WrittenRun("a", metrics={"loss": numbers})))
    _, whole = curve(asker, px=4000, smooth=smooth)
    at_step = dict(zip(whole["x1"].tolist(), whole["smooth"].tolist(), strict=True))

    _, near = curve(asker, px=px, smooth=smooth, range=[first, None])

    np.testing.assert_equal(near["smooth"], [at_step[x] for x in near["x1"].tolist()])
    np.testing.assert_allclose(whole["smooth"], list(averages(numbers, smooth)), rtol=1e-6, atol=1e-6)


def averages(numbers: list[float], weight: float) -> Iterator[float]:
    """Of each number and all before it, each of which weighs `weight` times what the one after it weighs; only finite ones count."""
    total = share = 0.0
    for number in numbers:
        if math.isfinite(number):
            total, share = weight * total + number, weight * share + 1
        yield total / share if share else math.nan


def test_a_curve_may_go_along_time_or_another_metric(tmp_path: Path) -> None:
    """Milliseconds since 1970, seconds since the first point, or where another metric was by then."""
    lake = tmp_path / "lake"
    writer = Writer(create(lake))
    write_runs(writer, [WrittenRun("a", metrics={"loss": [(10, 4.0), (20, 3.0), (30, 2.0)], "epoch": [(10, 1.0), (30, 2.0), (31, 0.5)]})])
    writer.close()
    asker = Asker(lake)

    def x(**asked: Any) -> list[float]:
        said, found = curve(asker, **asked)
        assert said["exact"]
        assert said["total"] == 3
        return [float(each) for each in found["x0"]]

    assert x(x="step") == [10, 20, 30]
    assert x(x="time") == [0, 1e-6, 2e-6]  # the n-th point of a written series is n nanoseconds old
    assert x(x="relative") == [0, 1e-9, 2e-9]
    assert x(x="metric:epoch") == [1.0, 1.5, 2.0]
    assert x(x="metric:epoch", range=[1.5, 2.0]) == [1.5, 2.0]
    assert x(x="step", range=[None, 20]) == [10, 20]
    assert x(x="step", range=[11, 19]) == []
    assert asker.post("/series", {"runs": ["a"], "keys": ["loss"], "x": "metric:none"})["series"] == []


def test_only_what_came_since_is_sent(tmp_path: Path) -> None:
    """For each series for itself."""
    asker = Asker(written(tmp_path / "lake", *(WrittenRun(name, metrics={"loss": [float(n) for n in range(100)]}) for name in "ab")))

    answer = asker.post("/series", {"runs": ["a", "b"], "keys": ["loss"], "since": {"a|loss": 96}})
    of_a = [x for which, x in zip(answer["columns"]["series"], answer["columns"]["x0"], strict=True) if which == 0]

    assert of_a == [97, 98, 99]
    assert [(said["run_id"], said["total"], said["drawn"]) for said in answer["series"]] == [("a", 100, 3), ("b", 100, 100)]


def test_runs_and_keys_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    """A run that lacks one of several keys is not drawn there."""
    asker = Asker(written(tmp_path / "lake", WrittenRun("a", metrics={"loss": 1.0}), WrittenRun("b", metrics={"loss": 2.0, "acc": 3.0})))

    answer = asker.post("/series", {"runs": ["a", "b", "gone"], "keys": ["loss", "acc", "none"]})

    assert [(said["run_id"], said["key"]) for said in answer["series"]] == [("a", "loss"), ("b", "loss"), ("b", "acc")]
    assert list(zip(answer["columns"]["series"], answer["columns"]["last"], strict=True)) == [(0, 1.0), (1, 2.0), (2, 3.0)]


def test_a_long_series_is_read_from_its_buckets_and_still_is_all_of_it(tmp_path: Path) -> None:
    """As many points as make levels of detail, published."""
    lake, numbers = tmp_path / "lake", [math.sin(n / 300) for n in range(20_000)]
    publish(create(written(lake, WrittenRun("a", metrics={"loss": numbers}))))
    asker = Asker(lake)

    said, found = curve(asker, px=100)
    table = asker.arrow("/series", {"runs": ["a"], "keys": ["loss"], "px": 100})

    assert (said["total"], said["exact"], found["n"].sum()) == (20_000, False, 20_000)
    assert (found["min"].min(), found["max"].max()) == (min(numbers), max(numbers))
    assert [str(field.type) for field in table.schema] == ["int32", *["double"] * 8]
    assert table["max"].to_pylist() == found["max"].tolist()


WRONG: dict[str, list[Any]] = {
    "px": [0, 4001, "wide"],
    "smooth": [1, -0.1, "much"],
    "range": [[1], [2, 1], ["a", "b"], {}, "all"],
    "x": ["y", 3],
    "since": [[], {"a|loss": "now"}],
    "runs": [["a"] * 201],
    "keys": ["loss"],
}


@pytest.mark.parametrize("body", [{name: value} for name, values in WRONG.items() for value in values], ids=lambda body: f"{body!r:.40}")
def test_what_cannot_be_meant_is_said(tmp_path: Path, body: dict[str, Any]) -> None:
    """In a sentence."""
    answer = Asker(written(tmp_path / "lake", WrittenRun("a"))).post("/series", {"runs": ["a"], "keys": ["loss"], **body})

    assert answer["status"] == 422
    assert answer["detail"]
