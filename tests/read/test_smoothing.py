"""A smoothed curve is TensorBoard's, of the whole series, and the same at every zoom."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from runlake.errors import InvalidValue
from runlake.read import open_store, series
from runlake.read.smoothing import smoothed
from runlake.store.curves import Axis

VALUES = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]))


def one_by_one(values: list[float], weight: float) -> list[float]:
    """As TensorBoard does it, where what is not finite counts for nothing."""
    last, n_counted, shown, averages = 0.0, 0, math.nan, []
    for value in values:
        if math.isfinite(value):
            last = last * weight + (1 - weight) * value
            n_counted += 1
            shown = last / (1 - weight**n_counted)
        averages.append(shown)
    return averages


@given(st.lists(VALUES, max_size=200), st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.999]))
def test_it_is_what_one_after_the_other_gives(values: list[float], weight: float) -> None:
    """For each value, whatever comes before it."""
    np.testing.assert_allclose(smoothed(np.array(values, float), weight), one_by_one(values, weight), rtol=1e-9, atol=1e-6)


def test_a_long_series_is_what_one_after_the_other_gives() -> None:
    """Longer than what any weight reaches back."""
    values = np.random.default_rng(0).normal(size=20_000)
    for weight in (0.5, 0.99, 0.9999):
        np.testing.assert_allclose(smoothed(values, weight), one_by_one(values.tolist(), weight), rtol=1e-9, atol=1e-12)


def test_a_constant_stays_and_the_first_value_is_itself() -> None:
    """The average does not begin at zero."""
    assert smoothed(np.array([5.0, 5.0, math.nan, 5.0]), 0.99).tolist() == pytest.approx([5.0] * 4)
    assert smoothed(np.array([math.nan, 3.0, 4.0]), 0.9)[1] == pytest.approx(3.0)


@pytest.mark.parametrize("x", ["step", "time"])
def test_looking_closer_never_changes_a_smoothed_curve(store: Path, x: Axis) -> None:
    """Buckets that end at the same x have the same average, whatever the range and the pixels; it is that of the whole series."""
    dice = np.random.default_rng(1)
    with runlake.start_run() as run:
        for step in range(3000):
            runlake.log_metric("loss", math.nan if step % 50 == 3 else float(dice.normal()), step=step)
    runlake.flush()
    run_id = run.info.run_id
    points = series(run_id, "loss", x=x, smooth=0.9)
    whole = dict(zip(points["x1"].to_pylist(), points["smooth"].to_pylist(), strict=True))
    logged = open_store().series(run_id, "loss")["value"].to_pylist()
    if x == "step":
        np.testing.assert_allclose(points["smooth"].to_pylist(), one_by_one(logged, 0.9))

    ends = sorted(whole)
    for within in (None, (ends[700], ends[-700]), (ends[1000], None), (ends[1200], ends[1300])):
        for pixels in (3, 100, 1000, None):
            found = series(run_id, "loss", x=x, range=within, pixels=pixels, smooth=0.9)
            assert found.num_rows
            assert found["smooth"].to_pylist() == [whole[end] for end in found["x1"].to_pylist()]


@pytest.mark.parametrize("weight", [1, 1.5, -0.1, math.nan, "0.5", None])
def test_a_wrong_weight_is_told(store: Path, weight: object) -> None:
    """With the weight, and what would be right."""
    with runlake.start_run() as run:
        runlake.log_metric("loss", 1.0)
    runlake.flush()

    with pytest.raises(InvalidValue, match="at least 0 and less than 1"):
        series(run.info.run_id, "loss", smooth=weight)  # type: ignore[arg-type]  # that is what is told
