"""The runs that a search found, as a list that can be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

from runlake.read.looks import looks_of
from runlake.read.run import Run

__all__ = ["Runs"]


class Runs(list[Run]):
    """A list; in a notebook a table, which says of each run what tells it from the others."""

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> Run: ...

    @overload
    def __getitem__(self, place: slice, /) -> Runs: ...

    def __getitem__(self, place: SupportsIndex | slice, /) -> Run | Runs:
        found: Any = super().__getitem__(place)
        return Runs(found) if isinstance(place, slice) else found

    def plot(self, keys: str | Sequence[str], x: str = "step", *, log: bool = False, smooth: float = 0.0) -> Any:
        """A picture of a metric, or one of each of several, with a curve for each run that has it; see `Series.plot`."""
        return looks_of("plot_of_runs", self, keys, x, log=log, smooth=smooth)

    def _repr_html_(self) -> str:
        return str(looks_of("runs_card", self))
