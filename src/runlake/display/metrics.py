"""The metrics of listed runs: which way each is better, and which are worth a column."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from runlake.entities import Scope
from runlake.read.choosing import by_weight
from runlake.read.direction import GOAL_TAG, Goal, direction
from runlake.read.listing import Listing
from runlake.read.naming import stored_name

__all__ = ["ARROWS", "Metrics"]

ARROWS: dict[Goal, str] = {"min": "▼", "max": "▲"}


class Metrics:
    """Those of the runs that are listed, or where these have none, of those inside them."""

    def __init__(self, listing: Listing) -> None:
        goals = [key for key in listing.keys(Scope.TAG) if key.startswith(GOAL_TAG)]
        self._goals = {key: _first(listing.column(stored_name(Scope.TAG, key))) for key in goals}
        self._n_runs = {key: _n_known(listing.column(stored_name(Scope.METRIC, key))) for key in listing.keys(Scope.METRIC)}
        if not self._n_runs and listing.inside:
            keys = listing.inside.keys(Scope.METRIC)
            inside = {key: chain.from_iterable(listing.column_inside(stored_name(Scope.METRIC, key))) for key in keys}
            self._n_runs = {key: _n_known(list(values)) for key, values in inside.items()}
        self.in_order = by_weight({key: n for key, n in self._n_runs.items() if n}, [key.removeprefix(GOAL_TAG) for key in goals])

    def primary(self) -> tuple[str, str] | None:
        """The metric that the runs are best compared by, and what of it: the best value."""
        return (self.in_order[0], self.goal(self.in_order[0])) if self.in_order else None

    def goal(self, key: str) -> Goal:
        """Which way it is better."""
        return direction(key, self._goals)

    def arrow(self, key: str) -> str:
        """The same as a sign."""
        return ARROWS[self.goal(key)]


def _first(column: Sequence[str | None]) -> str:
    return next(text for text in column if text is not None)


def _n_known(column: Sequence[Any]) -> int:
    return sum(value is not None for value in column)
