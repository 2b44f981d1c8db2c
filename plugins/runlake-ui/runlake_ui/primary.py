"""The metric that runs are best compared by, and the one that tells most of a single run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runlake.read import GOAL_TAG, Found, Scope, by_weight, direction, has_direction, stored_name

__all__ = ["SYSTEM", "Primary", "first_of", "goal_of", "goals_of", "primary_of"]

MOST_COUNTED = 50  # metrics whose runs are counted: of more those that look most like outcomes
SYSTEM = "system/"


@dataclass(frozen=True)
class Primary:
    """Its key, which way it is better, and how a filter names a run's best value."""

    key: str
    goal: Literal["min", "max"]
    name: str


def primary_of(found: Found, keys: Sequence[str] | None = None) -> Primary | None:
    """The one that these runs are compared by, of those with these keys, or of all; None where no value is better than another."""
    goals = goals_of(found)
    known = {key for key in (found.keys(Scope.METRIC) if keys is None else keys) if not key.startswith(SYSTEM)}
    likely = by_weight(dict.fromkeys(known, 1), goals)[:MOST_COUNTED]
    counts = {key: n for key in likely if (n := _n_known(found, key))}
    first = first_of(counts, goals)
    if first is None:
        return None
    goal = goal_of(found, first, is_told=first in goals)
    return Primary(first, goal, stored_name(Scope.METRIC, first, goal))


def first_of(n_runs: Mapping[str, int], goals: Sequence[str]) -> str | None:
    """Of metrics that so many runs have the one to compare by; None where no value of it is better than another."""
    first = next(iter(by_weight(n_runs, goals)), None)
    return first if first is not None and (first in goals or has_direction(first)) else None


def goals_of(found: Found) -> list[str]:
    """The metrics that some of these runs were told a goal for."""
    return [key.removeprefix(GOAL_TAG) for key in found.keys(Scope.TAG) if key.startswith(GOAL_TAG)]


def _n_known(found: Found, key: str) -> int:
    column = found.numbers(stored_name(Scope.METRIC, key))
    return 0 if column is None else int(column[1].sum())


def goal_of(found: Found, key: str, *, is_told: bool) -> Literal["min", "max"]:
    """Which way a metric is better: as a run was told, else by its name."""
    tag = GOAL_TAG + key
    told = found.table([stored_name(Scope.TAG, tag)]).column(0).drop_null() if is_told else []
    return direction(key, {tag: told[0].as_py()} if len(told) else None)
