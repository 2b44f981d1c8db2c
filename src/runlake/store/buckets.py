"""Points and buckets of points, and the larger buckets that both become: arithmetic on sorted arrays, that knows no files.

A bucket stands for every point of a series from x0 to x1. `first` and `last` are the values of its first and its last point, `sum`
leaves NaN out, as `min` and `max` do, which are NaN where there is nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

__all__ = [
    "COARSE",
    "FIRST_LEVEL",
    "Buckets",
    "Grid",
    "beginnings",
    "buckets_of_points",
    "level_for",
    "levels_of",
    "merged",
    "most_without_buckets",
    "one_after_the_other",
    "size_of",
]

SMALLEST, FACTOR = 64, 8
FIRST_LEVEL = 1  # buckets of 64 noisy points would take a tenth of what their points take
COARSE = FIRST_LEVEL + 1  # from this level on buckets are so few that all may be looked at
LONG = 4096  # points; of a series of no more there are no buckets


@dataclass(frozen=True)
class Buckets:
    """Buckets in the order of x, a column for each thing that is said of them."""

    x0: np.ndarray
    x1: np.ndarray
    n: np.ndarray
    n_nan: np.ndarray
    min: np.ndarray
    max: np.ndarray
    sum: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.x0)

    def columns(self) -> dict[str, np.ndarray]:
        """The columns by their names."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def take(self, places: np.ndarray) -> Buckets:
        """Some of them: those at these places, or where it is true."""
        return Buckets(**{name: column[places] for name, column in self.columns().items()})


@dataclass(frozen=True)
class Grid:
    """The pixels between the first and the last x that is looked at; without a number of pixels, each x is one."""

    first: int
    last: int
    pixels: int | None

    def places(self, x: np.ndarray) -> np.ndarray:
        """On which pixel each x lies."""
        if self.pixels is None:
            return x
        # The difference of two steps may be more than an int64 holds; as unsigned numbers it is right.
        offsets = x.view(np.uint64) - np.array([self.first], np.int64).view(np.uint64)
        places = offsets.astype(np.float64) * (self.pixels / max(1, self.last - self.first + 1))
        return np.minimum(places.astype(np.int64), self.pixels - 1)


def most_without_buckets() -> int:
    """How many points a series may have in one file, and has no buckets there."""
    return LONG


def size_of(level: int) -> int:
    """How many points a bucket of this level has, unless it is the last of its series."""
    return int(SMALLEST * FACTOR**level)


def levels_of(n: int) -> Iterator[int]:
    """The levels that a long series of so many points has."""
    level = FIRST_LEVEL
    while size_of(level) < n:
        yield level
        level += 1


def level_for(n: int, pixels: int) -> int | None:
    """The coarsest level that has a bucket for each pixel; None where only the points are fine enough."""
    found = None
    for level in levels_of(n):
        if n // size_of(level) >= pixels:
            found = level
    return found


def beginnings(*columns: np.ndarray) -> np.ndarray:
    """The places where any of these columns is other than at the place before, the first one included."""
    if not len(columns[0]):
        return np.empty(0, np.int64)
    is_other = np.zeros(len(columns[0]), bool)
    is_other[0] = True
    for column in columns:
        is_other[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(is_other)


def buckets_of_points(x: np.ndarray, values: np.ndarray, starts: np.ndarray) -> Buckets:
    """Points in order as buckets that begin at these places."""
    n = np.diff(starts, append=len(x))
    is_nan = np.isnan(values)
    known = np.where(is_nan, 0.0, values)
    if len(starts) == len(x):
        return Buckets(x, x, n, is_nan.astype(np.int64), values, values, known, values, values)
    lasts = starts + n - 1
    with np.errstate(invalid="ignore", over="ignore"):
        return Buckets(
            x0=x[starts],
            x1=x[lasts],
            n=n,
            n_nan=np.add.reduceat(is_nan, starts, dtype=np.int64) if len(starts) else n,
            min=_reduced(np.fmin, values, starts),
            max=_reduced(np.fmax, values, starts),
            sum=_reduced(np.add, known, starts),
            first=values[starts],
            last=values[lasts],
        )


def merged(buckets: Buckets, starts: np.ndarray) -> Buckets:
    """Buckets in order as larger ones that begin at these places; where some share an x, the order tells first and last."""
    if len(starts) == len(buckets):
        return buckets
    lasts = np.append(starts[1:], len(buckets)) - 1
    with np.errstate(invalid="ignore", over="ignore"):
        return Buckets(
            x0=_reduced(np.minimum, buckets.x0, starts),
            x1=_reduced(np.maximum, buckets.x1, starts),
            n=_reduced(np.add, buckets.n, starts),
            n_nan=_reduced(np.add, buckets.n_nan, starts),
            min=_reduced(np.fmin, buckets.min, starts),
            max=_reduced(np.fmax, buckets.max, starts),
            sum=_reduced(np.add, buckets.sum, starts),
            first=buckets.first[starts],
            last=buckets.last[lasts],
        )


def one_after_the_other(parts: Sequence[Buckets]) -> Buckets:
    """The buckets of several, in this order."""
    columns = [part.columns() for part in parts]
    return Buckets(**{name: np.concatenate([each[name] for each in columns]) for name in columns[0]})


def _reduced(what: np.ufunc, column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.asarray(what.reduceat(column, starts)) if len(starts) else column[:0]
