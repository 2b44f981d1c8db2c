"""Points and events of this process that are not in the store yet.

Callers append, the flusher alone removes, and always a prefix that it has handed on: each line of either is one C call,
atomic under the interpreter lock, so the caller's path needs no lock. Swapping the lists for empty ones would lose what a
caller appends to the old list that it has just looked up.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import Any, NamedTuple

from runlake.entities import Event
from runlake.guard import attempt

__all__ = ["Buffer", "Chunk", "Content", "Series"]

Content = bytes | Callable[[], bytes]  # of a file, or what makes it

CHUNK_POINTS = 65_536  # a larger drain holds the interpreter lock for long enough to be felt
EARLY_POINTS = 65_536  # this many wake the flusher before its time
CAP_POINTS = 2_000_000  # about 290 MB; above it callers wait
GROUP_POINTS = 8  # what one log_metrics call is taken to hold as long as none waits
ARRAY_POINTS = 1024  # and one log_batch call

_FIELDS = 4  # of an entry in a flat list: series, step, time, value


class Series:
    """The points of one key of one run, as far as this process logged them."""

    __slots__ = ("key", "last_step", "run_id")

    def __init__(self, run_id: str, key: str) -> None:
        self.run_id = run_id
        self.key = key
        self.last_step = -1


@dataclass
class Chunk:
    """Points as columns, and how to take them off the buffer once they were handed on."""

    series: Sequence[Series]
    steps: Any
    times: Any
    values: Any

    def names(self) -> tuple[list[tuple[str, str]], list[int]]:
        """The distinct series as (run, key), and for each point which of them it belongs to."""
        code_of = {series: code for code, series in enumerate(dict.fromkeys(self.series))}
        return [(series.run_id, series.key) for series in code_of], list(map(code_of.__getitem__, self.series))

    def without_bad_values(self) -> tuple[Chunk, list[tuple[Series, int, BaseException]]]:
        """The points whose value can be read, and what was raised by the others."""
        good: list[tuple[Series, int, int, float]] = []
        bad = []
        for series, step, time, value in zip(self.series, self.steps, self.times, self.values, strict=True):
            number = attempt(value.__float__)
            if isinstance(number, float):
                good.append((series, step, time, number))
            else:
                bad.append((series, step, number))
        series_, steps, times, values = zip(*good, strict=True) if good else ((), (), (), ())
        return Chunk(series_, steps, times, list(values)), bad


class WaitingFile(NamedTuple):
    """A file that is to be kept, and the moment from which on it counts: what a user keeps under its name meanwhile is later."""

    run_id: str
    name: str
    content: Content
    n_bytes: int  # about
    hlc: int


class Buffer:
    """What callers fill. Whoever passes a limit calls `Flusher.relieve`."""

    def __init__(self) -> None:
        # Flat, four items a point: half the cost of a tuple each, and nothing that the garbage collector would look through.
        self.scalars: list[Any] = []
        self.groups: list[Any] = []  # flat as well, four items a log_metrics call: its series, step or steps, time, values
        self.arrays: list[tuple[Series, Any, Any, Any, int]] = []
        self.events: list[Event] = []
        self.ends: list[Event] = []  # written after the points that came before them
        self.files: list[WaitingFile] = []
        self.lock = threading.RLock()  # for steps that count up; reentrant, since a finalizer may log inside
        self.width = GROUP_POINTS  # of the widest log_metrics call since the last drain
        self._inherited: list[Any] = []
        self.set_limit(-1)

    def set_limit(self, points: int) -> None:
        """Have the flusher called once about this many points wait; -1: at every append."""
        self._limit = points
        self.scalars_limit = points * _FIELDS if points >= 0 else -1
        self.groups_limit = points // self.width * _FIELDS if points >= 0 else -1
        self.arrays_limit = points // max(ARRAY_POINTS, _mean([entry[4] for entry in self.arrays[:]])) if points >= 0 else -1

    def widen(self, width: int) -> None:
        """A log_metrics call held this many points, more than was thought: so many fewer calls reach the limit."""
        self.width = width
        self.set_limit(self._limit)

    def waiting(self) -> int:
        """How many points wait."""
        return len(self.scalars) // _FIELDS + sum(map(len, self.groups[0::_FIELDS])) + sum(entry[4] for entry in self.arrays[:])

    def about_waiting(self) -> int:
        """The same, without a look at each log_metrics call: for callers that ask again and again."""
        return len(self.scalars) // _FIELDS + len(self.groups) // _FIELDS * self.width + sum(entry[4] for entry in self.arrays[:])

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.scalars or self.groups or self.arrays or self.events or self.ends or self.files)

    def forget_inherited(self) -> None:
        """In a forked child: what was waiting is the parent's to write."""
        # Kept, not freed: a tensor's destructor may need a device that did not survive the fork.
        self._inherited.append((self.scalars[:], self.groups[:], self.arrays[:]))
        for waiting in (self.scalars, self.groups, self.arrays, self.events, self.ends, self.files):
            waiting.clear()
        self.lock = threading.RLock()
        self.set_limit(-1)

    def drain_points(self) -> Iterator[Chunk]:
        """What waits now, in chunks; each is taken off the buffer when the next is asked for."""
        scalars, groups, arrays = len(self.scalars) // _FIELDS, len(self.groups) // _FIELDS, len(self.arrays)
        while scalars > 0:
            n = min(scalars, CHUNK_POINTS)
            flat = self.scalars[: n * _FIELDS]
            yield Chunk(flat[0::4], flat[1::4], flat[2::4], flat[3::4])
            del self.scalars[: n * _FIELDS]
            scalars -= n
        while groups > 0:
            n = _how_many(self.groups[: min(groups, CHUNK_POINTS // GROUP_POINTS) * _FIELDS : _FIELDS])
            calls = self.groups[: n * _FIELDS]
            self.width = max(GROUP_POINTS, *map(len, calls[0::_FIELDS]))
            yield _of_groups(calls)
            del self.groups[: n * _FIELDS]
            groups -= n
        while arrays > 0:
            chunk, rest = _cut(*self.arrays[0])
            yield chunk
            self.arrays[:1] = rest
            arrays -= 0 if rest else 1

    def drop_oldest(self, keep_points: int) -> dict[str, int]:
        """Let go of the oldest points until about so many wait; how many each run lost."""
        lost: dict[str, int] = {}
        for chunk in self.drain_points():
            if self.waiting() <= keep_points:
                break
            for series in chunk.series:
                lost[series.run_id] = lost.get(series.run_id, 0) + 1
        return lost


class _Unreadable:
    """Stands for values whose library could not give them."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __float__(self) -> float:
        raise ValueError(self._why)


def _mean(sizes: list[int]) -> int:
    return sum(sizes) // len(sizes) if sizes else 0


def _how_many(calls: list[tuple[Series, ...]]) -> int:
    """How many of these log_metrics calls, each told by its series, make a chunk; one at least."""
    return max(1, bisect_right(list(accumulate(map(len, calls))), CHUNK_POINTS))


def _of_groups(calls: list[Any]) -> Chunk:
    """One log_metrics call after the other, a point for each of its metrics."""
    all_series, steps, times, values = (calls[field::_FIELDS] for field in range(_FIELDS))
    widths = list(map(len, all_series))
    flat = chain.from_iterable
    return Chunk(
        series=list(flat(all_series)),
        steps=list(flat(step if type(step) is tuple else repeat(step, width) for step, width in zip(steps, widths, strict=True))),
        times=list(flat(map(repeat, times, widths))),
        values=list(flat(values)),
    )


def _cut(series: Series, steps: Any, times: Any, values: Any, n: int) -> tuple[Chunk, list[tuple[Series, Any, Any, Any, int]]]:
    """The first points of a log_batch call, and the call with the others, if any."""
    if hasattr(values, "cpu"):  # a tensor's copy, read here since that may wait for its device
        values = attempt(lambda: values.cpu().double().numpy())
        if isinstance(values, BaseException):
            unreadable = _Unreadable(f"none of the {n} values of this batch: {values!r}")
            return Chunk([series], steps[:1], [times if isinstance(times, int) else times[0]], [unreadable]), []
    size = min(n, CHUNK_POINTS)
    chunk = Chunk(
        series=[series] * size,
        steps=steps[:size],
        times=array("q", repeat(times, size)) if isinstance(times, int) else times[:size],
        values=values[:size],
    )
    rest = (series, steps[size:], times if isinstance(times, int) else times[size:], values[size:], n - size)
    return chunk, [rest] if n > size else []
