"""The one metric that says most about a run, where runs are too different to be compared by the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from runlake.read import GOAL_TAG, Found, Scope, by_weight, direction, has_direction, stored_name

__all__ = ["HEADLINE", "headlines"]

HEADLINE = "headline"  # a column of its own: the metric's key, and its best value under `headline|value`


def headlines(found: Found) -> Mapping[str, pa.Array]:
    """Of each run the key of the metric that it would be compared by, and the best value of that."""
    goals = [key.removeprefix(GOAL_TAG) for key in found.keys(Scope.TAG) if key.startswith(GOAL_TAG)]
    columns = {key: found.numbers(stored_name(Scope.METRIC, key)) for key in found.keys(Scope.METRIC) if not key.startswith("system/")}
    known = {key: column[1] for key, column in columns.items() if column is not None}
    heads: dict[tuple[str, ...], str | None] = {}
    chosen = []
    for place in range(len(found)):
        had = tuple(key for key, is_known in known.items() if is_known[place])
        if had not in heads:  # runs of one kind have the same
            heads[had] = _head(had, goals)
        chosen.append(heads[had])
    best = {key: found.numbers(stored_name(Scope.METRIC, key, direction(key))) for key in {*chosen} if key is not None}
    columns_of_best = {key: column[0] for key, column in best.items() if column is not None}
    values = [float(columns_of_best[key][place]) if key in columns_of_best else None for place, key in enumerate(chosen)]
    return {HEADLINE: pa.array(chosen, pa.string()), f"{HEADLINE}|value": pa.array(values, pa.float64())}


def _head(keys: Sequence[str], goals: Sequence[str]) -> str | None:
    first = next(iter(by_weight(dict.fromkeys(keys, 1), goals)), None)
    return first if first is not None and (first in goals or has_direction(first)) else None
