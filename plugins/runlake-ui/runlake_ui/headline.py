"""The one metric that says most about a run, where runs are too different to be compared by the same one."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from runlake.read import Found, Scope, stored_name
from runlake_ui.primary import SYSTEM, first_of, goal_of, goals_of

__all__ = ["HEADLINE", "headlines"]

HEADLINE = "headline"  # a column of its own: the metric's key, and its best value under `headline|value`


def headlines(found: Found) -> Mapping[str, pa.Array]:
    """Of each run the key of the metric that it would be compared by, and the best value of that."""
    goals = goals_of(found)
    columns = {key: found.numbers(stored_name(Scope.METRIC, key)) for key in found.keys(Scope.METRIC) if not key.startswith(SYSTEM)}
    known = {key: column[1] for key, column in columns.items() if column is not None}
    heads: dict[tuple[str, ...], str | None] = {}
    chosen = []
    for place in range(len(found)):
        had = tuple(key for key, is_known in known.items() if is_known[place])
        if had not in heads:  # runs of one kind have the same
            heads[had] = first_of(dict.fromkeys(had, 1), goals)
        chosen.append(heads[had])
    best = {key: found.numbers(stored_name(Scope.METRIC, key, goal_of(found, key, is_told=key in goals))) for key in {*chosen} if key}
    columns_of_best = {key: column[0] for key, column in best.items() if column is not None}
    values = [float(columns_of_best[key][place]) if key in columns_of_best else None for place, key in enumerate(chosen)]
    return {HEADLINE: pa.array(chosen, pa.string()), f"{HEADLINE}|value": pa.array(values, pa.float64())}
