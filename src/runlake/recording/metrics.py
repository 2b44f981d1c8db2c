"""Points from the caller's thread to the buffer: the path that must cost next to nothing."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

from runlake.errors import InvalidValue
from runlake.guard import attempt
from runlake.recording.buffer import EARLY_POINTS, Series
from runlake.recording.recorders import Recorder
from runlake.recording.values import as_key, as_step, as_value

__all__ = ["MetricLog"]

MAX_GROUPS = 256  # more than a program has that logs the same metrics again and again

_MAX_STEP = 2**63 - 1


class MetricLog:
    """The points of one run, as far as this process logs them."""

    def __init__(self, recorder: Recorder, run_id: str) -> None:
        self.run_id = run_id
        self.recorder = recorder
        self._buffer = recorder.buffer
        self._series: dict[str, Series] = {}
        self._stored_steps: Mapping[str, int] = {}
        self._groups: dict[tuple[str, ...], tuple[Series, ...]] = {}  # of the keys that were logged together

    def log_metric(self, key: str, value: Any, step: SupportsIndex | float | None = None, timestamp: int | None = None) -> None:
        """Record a point. Without a step it is the greatest step of this key so far + 1; `timestamp` is in milliseconds."""
        if type(value) is not float:
            value = as_value(key, value)
        try:
            series = self._series[key]
        except (KeyError, TypeError):
            series = self._add_series(key)
        if step is None:
            step = self._next_steps(series, 1)
        else:
            if type(step) is not int or not -_MAX_STEP <= step <= _MAX_STEP:
                step = as_step(key, step)
            # No lock: two threads may race here, which costs nothing but the start of a later count.
            if step > series.last_step:
                series.last_step = step
        buffer = self._buffer
        buffer.scalars.extend((series, step, time.time_ns() if timestamp is None else _ns(timestamp), value))
        if len(buffer.scalars) > buffer.scalars_limit:
            self.recorder.flusher.relieve()

    def log_metrics(self, metrics: Mapping[str, Any], step: SupportsIndex | float | None = None, timestamp: int | None = None) -> None:
        """Record a point of each metric, all of them or, if one is wrong, none."""
        values: tuple[Any, ...] = tuple(metrics.values())
        if set(map(type, values)) != {float}:
            values = tuple([as_value(key, value) for key, value in metrics.items()])
        keys = tuple(metrics)
        all_series = self._groups.get(keys) or self._add_group(keys)
        steps: int | tuple[int, ...]
        if step is None:
            steps = self._next_step_of_each(all_series)
        else:
            if type(step) is not int or not -_MAX_STEP <= step <= _MAX_STEP:
                step = as_step(", ".join(keys), step)
            for series in all_series:
                if step > series.last_step:
                    series.last_step = step
            steps = step
        buffer = self._buffer
        if len(values) > buffer.width:
            buffer.widen(len(values))
        buffer.groups.extend((all_series, steps, time.time_ns() if timestamp is None else _ns(timestamp), values))
        if len(buffer.groups) > buffer.groups_limit:
            self.recorder.flusher.relieve()

    def log_batch(self, key: str, values: Any, steps: Any = None, timestamps: Any = None) -> None:
        """Record many points of one key: a list or an array of values, and of steps and milliseconds where they are known."""
        column, n = _doubles(key, values)
        if not n:
            return
        series = self._series.get(as_key(key)) or self._add_series(key)
        if steps is None:
            first = self._next_steps(series, n)
            step_column: Any = range(first, first + n)
        else:
            step_column = _int64s(f"the steps of {key!r}", steps, n)
            series.last_step = max(series.last_step, int(max(step_column)))
        times = time.time_ns() if timestamps is None else _int64s(f"the timestamps of {key!r}", [_ns(t) for t in timestamps], n)
        self._buffer.arrays.append((series, step_column, times, column, n))
        if n > EARLY_POINTS or len(self._buffer.arrays) > self._buffer.arrays_limit:
            self.recorder.flusher.relieve()

    def has_series(self, key: str) -> bool:
        """Whether a point of this key was logged here."""
        return key in self._series

    def last_step(self, key: str) -> int:
        """The greatest step of this key so far, also of what was there when the run was resumed; -1 where it has none."""
        series = self._series.get(key)
        return self._stored_steps.get(key, -1) if series is None else series.last_step

    def count_on_from(self, last_steps: Mapping[str, int]) -> None:
        """Have the steps of these keys, once they are logged here, count on from where the store has them."""
        self._stored_steps = last_steps

    def _add_series(self, key: Any) -> Series:
        key = as_key(key)
        series = Series(self.run_id, key)
        series.last_step = max(self._stored_steps.get(key, -1), -1)  # as where the steps below 0 were logged: counting begins at 0
        return self._series.setdefault(key, series)  # atomic: two threads get the same

    def _add_group(self, keys: tuple[Any, ...]) -> tuple[Series, ...]:
        all_series = tuple([self._add_series(key) for key in [as_key(key) for key in keys]])
        if len(self._groups) < MAX_GROUPS:
            self._groups[keys] = all_series
        return all_series

    def _next_step_of_each(self, all_series: tuple[Series, ...]) -> tuple[int, ...]:
        with self._buffer.lock:
            for series in all_series:  # before any step is taken
                if series.last_step >= _MAX_STEP:
                    raise InvalidValue(f"{series.key!r} has reached the greatest step of 64 bits; give the step.")
            steps = []
            for series in all_series:
                # Nothing is called in between: a finalizer, which may run where anything is, may count the same series.
                step = series.last_step = series.last_step + 1
                steps.append(step)
            return tuple(steps)

    def _next_steps(self, series: Series, n: int) -> int:
        with self._buffer.lock:
            first = series.last_step + 1
            if first + n - 1 > _MAX_STEP:
                raise InvalidValue(f"{series.key!r} has reached the greatest step of 64 bits; give the step.")
            series.last_step = first + n - 1
            return first


def _ns(timestamp: Any) -> int:
    milliseconds = as_step("the timestamp", timestamp)
    if abs(milliseconds) > _MAX_STEP // 1_000_000:
        raise InvalidValue(f"A timestamp is in milliseconds since 1970; {timestamp} is beyond the year 2262.")
    return milliseconds * 1_000_000


def _doubles(key: str, values: Any) -> tuple[Any, int]:
    """The values as a column of doubles that is ours, and how many there are."""
    if hasattr(values, "detach"):
        return values.detach().clone(), _length(key, values)
    if hasattr(values, "__array__"):
        column = attempt(lambda: _column_of_doubles(key, values))
        if isinstance(column, InvalidValue):
            raise column
        if isinstance(column, BaseException):
            raise InvalidValue(f"The values of {key!r} are numbers; those of this {type(values).__name__} are not: {column}") from column
        return column, _length(key, column)
    numbers = list(values) if isinstance(values, Iterable) and not isinstance(values, (str, bytes)) else [values]
    return array("d", [float(as_value(key, number)) for number in numbers]), len(numbers)


def _column_of_doubles(key: str, values: Any) -> Any:
    import numpy as np

    given: Any = values if hasattr(values, "filled") else np.asarray(values)
    if given.dtype.kind in "cmMSU" or given.dtype.names:  # which NumPy would make numbers of, more or less
        raise InvalidValue(f"The values of {key!r} are numbers, not {given.dtype}.")
    if hasattr(given, "filled"):  # what is masked is missing
        return given.astype(np.float64).filled(np.nan)
    return np.array(given, np.float64)


def _length(key: str, values: Any) -> int:
    if len(values.shape) != 1:
        raise InvalidValue(f"The values of {key!r} have one dimension, not the shape {tuple(values.shape)}.")
    return int(values.shape[0])


def _int64s(what: str, numbers: Any, n: int) -> Any:
    column = array("q", [as_step(what, number) for number in numbers]) if not isinstance(numbers, range) else numbers
    if len(column) != n:
        raise InvalidValue(f"There are {n} values, and {what} are {len(column)}.")
    return column
