"""What columns hold, in a few numbers each: how much is missing, how much differs, and of numbers the least, the greatest and the mean."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["sketch_of"]

MOST_COLUMNS = 200
MOST = sys.float_info.max / 1e6  # of which the sum of all rows that are looked at is a double, too
SECONDS = 0.02


def sketch_of(columns: Iterable[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of as many columns as the time allows."""
    until = time.perf_counter() + SECONDS
    sketch: dict[str, dict[str, Any]] = {}
    for name, values in columns:
        if len(sketch) >= MOST_COLUMNS or time.perf_counter() > until:
            break
        numbers = _numbers(values)
        sketch[name] = dict(_said_of(values) if numbers is None else _said_of_numbers(numbers))
    return sketch


def _numbers(values: Any) -> np.ndarray | None:
    """The values as an array, where they are one of plain numbers or lie in one."""
    array = values.to_numpy() if hasattr(values, "to_numpy") and getattr(getattr(values, "dtype", None), "kind", "") in "iuf" else values
    return array if isinstance(array, np.ndarray) and array.dtype.kind in "iuf" else None


def _said_of_numbers(numbers: np.ndarray) -> Iterator[tuple[str, Any]]:
    there = numbers[numbers == numbers]
    yield "missing", len(numbers) - len(there)
    yield "distinct", len(np.unique(there))
    if len(there) and np.isfinite(there).all():
        yield from (("min", _plain(there.min())), ("max", _plain(there.max())), ("mean", float(there.mean(dtype=np.float64))))


def _plain(number: Any) -> int | float:
    """As JSON has it, which has no longer floats than Python's."""
    plain = number.item()
    return plain if isinstance(plain, (int, float)) else float(plain)


def _said_of(values: Any) -> Iterator[tuple[str, Any]]:
    listed = values.to_list() if hasattr(values, "to_list") else values.tolist() if hasattr(values, "tolist") else list(values)
    there = [value for value in listed if value is not None and value == value]
    yield "missing", len(listed) - len(there)
    try:
        yield "distinct", len(set(there))
    except TypeError:  # of lists, say
        return
    # A whole number may be greater than any double.
    numbers = [value for value in there if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MOST]
    if numbers and len(numbers) == len(there):
        yield from (("min", min(numbers)), ("max", max(numbers)), ("mean", sum(numbers) / len(numbers)))
