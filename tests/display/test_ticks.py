"""Where the lines of a scale stand, and what is written there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlake.display.ticks import Tick, log_ticks, number_ticks, span_ticks, step_ticks, time_ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "texts"),
    [
        (0.0, 1.0, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.013, 0.021, 4, ["0.014", "0.016", "0.018", "0.020"]),
        (-3.0, 12.0, 3, ["0", "5", "10"]),
        (1.0, 1.0, 3, ["1"]),
        (1e-12, 9e-12, 4, ["2e-12", "4e-12", "6e-12", "8e-12"]),
    ],
)
def test_numbers_are_round(low: float, high: float, most: int, texts: list[str]) -> None:
    """With as many decimals as the distance between them has."""
    assert [text for _, text in number_ticks(low, high, most)] == texts


@pytest.mark.parametrize(
    ("low", "high", "most", "texts"),
    [
        (0, 5000, 5, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
        (0, 1_000_000, 4, ["0", "500k", "1,000k"]),
        (0, 40_000_000, 4, ["0", "10M", "20M", "30M", "40M"]),
        (0, 3, 10, ["0", "1", "2", "3"]),
        (7, 7, 10, ["7"]),
    ],
)
def test_steps_are_whole_and_large_ones_short(low: float, high: float, most: int, texts: list[str]) -> None:
    """In thousands or millions."""
    assert [text for _, text in step_ticks(low, high, most)] == texts


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (1e-3, 1e3, ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]),
        (0.2, 30.0, ["0.3", "1", "3", "10", "30"]),
        (2.1, 4.0, ["2.5", "3.0", "3.5", "4.0"]),
    ],
)
def test_logarithmic_ones_are_powers_of_ten_where_there_are_enough(low: float, high: float, texts: list[str]) -> None:
    """Else what is between them."""
    assert [text for _, text in log_ticks(low, high, 8)] == texts


@pytest.mark.parametrize(
    ("high", "most", "texts"),
    [
        (60, 4, ["0", "15s", "30s", "45s", "1m"]),
        (5400, 6, ["0", "15m", "30m", "45m", "1h", "1h 15m", "1h 30m"]),
        (0.5, 2, ["0.0s", "0.5s"]),
        (200_000, 3, ["0", "1d", "2d"]),
    ],
)
def test_spans_are_of_seconds_minutes_hours_and_days(high: float, most: int, texts: list[str]) -> None:
    """Each in its own."""
    assert [text for _, text in span_ticks(0, high, most)] == texts


def test_times_are_by_the_clock_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole hours of it, also where it is half an hour beside the world's."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    found = time_ticks(1_700_000_000, 1_700_010_000, 3)
    monkeypatch.undo()
    time.tzset()

    assert [text for _, text in found] == ["04:00", "05:00", "06:00"]


@pytest.mark.parametrize(
    ("ticks", "scales"),
    [
        (number_ticks, st.floats(-1e300, 1e300)),
        (log_ticks, st.floats(1e-300, 1e300)),
        (step_ticks, st.integers(-(2**62), 2**62)),
        (span_ticks, st.floats(0, 1e10)),
        (time_ticks, st.floats(1e6, 4e9)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@given(st.data(), st.integers(1, 40))
def test_they_are_within_the_scale_ascending_and_not_too_many(
    ticks: Callable[[float, float, int], list[Tick]], scales: st.SearchStrategy[float], data: st.DataObject, most: int
) -> None:
    """Whatever the scale is."""
    low, high = sorted((data.draw(scales), data.draw(scales)))
    found = [place for place, _ in ticks(low, high, most)]
    spare = (high / 2 - low / 2) * 1e-6 + abs(high) * 1e-9 + 1e-9

    assert found == sorted(found)
    assert all(low - spare <= place <= high + spare for place in found)
    assert len(found) <= 2 * most + 3
    assert all(math.isfinite(place) for place in found)
