"""The values of a series at a step of each run, looked for among the points."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from runlake.read.search.columns import Ids, Numbers
from runlake.store.columns import as_array, as_numbers
from runlake.store.tables import TABLES, in_order
from runlake.store.view import View

__all__ = ["values_at"]

_COLUMNS = ["run_id", "step", "wall_ns", "value", "writer", "seq"]


def values_at(view: View, key: str, steps: Numbers, ids: Ids) -> Numbers:
    """Of each run the value at its step: where there are several, the last by time."""
    rows = view.whatever_vanishes(lambda: _rows_at(view, key, steps, ids))
    column = Numbers.none(len(ids))
    places = ids.places(rows["run_id"])
    column.values[places], column.known[places] = as_numbers(rows["value"]), True  # of several the last one stays
    return column


def _rows_at(view: View, key: str, steps: Numbers, ids: Ids) -> pa.Table:
    """The points of the runs at their steps, by run and time."""
    found = [TABLES["points"].no_rows.select(_COLUMNS)]
    for points in (*view.tables["points"].tables({"key": key}, _COLUMNS), view.waiting_points(key).select(_COLUMNS)):
        places = ids.places(points["run_id"])
        is_at = (places >= 0) & steps.known[places] & (steps.values[places] == as_numbers(points["step"])) if len(ids) else places < -1
        found.append(points.take(as_array(np.flatnonzero(is_at), pa.int64())))
    return in_order(pa.concat_tables(found), ("run_id", "wall_ns", "writer", "seq"))
