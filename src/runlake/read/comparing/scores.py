"""The metrics of two runs: how far apart they are, and which run is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runlake.read.comparing.changes import Compared
from runlake.read.direction import Goal, direction, has_direction
from runlake.read.outcomes import is_aside, is_of_training, is_of_validation
from runlake.read.series import Series

__all__ = ["MetricChange", "Side", "compared_metrics"]

Side = Literal["a", "b"]


@dataclass(frozen=True)
class MetricChange:
    """A metric of both runs, None where one has none. `goal` is None where no value is better than another.

    Where it has a goal and either run a curve, the best values are compared, else the last ones: `compared` says which. `delta` is what
    `b` has more than `a`, `relative` the same as a part of what `a` has, and `better` the run whose value is better.
    """

    key: str
    goal: Goal | None
    compared: Literal["best", "last"]
    last_a: float | None
    last_b: float | None
    best_a: float | None
    best_b: float | None
    best_step_a: int | None
    best_step_b: int | None
    points_a: int
    points_b: int

    @property
    def a(self) -> float | None:
        """What is compared, of the first."""
        return self.best_a if self.compared == "best" else self.last_a

    @property
    def b(self) -> float | None:
        """What is compared, of the second."""
        return self.best_b if self.compared == "best" else self.last_b

    @property
    def delta(self) -> float | None:
        """How much more the second has; None where that is no number."""
        if self.a is None or self.b is None:
            return None
        found = self.b - self.a
        return found if math.isfinite(found) else None

    @property
    def relative(self) -> float | None:
        """The same as a part of the size of the first; None where that is zero."""
        return None if self.delta is None or not self.a else self.delta / abs(self.a)

    @property
    def better(self) -> Side | None:
        """Which run is better; None where neither is. Any number is better than NaN."""
        if self.goal is None or self.a is None or self.b is None or _is_equal(self.a, self.b):
            return None
        if math.isnan(self.a) or math.isnan(self.b):
            return "b" if math.isnan(self.a) else "a"
        return "b" if (self.b < self.a) == (self.goal == "min") else "a"

    @property
    def is_same(self) -> bool:
        """Whether last and best are."""
        return _is_equal(self.last_a, self.last_b) and _is_equal(self.best_a, self.best_b)

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"delta": self.delta, "relative": self.relative, "better": self.better}


def compared_metrics(
    a: Mapping[str, Series], b: Mapping[str, Series], tags_a: Mapping[str, str], tags_b: Mapping[str, str]
) -> Compared[MetricChange]:
    """Outcomes before how the work went, what was measured on new data before what was on old; then those that lie farthest apart."""
    tags = {**tags_b, **tags_a}
    found = [_change(key, a.get(key), b.get(key), tags) for key in sorted(a.keys() | b.keys())]
    different = sorted((change for change in found if not change.is_same), key=_weight)
    return Compared(tuple(different), tuple(change for change in found if change.is_same))


def _change(key: str, a: Series | None, b: Series | None, tags: Mapping[str, str]) -> MetricChange:
    goal = direction(key, tags) if has_direction(key, tags) else None
    is_curve = any(series is not None and len(series) > 1 for series in (a, b))
    best_a, step_a = _best(a, goal)
    best_b, step_b = _best(b, goal)
    last_a, last_b = (None if series is None else series.last for series in (a, b))
    n_a, n_b = (0 if series is None else len(series) for series in (a, b))
    return MetricChange(
        key, goal, "best" if goal and is_curve else "last", last_a, last_b, best_a, best_b, step_a, step_b, points_a=n_a, points_b=n_b
    )


def _best(series: Series | None, goal: Goal | None) -> tuple[float | None, int | None]:
    if series is None or goal is None:
        return None, None
    # Where the two were told different goals, one's own best step is that of the wrong end.
    return series.min if goal == "min" else series.max, series.best_step if series.goal == goal else None


def _weight(change: MetricChange) -> tuple[object, ...]:
    is_told = change.goal is not None
    side = (change.b is None) + 2 * (change.a is None)  # what both have, then what only one has
    measured_on = 2 * is_of_training(change.key) - is_of_validation(change.key)
    return (side, not is_told, is_aside(change.key), measured_on, -_distance(change), change.key)


def _distance(change: MetricChange) -> float:
    """How far apart, from 0 to 2: a part of the greater one, so that a run that is near zero does not outweigh all others."""
    if change.delta is None:
        return math.inf
    size = max(abs(value) for value in (change.a, change.b) if value is not None)
    return abs(change.delta) / size if size else 0.0


def _is_equal(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b))
